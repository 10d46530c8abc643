package etcdcoord

import (
	"encoding/json"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/soheilhy/cmux"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"google.golang.org/grpc"
)

// sniffTimeout bounds how long a new connection may leave open what it wants.
const sniffTimeout = 10 * time.Second

// front serves members and remote clients of a server on one listener: members speak HTTP/1, clients gRPC. Before the server itself runs,
// members are told that this one waits. Connections of a third kind, those of Kafka's protocol, are handed on where somebody takes them.
type front struct {
	listener net.Listener
	toClient net.Listener
	handler  atomic.Pointer[http.Handler]
	members  *http.Server
	clients  *grpc.Server // nil until serve
	requests *requests    // nil where nobody takes them
}

// openFront answers for a server that is not there yet.
func openFront(q *Quorum, logger *slog.Logger) *front {
	f := &front{listener: q.Listener}
	if q.TLS != nil {
		f.listener = q.TLS.listener(q.Listener, logger)
	}
	var waiting http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(waitingVoter{Voter: q.Self, URLs: q.urls()})
	})
	f.handler.Store(&waiting)
	f.members = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*f.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: sniffTimeout, ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	mux := cmux.New(f.listener)
	mux.SetReadTimeout(sniffTimeout)
	f.toClient = mux.Match(cmux.HTTP2())
	if q.Requests {
		f.requests = newRequests(mux.Match(isRequest))
	}
	members := mux.Match(cmux.HTTP1Fast())
	// Each ends when the front is closed; what they say then is no news. A connection that speaks none of the protocols is closed.
	mux.HandleError(func(error) bool { return true })
	go func() { _ = f.members.Serve(members) }()
	go func() { _ = mux.Serve() }()
	return f
}

// serve lets members and clients in to the server.
func (f *front) serve(etcd *embed.Etcd) {
	handler := etcdhttp.NewPeerHandler(etcd.GetLogger(), etcd.Server)
	f.handler.Store(&handler)
	f.clients = v3rpc.Server(etcd.Server, nil, nil, showLife()...)
	go func() { _ = f.clients.Serve(f.toClient) }()
}

func (f *front) close() {
	_ = f.listener.Close()
	if f.clients != nil {
		f.clients.Stop()
	}
	_ = f.members.Close()
}
