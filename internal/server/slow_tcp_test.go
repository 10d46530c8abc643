package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"milena/internal/netio"
	"milena/internal/vfs"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLargeRepliesToASlowReader: far more than a socket holds, from memory and from a file, to a client that reads late.
func TestLargeRepliesToASlowReader(t *testing.T) {
	const size = 24 << 20
	content := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.BigEndian.PutUint64(content[i:], uint64(i))
	}
	name := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := vfs.OS{}.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := newRig(t, netio.TCP{}, 0, nil)
	defer r.stop()
	slow, other := r.dial(), r.dial()
	defer slow.Close()
	defer other.Close()
	slow.send(request(kmsg.Produce, 3, 1, ""), request(kmsg.Produce, 3, 2, ""))
	var fromFile, fromMemory wire.Reply
	fromFile.Bytes([]byte("file:"))
	fromFile.File(vfs.Range{File: file, Offset: 5, Size: size - 5})
	fromMemory.Bytes(content)
	first, second := <-r.parked, <-r.parked
	first.Answer(fromFile)
	second.Answer(fromMemory)
	for i := range int32(50) {
		other.send(request(kmsg.Heartbeat, 0, i, "other"))
		other.expect(i, "other")
	}
	for id, want := range [][]byte{append([]byte("file:"), content[5:]...), content} {
		got := make([]byte, 8+size)
		if _, err := io.ReadFull(slow, got); err != nil {
			t.Fatal(err)
		}
		if int(binary.BigEndian.Uint32(got[4:])) != id+1 || !bytes.Equal(got[8:], want) {
			t.Fatalf("reply %d is not what was sent", id+1)
		}
	}
}

// TestAFileThatEndsEarlyClosesTheConnection: what was announced cannot be kept.
func TestAFileThatEndsEarlyClosesTheConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		name := filepath.Join(t.TempDir(), "segment")
		if err := os.WriteFile(name, make([]byte, 50_000), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := vfs.OS{}.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		c.send(request(kmsg.Fetch, 4, 1, ""))
		released := make(chan struct{})
		var reply wire.Reply
		reply.File(vfs.Range{File: file, Size: 100_000})
		reply.Release = append(reply.Release, func() { close(released) })
		(<-r.parked).Answer(reply)
		if b, _ := io.ReadAll(c); len(b) > 50_008 {
			t.Fatalf("%d bytes", len(b))
		}
		<-released
		if log := r.log.String(); !bytes.Contains([]byte(log), []byte("a reply cannot be finished")) {
			t.Fatalf("log: %s", log)
		}
	})
}
