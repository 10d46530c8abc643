package sim

import (
	"context"
	"testing"

	"milena/internal/clusterstore"
	"milena/internal/coord"
	"milena/internal/coord/memcoord"
)

// TestObserverKnowsTopicsThatAreMadeAnew shows the observer a topic that is deleted and made again, whose node is there before its states are,
// and then a state that begins anew in the same topic.
func TestObserverKnowsTopicsThatAreMadeAnew(t *testing.T) {
	ctx := context.Background()
	store := clusterstore.New(memcoord.Open())
	must(t, store.EnsureParents(ctx))
	session, err := store.Coord().NewSession(ctx, 6000)
	must(t, err)
	epoch, err := store.Elect(ctx, session, clusterstore.ElectedController{BrokerID: 1}, 0)
	must(t, err)
	found := 0
	o := newObserver(&world{t: t, look: store, complain: func(string, ...any) { found++ }})
	id := partitionID("a", 0)
	create := func(topic byte) {
		must(t, store.CreateTopic(ctx, &clusterstore.Topic{
			Name: "a", ID: [16]byte{topic}, Partitions: []clusterstore.Assignment{{Replicas: []int32{1, 2}}},
		}, nil))
		o.lookAtStore(ctx)
	}
	lead := func(fresh map[string]bool) *clusterstore.PartitionState {
		state := &clusterstore.PartitionState{Leader: 1, ISR: []int32{1, 2}, ControllerEpoch: epoch.Number, LastLeader: -1}
		must(t, store.CreatePartitionStates(ctx, epoch, map[clusterstore.PartitionID]*clusterstore.PartitionState{id: state}, fresh))
		o.lookAtStore(ctx)
		return state
	}
	create(1)
	state := lead(map[string]bool{"a": true})
	state.LeaderEpoch++
	_, err = store.UpdatePartitionStates(ctx, epoch, map[clusterstore.PartitionID]*clusterstore.PartitionState{id: state})
	must(t, err)
	o.lookAtStore(ctx)
	must(t, store.RemoveTopic(ctx, epoch, "a"))
	create(2)
	state = lead(map[string]bool{"a": true})
	if found != 0 {
		t.Fatalf("another topic of the same name counts as %d broken promises", found)
	}
	state.LeaderEpoch++
	_, err = store.UpdatePartitionStates(ctx, epoch, map[clusterstore.PartitionID]*clusterstore.PartitionState{id: state})
	must(t, err)
	o.lookAtStore(ctx)
	must(t, store.Coord().Delete(ctx, clusterstore.PartitionStatePath("a", 0), coord.AnyVersion))
	lead(nil)
	if found != 1 {
		t.Fatalf("a state that begins anew counts as %d broken promises", found)
	}
}
