package etcdcoord

import (
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/soheilhy/cmux"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"google.golang.org/grpc"
)

// Member is one of several servers that make up the store together.
type Member struct {
	ID   int32
	Host string
	Port int
}

func (m *Member) name() string    { return "voter-" + strconv.Itoa(int(m.ID)) }
func (m *Member) address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }
func (m *Member) peerURL() string { return "http://" + m.address() }

// Quorum is the server's place among others.
type Quorum struct {
	Self    int32
	Members []Member // this one included; all members are given the same list
	// Listener is where the other members and remote clients come in.
	Listener net.Listener
}

// Timing of members that talk over a network: a leader that is gone is missed within one to two electionMs.
const (
	quorumTickMs     = 40
	quorumElectionMs = 400
)

// sniffTimeout bounds how long a new connection may leave open what it wants.
const sniffTimeout = 10 * time.Second

// join makes a member's configuration of a lone one's. What it names counts for a new cluster; a member that has been there finds the others
// in its own files.
func (q *Quorum) join(config *embed.Config) error {
	var cluster []string
	var own *Member
	for i := range q.Members {
		m := &q.Members[i]
		cluster = append(cluster, m.name()+"="+m.peerURL())
		if m.ID == q.Self {
			own = m
		}
	}
	if own == nil {
		return fmt.Errorf("member %d is not among the members", q.Self)
	}
	advertised, err := url.Parse(own.peerURL())
	if err != nil {
		return err
	}
	config.Name, config.AdvertisePeerUrls = own.name(), []url.URL{*advertised}
	config.InitialCluster = strings.Join(cluster, ",")
	config.TickMs, config.ElectionMs = quorumTickMs, quorumElectionMs
	return nil
}

// front serves members and remote clients of a server on one listener: members speak HTTP/1, clients gRPC.
type front struct {
	listener net.Listener
	members  *http.Server
	clients  *grpc.Server
}

func serveFront(etcd *embed.Etcd, l net.Listener) *front {
	f := &front{
		listener: l, clients: v3rpc.Server(etcd.Server, nil, nil),
		members: &http.Server{
			Handler:           etcdhttp.NewPeerHandler(etcd.GetLogger(), etcd.Server),
			ReadHeaderTimeout: sniffTimeout, ErrorLog: stdlog.New(io.Discard, "", 0),
		},
	}
	mux := cmux.New(l)
	mux.SetReadTimeout(sniffTimeout)
	clients, members := mux.Match(cmux.HTTP2()), mux.Match(cmux.Any())
	// Each ends when the front is closed; what they say then is no news.
	go func() { _ = f.clients.Serve(clients) }()
	go func() { _ = f.members.Serve(members) }()
	go func() { _ = mux.Serve() }()
	return f
}

func (f *front) close() {
	_ = f.listener.Close()
	f.clients.Stop()
	_ = f.members.Close()
}
