package api

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"milena/internal/metadata"
)

// endpoint is where a client is told to find a broker: the broker's endpoint on the listener the client came by. Without
// advertised.listeners, the client is told the address at which it has just reached this broker; ok is false where the broker has no such listener.
func (s *Services) endpoint(broker *metadata.Broker, client *Client) (metadata.Endpoint, bool) {
	endpoint, ok := broker.Endpoints[client.Listener]
	if !ok {
		return endpoint, false
	}
	if cfg := s.Config.Broker(); broker.ID == cfg.BrokerID && cfg.AdvertisedListeners == nil {
		if host, port, ok := reached(client); ok {
			endpoint.Host, endpoint.Port = host, port
		}
	}
	return endpoint, true
}

// reached is the address a client reached. A listener bound to a name is told by that name: all its connections came by it.
func reached(client *Client) (host string, port int32, ok bool) {
	if client.Local == nil {
		return "", 0, false
	}
	host, portText, err := net.SplitHostPort(client.Local.String())
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.ParseInt(portText, 10, 32)
	if err != nil {
		return "", 0, false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.WithZone("").Unmap().String()
	}
	if client.ListenerHost != "" {
		if _, err := netip.ParseAddr(client.ListenerHost); err != nil {
			host = client.ListenerHost
		}
	}
	return host, int32(n), host != ""
}

// nodeEndpoint is a broker with the endpoint that a client is told.
type nodeEndpoint struct {
	id       int32
	endpoint metadata.Endpoint
	rack     *string
}

// nodes lists the live brokers that have the client's listener, by id.
func (s *Services) nodes(image *metadata.Image, client *Client) []nodeEndpoint {
	list := make([]nodeEndpoint, 0, len(image.Brokers))
	for id, broker := range image.Brokers {
		if endpoint, ok := s.endpoint(&broker, client); ok {
			list = append(list, nodeEndpoint{id, endpoint, broker.Rack})
		}
	}
	slices.SortFunc(list, func(a, b nodeEndpoint) int { return cmp.Compare(a.id, b.id) })
	return list
}
