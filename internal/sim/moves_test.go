package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"milena/internal/clusterstore"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// moves are reassignments, and where the partitions are to be in the end: what was last told to be accepted; nil is in doubt.
type moves struct {
	*world
	wanted [partitions][]int32
}

// run gives partitions of the topic other replicas, or the same in another order, often while the last reassignment goes on, and sometimes takes
// one back.
func (m *moves) run(ctx context.Context) {
	c := m.client()
	defer c.Close()
	admin := kadm.NewClient(c)
	rng := rand.New(rand.NewPCG(m.seed, 300))
	for ctx.Err() == nil {
		time.Sleep(time.Duration(500+rng.IntN(8000)) * time.Millisecond)
		p := int32(rng.IntN(partitions))
		var target []int32
		if rng.IntN(5) > 0 {
			for _, at := range rng.Perm(len(m.nodes))[:2+min(1, rng.IntN(4))] {
				target = append(target, int32(at+1))
			}
		}
		if err := m.move(ctx, admin, p, target); err != nil {
			time.Sleep(20 * time.Second) // it may still come true, and must not after a later one
		}
	}
}

// move asks for one reassignment, or takes it back; the error is that of a request of which nobody knows what became of it.
func (m *moves) move(ctx context.Context, admin *kadm.Client, p int32, target []int32) error {
	var req kadm.AlterPartitionAssignmentsReq
	if target == nil {
		req.CancelAssign(topicName, p)
	} else {
		req.Assign(topicName, p, target)
	}
	moving := m.goesOn(p)
	if moving {
		// What takes its place, as in Kafka, leaves out at once the replicas that were being added, in sync or not.
		if !m.mayLoseCopies() {
			return nil
		}
		defer m.whole.Store(false)
	}
	before := m.wanted[p]
	m.wanted[p] = nil
	attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	answers, err := admin.AlterPartitionAssignments(attempt, req)
	if err == nil {
		err = answers[topicName][p].Err
	}
	m.say("partition %d: to %v: %v", p, target, err)
	switch err {
	case nil:
		m.wanted[p] = target
	case kerr.NoReassignmentInProgress:
		if !moving { // else it has ended, or the client has asked again after a reply that was lost
			m.wanted[p] = before
		}
	case kerr.InvalidReplicaAssignment:
		m.wanted[p] = before
	default:
		return err
	}
	return nil
}

// goesOn tells whether a partition is being reassigned, or may be.
func (m *moves) goesOn(p int32) bool {
	t, err := m.look.Topic(context.Background(), topicName)
	return err != nil || t.Partitions[p].Moving()
}

// checkMoves: every partition is where it was last asked to be.
func (w *world) checkMoves(m *moves) {
	t, err := w.look.Topic(context.Background(), topicName)
	must(w.t, err)
	for p, wanted := range m.wanted {
		if got := t.Partitions[p]; wanted != nil && !slices.Equal(got.Replicas, wanted) {
			w.violation("partition %d: replicas %v, though %v was accepted", p, got.Replicas, wanted)
		}
	}
}

// moving names a partition whose reassignment goes on.
func moving(topics []*clusterstore.Topic) string {
	for _, t := range topics {
		for i, a := range t.Partitions {
			if a.Moving() {
				return partitionID(t.Name, i).String()
			}
		}
	}
	return ""
}
