package server

import (
	"errors"
	"net"
	"time"

	"milena/internal/config"
	"milena/internal/metrics"
)

// acceptPause is how long a listener waits after it could not accept (mostly: too many open files).
const acceptPause = time.Second

// listener accepts the connections of one endpoint.
type listener struct {
	server  *Server
	config  config.Listener
	socket  net.Listener
	metrics *metrics.Listener
}

// accept runs until the listener is closed.
func (l *listener) accept() {
	s := l.server
	for {
		socket, err := l.socket.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !s.pause(acceptPause) {
				return
			}
			s.complain.warn("cannot accept connections", "listener", l.config.Name, "reason", err)
			continue
		}
		if !l.admit(socket) {
			_ = socket.Close()
		}
	}
}

// pause waits; false where the server stops meanwhile.
func (s *Server) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stop:
		return false
	}
}

// admit takes a connection in, or refuses it.
func (l *listener) admit(socket net.Conn) bool {
	s := l.server
	address := hostOf(socket.RemoteAddr())
	// Brokers must reach each other even when clients have taken every connection: on a listener of their own they take another's place.
	protected := len(s.opts.Listeners) > 1 && l.config.Name == s.opts.Config.Broker().InterBrokerListener
	switch full := s.quota.full(); {
	case full == "":
	case protected:
		s.closeIdlest(l)
	default:
		s.complain.warn("connections wait until others end", "listener", l.config.Name, "reason", full)
	}
	if err := s.quota.enter(address, protected); err != nil {
		l.metrics.Refused.Inc()
		s.complain.warn("refused a connection", "listener", l.config.Name, "address", address, "reason", err)
		return false
	}
	c := newConn(l, socket, address)
	l.metrics.Created.Inc()
	l.metrics.Connections.Add(1)
	if !s.add(c) {
		s.remove(c)
		resetOnClose(socket)
		return false
	}
	return true
}

// hostOf is the host of an address, or all of it where it has no port.
func hostOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
