package clusterstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"

	"milena/internal/coord"
)

// Broker is a registration under /brokers/ids.
type Broker struct {
	ID        int32
	Endpoints []Endpoint
	Rack      string // "" none
	// TimestampMs is when the broker registered.
	TimestampMs int64
	// Directory is the mark of a Milena broker: the identity of the data it holds. "" for Kafka's own brokers.
	Directory string
	// InterBroker is the name of the broker's listener for others; "" where all brokers are configured alike, as Kafka demands, and whoever
	// asks knows it.
	InterBroker string
	// Unclean tells that the broker may have lost records it had acknowledged; the controller takes that in and then takes it back (Settle).
	Unclean bool
	// Epoch is the CreateID of the node (Kafka: czxid), set when read.
	Epoch int64
	// Session is the session that holds the node, Version the version of its data; set when read.
	Session int64
	Version int32
}

// Endpoint is one advertised listener.
type Endpoint struct {
	Listener string
	Host     string // "" not told
	Port     int
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
}

// Endpoint finds a listener's endpoint.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.Listener == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

// EndpointForBrokers finds the endpoint by which other brokers reach this one: listener is its name where the broker does not say.
func (b *Broker) EndpointForBrokers(listener string) (Endpoint, bool) {
	return b.Endpoint(cmp.Or(b.InterBroker, listener))
}

// /brokers/ids/N, version 5:
//
//	{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://host:9092"],
//	 "rack":"r","jmx_port":-1,"port":9092,"host":"host","version":5,"timestamp":"1795376059706",
//	 "milena":{"directory":"…","interBroker":"PLAINTEXT","unclean":true}}
//
// Version 1 has host and port alone, 2 adds endpoints (named by their protocol), 3 the rack, 4 the map, 5 the features.
type brokerJSON struct {
	Features    map[string]any    `json:"features"`
	ProtocolMap map[string]string `json:"listener_security_protocol_map"`
	Endpoints   []string          `json:"endpoints"`
	Rack        string            `json:"rack,omitempty"`
	JMXPort     int               `json:"jmx_port"`
	Port        int               `json:"port"`
	Host        *string           `json:"host"`
	Version     int               `json:"version"`
	Timestamp   flexibleInt       `json:"timestamp"`
	Milena      *brokerMark       `json:"milena,omitempty"`
}

type brokerMark struct {
	Directory   string `json:"directory"`
	InterBroker string `json:"interBroker,omitempty"`
	Unclean     bool   `json:"unclean,omitempty"`
}

func encodeBroker(b *Broker) []byte {
	j := brokerJSON{
		Features: map[string]any{}, ProtocolMap: map[string]string{}, Endpoints: []string{}, Rack: b.Rack, JMXPort: -1, Port: -1,
		Version: 5, Timestamp: flexibleInt(b.TimestampMs),
	}
	for _, e := range b.Endpoints {
		j.ProtocolMap[e.Listener] = e.Protocol
		j.Endpoints = append(j.Endpoints, e.Listener+"://"+bracketed(e.Host)+":"+strconv.Itoa(e.Port))
		if e.Protocol == "PLAINTEXT" && j.Host == nil {
			j.Host, j.Port = &e.Host, e.Port
		}
	}
	if b.Directory != "" {
		j.Milena = &brokerMark{Directory: b.Directory, InterBroker: b.InterBroker, Unclean: b.Unclean}
	}
	return encode(j)
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func decodeBroker(id int32, data []byte) (*Broker, error) {
	path := BrokerPath(id)
	var j brokerJSON
	if err := decode(path, data, &j); err != nil {
		return nil, err
	}
	b := &Broker{ID: id, Rack: j.Rack, TimestampMs: int64(j.Timestamp)}
	if j.Milena != nil {
		b.Directory, b.InterBroker, b.Unclean = j.Milena.Directory, j.Milena.InterBroker, j.Milena.Unclean
	}
	if j.Version < 1 {
		return nil, corrupt(path, "unsupported version "+strconv.Itoa(j.Version))
	}
	if j.Version == 1 {
		if j.Host == nil {
			return nil, corrupt(path, "no host")
		}
		b.Endpoints = []Endpoint{{Listener: "PLAINTEXT", Host: *j.Host, Port: j.Port, Protocol: "PLAINTEXT"}}
		return b, nil
	}
	for _, text := range j.Endpoints {
		listener, address, ok := strings.Cut(text, "://")
		host, port, err := net.SplitHostPort(address)
		number, err2 := strconv.Atoi(port)
		if !ok || err != nil || err2 != nil {
			return nil, corrupt(path, fmt.Sprintf("endpoint %q is not LISTENER://host:port", text))
		}
		protocol := listener
		if mapped := j.ProtocolMap[listener]; mapped != "" {
			protocol = mapped
		}
		b.Endpoints = append(b.Endpoints, Endpoint{Listener: listener, Host: host, Port: number, Protocol: protocol})
	}
	return b, nil
}

// Brokers reads all registrations, sorted by id.
func (s *Store) Brokers(ctx context.Context) ([]*Broker, error) {
	children, err := s.coord.List(ctx, BrokerIDsPath)
	if err != nil {
		return nil, fmt.Errorf("clusterstore: reading brokers: %w", err)
	}
	brokers := make([]*Broker, 0, len(children))
	for _, c := range children {
		id, err := strconv.ParseInt(c.Name, 10, 32)
		if err != nil {
			return nil, corrupt(BrokerIDsPath+"/"+c.Name, "not a broker id")
		}
		b, err := brokerOf(int32(id), c.Node)
		if err != nil {
			return nil, err
		}
		brokers = append(brokers, b)
	}
	sort.Slice(brokers, func(i, j int) bool { return brokers[i].ID < brokers[j].ID })
	return brokers, nil
}

func brokerOf(id int32, node coord.Node) (*Broker, error) {
	b, err := decodeBroker(id, node.Data)
	if err == nil {
		b.Epoch, b.Session, b.Version = node.Stat.CreateID, node.Stat.EphemeralOwner, node.Stat.Version
	}
	return b, err
}

// Broker reads one registration; coord.ErrNoNode where there is none.
func (s *Store) Broker(ctx context.Context, id int32) (*Broker, error) {
	node, err := s.coord.Get(ctx, BrokerPath(id))
	if err != nil {
		return nil, err
	}
	return brokerOf(id, node)
}

// Register makes a registration that lives with the session and returns its epoch. coord.ErrNodeExists where another session holds one.
func (s *Store) Register(ctx context.Context, session coord.Session, b *Broker) (epoch int64, err error) {
	_, err = s.coord.Create(ctx, coord.Create{Path: BrokerPath(b.ID), Data: encodeBroker(b), Session: session})
	if err != nil && !errors.Is(err, coord.ErrNodeExists) {
		return 0, fmt.Errorf("clusterstore: registering broker %d: %w", b.ID, err)
	}
	node, getErr := s.coord.Get(ctx, BrokerPath(b.ID))
	if getErr != nil {
		return 0, getErr
	}
	if err != nil && node.Stat.EphemeralOwner != session.ID() {
		return 0, fmt.Errorf("clusterstore: registering broker %d: %w", b.ID, err)
	}
	return node.Stat.CreateID, nil
}

// UpdateRegistration replaces a registration's facts (listeners changed at run time); its epoch stays.
func (s *Store) UpdateRegistration(ctx context.Context, b *Broker) error {
	_, err := s.coord.Set(ctx, BrokerPath(b.ID), encodeBroker(b), coord.AnyVersion)
	return err
}

// Settle takes Unclean back in a registration as it was read, by a controller: it has taken in what that tells. b changes with it. false where
// the registration is another one by now.
func (s *Store) Settle(ctx context.Context, epoch Epoch, b *Broker) (bool, error) {
	settled := *b
	settled.Unclean = false
	path := BrokerPath(b.ID)
	results, err := s.coord.Multi(ctx, epoch.Guard(), coord.Check{Path: path, Version: b.Version, CreateID: b.Epoch},
		coord.Set{Path: path, Data: encodeBroker(&settled), Version: b.Version})
	if err = fenced(err); err != nil && !errors.Is(err, ErrFenced) && (errors.Is(err, coord.ErrBadVersion) || errors.Is(err, coord.ErrNoNode)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Nothing else of it is touched: requests to brokers that are being sent point into it.
	b.Unclean, b.Version = false, results[2].Stat.Version
	return true, nil
}

// Unregister removes the registration of one epoch, whatever its listeners are by now; coord.ErrBadVersion or ErrNoNode where there is another
// one, or none.
func (s *Store) Unregister(ctx context.Context, b *Broker) error {
	_, err := s.coord.Multi(ctx, coord.Delete{Path: BrokerPath(b.ID), Version: coord.AnyVersion, CreateID: b.Epoch})
	return coord.Single(err)
}

// NextBrokerID draws a broker id that nobody had (broker.id.generation.enable): above reserved.
func (s *Store) NextBrokerID(ctx context.Context, reserved int32) (int32, error) {
	stat, err := s.coord.Set(ctx, brokerSequencePath, nil, coord.AnyVersion)
	if err != nil {
		return 0, err
	}
	return reserved + stat.Version, nil
}
