package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"milena/internal/api"
	"milena/internal/config"
	"milena/internal/netio"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What the tests' rows do with a call. Heartbeat answers at once, Produce and Fetch park; Produce overlaps.
type rig struct {
	t      *testing.T
	server *Server
	log    lockedBuffer
	parked chan *api.Call
}

// newRig starts a server on a network; tune changes its configuration before.
func newRig(t *testing.T, network netio.Net, port int, tune func(*config.Broker)) *rig {
	return newRigOf(t, network, port, tune, func(*Options) {})
}

// newRigOf changes what the server is made of, besides.
func newRigOf(t *testing.T, network netio.Net, port int, tune func(*config.Broker), change func(*Options)) *rig {
	t.Helper()
	cfg, _, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(cfg)
	}
	r := &rig{t: t, parked: make(chan *api.Call, 1000)}
	park := func(c *api.Call, _ kmsg.Request) { r.parked <- c }
	options := Options{
		Net:       network,
		Listeners: []config.Listener{{Name: "PLAINTEXT", Host: "127.0.0.1", Port: port, Protocol: "PLAINTEXT"}},
		Config:    config.NewLive(cfg),
		Logger:    slog.New(slog.NewTextHandler(&r.log, nil)),
		Table: []api.Row{
			{Key: int16(kmsg.Produce), Min: 3, Max: 8, Raw: true, Overlaps: true, Handle: park},
			{Key: int16(kmsg.Fetch), Min: 4, Max: 11, Raw: true, Handle: park},
			{Key: int16(kmsg.ApiVersions), Min: 0, Max: 4, Handle: func(c *api.Call, _ kmsg.Request) { echo(c) }},
			{Key: int16(kmsg.Heartbeat), Min: 0, Max: 3, Raw: true, Handle: func(c *api.Call, _ kmsg.Request) { echo(c) }},
			{Key: int16(kmsg.LeaveGroup), Min: 0, Max: 3, Handle: func(c *api.Call, _ kmsg.Request) { echo(c) }},
			{Key: int16(kmsg.SyncGroup), Min: 0, Max: 3, Raw: true, Handle: func(c *api.Call, _ kmsg.Request) { c.NoAnswer() }},
		},
	}
	change(&options)
	r.server = New(options)
	if err := r.server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.server.Stop(ctx)
}

// echo answers with the body.
func echo(c *api.Call) {
	var reply wire.Reply
	reply.Bytes(bytes.Clone(c.Body))
	c.Answer(reply)
}

// request is a framed request of a key, with a body.
func request(key kmsg.Key, version int16, id int32, body string) []byte {
	b := wire.AppendRequestHeader(make([]byte, 4), wire.RequestHeader{Key: int16(key), Version: version, CorrelationID: id, ClientID: "tester"})
	b = append(b, body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// client is a raw connection to the server.
type client struct {
	t *testing.T
	net.Conn
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := r.server.opts.Net.Dial(context.Background(), r.server.Addr("PLAINTEXT").String())
	if err != nil {
		r.t.Fatal(err)
	}
	return &client{r.t, c}
}

func (c *client) send(parts ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(parts, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads one reply.
func (c *client) receive() (id int32, body string) {
	c.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal(err)
	}
	return int32(binary.BigEndian.Uint32(b)), string(b[4:])
}

func (c *client) expect(id int32, body string) {
	c.t.Helper()
	gotID, gotBody := c.receive()
	if gotID != id || gotBody != body {
		c.t.Fatalf("got reply %d %.80q, want %d %.80q", gotID, gotBody, id, body)
	}
}

// expectClosed reads until the server has closed the connection; nothing else may come.
func (c *client) expectClosed() {
	c.t.Helper()
	if b, err := io.ReadAll(c); len(b) > 0 {
		c.t.Fatalf("got %d bytes and %v instead of a closed connection", len(b), err)
	}
}
