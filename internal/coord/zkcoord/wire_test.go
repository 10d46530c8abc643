package zkcoord

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/internal/coord"
	"milena/internal/netio"
)

// script is a network with one server, which answers the handshake, the watch, and then each request with what the test says.
type script struct {
	netio.TCP
	handshake []byte
	reply     func(xid, opcode int32) []byte // nil: no answer
}

func (s script) Dial(context.Context, string) (net.Conn, error) {
	client, server := net.Pipe()
	go s.serve(server)
	return client, nil
}

func (s script) serve(c net.Conn) {
	defer c.Close()
	for first := true; ; first = false {
		length := make([]byte, 4)
		if _, err := io.ReadFull(c, length); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint32(length))
		if _, err := io.ReadFull(c, request); err != nil {
			return
		}
		answer := s.handshake
		if !first {
			xid, opcode := int32At(request, 0), int32At(request, 4)
			if answer = reply(xid, 0); opcode != opAddWatch {
				answer = s.reply(xid, opcode)
			}
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func frame(parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func number(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func reply(xid, code int32, body ...[]byte) []byte {
	return frame(number(xid), make([]byte, 8), number(code), slices.Concat(body...))
}

// goodHandshake grants a session of 4 s.
func goodHandshake() []byte {
	return frame(number(0), number(4000), make([]byte, 7), []byte{1}, number(16), make([]byte, 16))
}

func TestHostileHandshake(t *testing.T) {
	for name, handshake := range map[string][]byte{
		"nothing":     {},
		"short":       frame([]byte("abc")),
		"huge":        {0xff, 0xff, 0xff, 0xff},
		"password":    frame(make([]byte, 16), number(1<<30)),
		"no password": frame(make([]byte, 16)),
		"http":        []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	} {
		_, err := Open(t.Context(), Options{
			Servers: []string{"zookeeper:2181"}, Net: script{handshake: handshake}, ConnectTimeout: 100 * time.Millisecond,
		})
		if !errors.Is(err, coord.ErrUnavailable) || !strings.Contains(err.Error(), "zookeeper:2181") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileReplies: nonsense in answers to reads is ErrUnavailable, without much memory and without a panic.
func TestHostileReplies(t *testing.T) {
	for name, body := range map[string]func(xid int32) []byte{
		"short frame":   func(int32) []byte { return frame([]byte("abc")) },
		"huge frame":    func(int32) []byte { return []byte{0x7f, 0xff, 0xff, 0xff} },
		"no body":       func(xid int32) []byte { return reply(xid, 0) },
		"announces all": func(xid int32) []byte { return reply(xid, 0, number(1<<30)) },
		"cut":           func(xid int32) []byte { return reply(xid, 0, number(2), number(1), []byte("x")) },
		"another's":     func(xid int32) []byte { return reply(xid+7, 0) },
		"unknown code":  func(xid int32) []byte { return reply(xid, -77) },
	} {
		s, err := Open(t.Context(), Options{Servers: []string{"zookeeper:2181"}, RequestTimeout: 100 * time.Millisecond, Net: script{
			handshake: goodHandshake(),
			reply:     func(xid, _ int32) []byte { return body(xid) },
		}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, request := range map[string]func() error{
			"get":      func() error { _, err := s.Get(t.Context(), "/n"); return err },
			"children": func() error { _, err := s.Children(t.Context(), "/n"); return err },
		} {
			if err := request(); !errors.Is(err, coord.ErrUnavailable) && !errors.Is(err, coord.ErrTooLarge) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		go s.Close() //nolint:errcheck // nobody answers it
	}
}
