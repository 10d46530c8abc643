package server

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"milena/internal/netio"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestStopResetsFreshConnections: who has not asked anything yet sees a broker that is gone, not one that has nothing to say; who has sees an
// orderly end.
func TestStopResetsFreshConnections(t *testing.T) {
	r := newRig(t, netio.TCP{}, 0, nil)
	used, fresh := r.dial(), r.dial()
	defer used.Close()
	defer fresh.Close()
	used.send(request(kmsg.Heartbeat, 0, 1, "a"))
	used.expect(1, "a")
	for r.connections() < 2 { // the other one is accepted after it
		used.send(request(kmsg.Heartbeat, 0, 2, "b"))
		used.expect(2, "b")
	}
	r.stop()
	var one [1]byte
	if _, err := fresh.Read(one[:]); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection without a request ended with %v", err)
	}
	if _, err := used.Read(one[:]); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that was used ended with %v", err)
	}
}

func (r *rig) connections() int {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return len(r.server.conns)
}
