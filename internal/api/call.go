// Package api answers requests: table.go has one row for each API key, NN_name.go one file for each key: decode, call a service, encode.
// What the services refuse is mapped to Kafka's error codes here and nowhere else (errors.go). It imports the rooms below and no connection:
// server hands it a Call and takes the reply. The one lock here is that of the fetch sessions (fetch_session_cache.go).
package api

import (
	"net"
	"sync/atomic"

	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client is the connection a request came by.
type Client struct {
	Listener        string   // name of the listener
	ListenerHost    string   // host of the listener in the configuration, "" for all interfaces
	Local           net.Addr // address the client reached
	Remote          net.Addr
	Principal       string // "User:ANONYMOUS"
	Software        string // from ApiVersions; written and read by the handlers of the client's connection, one after the other
	SoftwareVersion string
}

// Call is one request under way. A handler answers it exactly once, at once or later, from any goroutine.
type Call struct {
	Header wire.RequestHeader
	Client *Client
	// Body is the request after its header; it is valid until the answer has been given, or BodyDone called.
	Body []byte
	// BodyDone tells that nothing of Body is looked at any more: a request that then waits for long holds no memory. It may come after the
	// answer. Set by server.
	BodyDone func()
	// Answer hands the reply body (encoded at Header.Version) to the connection. Set by server.
	Answer func(wire.Reply)
	// Drop closes the connection instead of answering: malformed input, or acks=0 with an error. Set by server.
	Drop func(reason error)
	// NoAnswer ends a call that has no reply (acks=0). Set by server.
	NoAnswer func()

	gone atomic.Pointer[func()]
}

// connectionGone stands in gone after Gone.
var connectionGone = func() {}

// OnGone has f called once if the connection goes away before the call is answered (at once, if it is gone already): to end a wait
// that nobody will hear of. After that no answer is owed; one that is given all the same is dropped. A call has one such f, and f may
// run beside the answer.
func (c *Call) OnGone(f func()) {
	if !c.gone.CompareAndSwap(nil, &f) {
		f()
	}
}

// Gone tells the handler that the connection is gone. Called by server, at most once.
func (c *Call) Gone() {
	if f := c.gone.Swap(&connectionGone); f != nil {
		(*f)()
	}
}

// Waiting tells whether the handler waits for something that its client can as well ask for again.
func (c *Call) Waiting() bool { return c.gone.Load() != nil }

// Respond answers with a response of kmsg, encoded at the request's version.
func (c *Call) Respond(resp kmsg.Response) {
	resp.SetVersion(c.Header.Version)
	var reply wire.Reply
	reply.Bytes(resp.AppendTo(nil))
	c.Answer(reply)
}

// Row is one API key.
type Row struct {
	Key      int16
	Min, Max int16
	// Handle is called with the decoded request (nil where Raw).
	Handle func(*Call, kmsg.Request)
	// Raw rows decode the body themselves.
	Raw bool
	// Reorder, where set, puts the fields of a body of a version into kmsg's order, in place.
	Reorder func(version int16, body []byte)
	// InterBroker rows are served to brokers only.
	InterBroker bool
	// Overlaps: the connection's next request may begin while this one waits, if that one's row overlaps too.
	Overlaps bool
	// MaxBytes bounds the request's size (0: socket.request.max.bytes).
	MaxBytes int
}
