package broker

import (
	"context"
	"errors"
	"sync/atomic"

	"milena/internal/api"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// gate has clients wait that come while the broker starts. The listeners open before the broker joins its cluster, because the controller's
// requests come by them; what a client asks for meanwhile would be answered from a picture in which there are no brokers: a topic could not
// be created for want of replicas, a bootstrap would find nobody. So their requests wait until the broker has joined.
type gate struct {
	joined atomic.Bool
	opened chan struct{}
	ended  context.Context // the broker's life
}

func newGate(ended context.Context) *gate { return &gate{opened: make(chan struct{}), ended: ended} }

// open lets everyone in.
func (g *gate) open() {
	g.joined.Store(true)
	close(g.opened)
}

// errNotJoined is why a waiting request's connection is closed.
var errNotJoined = errors.New("the broker stopped before it had joined its cluster")

// guard puts the gate before the rows that are for clients. The connection itself waits, so that its requests keep their order: what an
// idempotent producer has sent in a row must be appended in that row.
func (g *gate) guard(rows []api.Row) []api.Row {
	for i := range rows {
		if opensEarly(rows[i].Key) {
			continue
		}
		handle := rows[i].Handle
		rows[i].Handle = func(call *api.Call, req kmsg.Request) {
			if g.joined.Load() {
				handle(call, req)
				return
			}
			select {
			case <-g.opened:
				handle(call, req)
			case <-g.ended.Done():
				call.Drop(errNotJoined)
			}
		}
	}
	return rows
}

// opensEarly tells of the requests that brokers need to join a cluster, this one or another.
func opensEarly(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.ApiVersions, kmsg.LeaderAndISR, kmsg.StopReplica, kmsg.UpdateMetadata, kmsg.ControlledShutdown, kmsg.AlterPartition,
		kmsg.AllocateProducerIDs:
		return true
	}
	return false
}
