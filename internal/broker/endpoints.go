package broker

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/controller"
	"milena/internal/netio"
	"milena/internal/peer"
)

// endpoints is what this broker registers: what is advertised, or its listeners with the ports they have got.
func (b *Broker) endpoints(cfg *config.Broker) []clusterstore.Endpoint {
	listeners := cfg.AdvertisedListeners
	if listeners == nil {
		listeners = cfg.Listeners
	}
	all := make([]clusterstore.Endpoint, 0, len(listeners))
	for _, l := range listeners {
		e := clusterstore.Endpoint{Listener: l.Name, Host: l.Host, Port: l.Port, Protocol: l.Protocol}
		if e.Port == 0 {
			_, e.Port = b.bound(l.Name)
		}
		if e.Host == "" || net.ParseIP(e.Host).IsUnspecified() {
			e.Host = hostName()
		}
		all = append(all, e)
	}
	return all
}

// advertise puts a changed advertised.listeners into the registration, from where the controller tells every broker. The registration is
// written on a goroutine of its own: the change of the configuration does not wait for the store.
func (b *Broker) advertise(old, now *config.Broker) {
	if slices.Equal(old.AdvertisedListeners, now.AdvertisedListeners) {
		return
	}
	b.running.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, time.Duration(now.RequestTimeoutMs)*time.Millisecond)
		defer cancel()
		if err := b.membership.SetEndpoints(ctx, b.endpoints(now)); err != nil {
			b.options.Logger.Error("the changed advertised.listeners cannot be registered; change them again, or restart", "error", err)
		}
	})
}

func hostName() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// bound is the host and port that a listener has got.
func (b *Broker) bound(listener string) (host string, port int) {
	address := b.server.Addr(listener)
	if address == nil {
		return "", 0
	}
	host, text, err := net.SplitHostPort(address.String())
	if err != nil {
		return "", 0
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		return "", 0
	}
	return host, port
}

// dialPeer makes the connections between brokers. This broker reaches itself at the address it listens on, since the name it advertises need
// not resolve here.
func (b *Broker) dialPeer(network netio.Net, address string) controller.Link {
	return b.openPeer(network, address)
}

func (b *Broker) openPeer(network netio.Net, address string) *peer.Conn {
	return peer.Open(selfAware{network, b}, address, "broker-"+strconv.Itoa(int(b.live.Broker().BrokerID)))
}

// selfAware dials this broker's own advertised address at its listener.
type selfAware struct {
	netio.Net
	broker *Broker
}

func (s selfAware) Dial(ctx context.Context, address string) (net.Conn, error) {
	cfg := s.broker.live.Broker()
	for _, e := range s.broker.endpoints(cfg) {
		if e.Listener != cfg.InterBrokerListener || net.JoinHostPort(e.Host, strconv.Itoa(e.Port)) != address {
			continue
		}
		host, port := s.broker.bound(e.Listener)
		if ip := net.ParseIP(host); ip.IsUnspecified() {
			host = "127.0.0.1"
			if ip.To4() == nil {
				host = "localhost"
			}
		}
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return s.Net.Dial(ctx, address)
}
