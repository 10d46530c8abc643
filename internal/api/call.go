// Package api answers requests: table.go has one row for each API key, NN_name.go one file for each key: decode, call a service, encode.
// What the services refuse is mapped to Kafka's error codes here and nowhere else (errors.go).
package api

import (
	"net"

	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Client is the connection a request came by.
type Client struct {
	Listener        string   // name of the listener
	Local           net.Addr // address the client reached
	Remote          net.Addr
	Principal       string // "User:ANONYMOUS"
	Software        string // from ApiVersions
	SoftwareVersion string
}

// Call is one request under way. A handler answers it exactly once, at once or later, from any goroutine.
type Call struct {
	Header wire.RequestHeader
	Client *Client
	// Body is the request after its header; it is valid until the answer has been given.
	Body []byte
	// Answer hands the reply body (encoded at Header.Version) to the connection. Set by server.
	Answer func(wire.Reply)
	// Drop closes the connection instead of answering: malformed input, or acks=0 with an error. Set by server.
	Drop func(reason error)
	// NoAnswer ends a call that has no reply (acks=0). Set by server.
	NoAnswer func()
}

// Row is one API key.
type Row struct {
	Key      int16
	Min, Max int16
	// Handle is called with the decoded request (nil where Raw).
	Handle func(*Call, kmsg.Request)
	// Raw rows decode the body themselves.
	Raw bool
	// InterBroker rows are served to brokers only.
	InterBroker bool
	// Overlaps: the connection's next request may begin while this one waits, if that one's row overlaps too.
	Overlaps bool
	// MaxBytes bounds the request's size (0: socket.request.max.bytes).
	MaxBytes int
}
