package simnet

import (
	"context"
	"net"
	"os"
	"syscall"
	"time"
)

// Dial connects to a host by its name, or to this host by a loopback name.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	remote, err := splitAddress(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	c, err := h.dial(ctx, remote)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: remote, Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, remote Addr) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, os.NewSyscallError("connect", syscall.ETIMEDOUT))
	defer cancel()
	n := h.network
	to := h
	if !isLoopback(remote.Host) {
		n.mu.Lock()
		to = n.hosts[remote.Host]
		n.mu.Unlock()
	}
	if to == nil {
		return nil, unknownHost(remote.Host)
	}
	if err := n.cross(ctx, h.name, to.name); err != nil {
		return nil, err
	}
	client, refused := h.arriveAt(to, remote)
	if err := n.cross(ctx, to.name, h.name); err != nil {
		if client != nil {
			_ = client.Close()
		}
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return client, nil
}

// cross takes as long as the link does: while it is cut, until it is healed or ctx ends.
func (n *Network) cross(ctx context.Context, from, to string) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n.mu.Lock()
		delay, ok := n.open(from, to)
		changed := n.changed
		n.mu.Unlock()
		if ok && delay == 0 {
			return nil
		}
		if !ok {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// arriveAt puts a connection into the queue of a listener.
func (h *Host) arriveAt(to *Host, remote Addr) (*conn, error) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	l := to.listeners[remote.Port]
	refused := os.NewSyscallError("connect", syscall.ECONNREFUSED)
	if l == nil || l.loopbackOnly && !isLoopback(remote.Host) || len(l.queue) == cap(l.queue) {
		return nil, refused
	}
	local := Addr{h.name, h.freePort()}
	if isLoopback(remote.Host) {
		local.Host = remote.Host
	}
	client, server := n.connect(h, to, local, remote)
	l.queue <- server
	return client, nil
}
