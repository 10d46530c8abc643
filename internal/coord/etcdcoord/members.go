package etcdcoord

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// Member is one of several servers that make up the store together.
type Member struct {
	ID   int32
	Host string
	Port int
}

// memberPrefix stands before a voter's id in the name of its member.
const memberPrefix = "voter-"

func (m *Member) name() string    { return memberPrefix + strconv.Itoa(int(m.ID)) }
func (m *Member) address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

// String is ID@host:port, as controller.quorum.voters has it; without the id where it is not known.
func (m *Member) String() string {
	if m.ID < 0 {
		return m.address()
	}
	return strconv.Itoa(int(m.ID)) + "@" + m.address()
}

// Quorum is the server's place among others.
type Quorum struct {
	Self    int32
	Members []Member // this one included; all members are given the same list
	// Listener is where the other members and remote clients come in. Connections of it are secured by TLS, where that is not nil.
	Listener   net.Listener
	TLS        *TLS
	electionMs uint // of tests; 0: quorumElectionMs
	// Requests tells that connections of Kafka's protocol come in there too (Embedded.Requests).
	Requests bool
}

// Timing of members that talk over a network: a leader that is gone is missed within one to two electionMs.
const (
	quorumTickMs     = 40
	quorumElectionMs = 400
)

// url is where a member is reached.
func (q *Quorum) url(m *Member) string { return scheme(q.TLS) + m.address() }

func scheme(secured *TLS) string {
	if secured != nil {
		return "https://"
	}
	return "http://"
}

// self is this server's own place; nil for who is only a client.
func (q *Quorum) self() *Member {
	for i := range q.Members {
		if q.Members[i].ID == q.Self {
			return &q.Members[i]
		}
	}
	return nil
}

// urls of all members, in the order of the list.
func (q *Quorum) urls() (all []string) {
	for i := range q.Members {
		all = append(all, q.url(&q.Members[i]))
	}
	return all
}

// join makes a member's configuration of a lone one's. What it names counts for a new cluster; a member that has been there finds the others
// in its own files. A member that joins a cluster which is there already is given that cluster's members.
func (q *Quorum) join(config *embed.Config, existing []remoteMember) error {
	own := q.self()
	if own == nil {
		return fmt.Errorf("member %d is not among the members", q.Self)
	}
	address, err := url.Parse(q.url(own))
	if err != nil {
		return err
	}
	var cluster []string
	for i := range q.Members {
		cluster = append(cluster, q.Members[i].name()+"="+q.url(&q.Members[i]))
	}
	if existing != nil {
		config.ClusterState = embed.ClusterStateFlagExisting
		cluster = cluster[:0]
		for i := range existing {
			name := fmt.Sprintf("member-%d", i) // of no meaning: addresses tell which is which
			if existing[i].isAt(address.String()) {
				name = own.name()
			}
			for _, at := range existing[i].PeerURLs {
				cluster = append(cluster, name+"="+at)
			}
		}
	}
	config.Name = own.name()
	// That it has told a client's address is what shows the others that a member has been there (findPlace).
	config.AdvertisePeerUrls, config.AdvertiseClientUrls = []url.URL{*address}, []url.URL{*address}
	config.InitialCluster = strings.Join(cluster, ",")
	config.TickMs, config.ElectionMs = quorumTickMs, cmp.Or(q.electionMs, quorumElectionMs)
	if t := q.TLS; t != nil {
		keystore, truststore, err := t.files(config.Dir)
		if err != nil {
			return err
		}
		config.PeerTLSInfo = transport.TLSInfo{
			CertFile: keystore, KeyFile: keystore, TrustedCAFile: truststore, MinVersion: t.Server.MinVersion,
			MaxVersion: t.Server.MaxVersion, CipherSuites: t.Server.CipherSuites,
		}
	}
	return nil
}
