package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"milena/internal/coord"
	"milena/internal/coord/memcoord"
)

var ctx = context.Background()

func newStore(t *testing.T) *Store {
	t.Helper()
	s := New(memcoord.Open())
	if err := s.EnsureParents(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func session(t *testing.T, s *Store) coord.Session {
	t.Helper()
	session, err := s.Coord().NewSession(ctx, 6000)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestParentsAreMadeOnceAndCompleted(t *testing.T) {
	s := newStore(t)
	if err := s.EnsureParents(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Coord().Delete(ctx, "/config/ips", coord.AnyVersion); err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureParents(ctx); err != nil {
		t.Fatal(err)
	}
	for _, path := range persistentParents() {
		if _, err := s.Coord().Get(ctx, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestElectionFencesOldReigns(t *testing.T) {
	s := newStore(t)
	first, second := session(t, s), session(t, s)
	one, err := s.Elect(ctx, first, ElectedController{BrokerID: 1, Directory: "d1"}, 5)
	if err != nil || one.Number != 1 {
		t.Fatalf("%+v, %v", one, err)
	}
	if _, err := s.Elect(ctx, second, ElectedController{BrokerID: 2, Directory: "d2"}, 5); !errors.Is(err, coord.ErrNodeExists) {
		t.Fatalf("a second controller: %v", err)
	}
	if err := first.Close(ctx); err != nil {
		t.Fatal(err)
	}
	two, err := s.Elect(ctx, second, ElectedController{BrokerID: 2, Directory: "d2", Endpoint: "h:1"}, 5)
	if err != nil || two.Number != 2 {
		t.Fatalf("%+v, %v", two, err)
	}
	holder, err := s.Controller(ctx)
	if err != nil || holder.BrokerID != 2 || holder.Directory != "d2" || holder.Endpoint != "h:1" || holder.Session != second.ID() {
		t.Errorf("%+v, %v", holder, err)
	}
	id := PartitionID{"t", 0}
	states := map[PartitionID]*PartitionState{id: {Leader: 1, ISR: []int32{1}}}
	if err := s.CreateTopic(ctx, &Topic{Name: "t", Partitions: []Assignment{{Replicas: []int32{1}}}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.CreatePartitionStates(ctx, one, states, map[string]bool{"t": true}); !errors.Is(err, ErrFenced) {
		t.Errorf("an old controller wrote: %v", err)
	}
	if err := s.CreatePartitionStates(ctx, two, states, map[string]bool{"t": true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UpdatePartitionStates(ctx, one, states); !errors.Is(err, ErrFenced) {
		t.Errorf("an old controller wrote: %v", err)
	}
	if err := s.RemoveTopic(ctx, one, "t"); !errors.Is(err, ErrFenced) {
		t.Errorf("an old controller deleted: %v", err)
	}
}

func TestElectAfterALostAnswerBeginsAnew(t *testing.T) {
	s := newStore(t)
	own := session(t, s)
	if _, err := s.Elect(ctx, own, ElectedController{BrokerID: 1}, 0); err != nil {
		t.Fatal(err)
	}
	again, err := s.Elect(ctx, own, ElectedController{BrokerID: 1}, 0)
	if err != nil || again.Number != 2 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestPartitionStatesAreComparedAndSet(t *testing.T) {
	s := newStore(t)
	epoch, err := s.Elect(ctx, session(t, s), ElectedController{BrokerID: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	topic := &Topic{Name: "t"}
	states := map[PartitionID]*PartitionState{}
	for n := range 700 { // more than one Multi
		topic.Partitions = append(topic.Partitions, Assignment{Replicas: []int32{1}})
		states[PartitionID{"t", int32(n)}] = &PartitionState{Leader: 1, ISR: []int32{1}, ControllerEpoch: 1, LastLeader: -1}
	}
	if err := s.CreateTopic(ctx, topic, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.CreatePartitionStates(ctx, epoch, states, map[string]bool{"t": true}); err != nil {
		t.Fatal(err)
	}
	read, err := s.PartitionStates(ctx, []*Topic{topic})
	for _, state := range read {
		if state.ModID == 0 {
			t.Fatal("the last change's position is not told")
		}
		state.ModID = 0
	}
	if err != nil || !reflect.DeepEqual(read, states) {
		t.Fatalf("%d states read, %v", len(read), err)
	}
	// A leader changes one meanwhile.
	stranger := PartitionID{"t", 300}
	if _, err := s.Coord().Set(ctx, PartitionStatePath("t", 300), []byte(kafkaState), 0); err != nil {
		t.Fatal(err)
	}
	for _, state := range states {
		state.LeaderEpoch = 1
	}
	refused, err := s.UpdatePartitionStates(ctx, epoch, states)
	if err != nil || !reflect.DeepEqual(refused, []PartitionID{stranger}) {
		t.Fatalf("refused %v, %v", refused, err)
	}
	now, err := s.PartitionState(ctx, PartitionID{"t", 699})
	if err != nil || now.Version != 1 || now.LeaderEpoch != 1 || states[PartitionID{"t", 699}].Version != 1 {
		t.Errorf("%+v, %v", now, err)
	}
	if err := s.RemoveTopic(ctx, epoch, "t"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Topic(ctx, "t"); !errors.Is(err, coord.ErrNoNode) {
		t.Errorf("the topic is left: %v", err)
	}
}

func TestRemovalOfADamagedTopic(t *testing.T) {
	s := newStore(t)
	epoch, err := s.Elect(ctx, session(t, s), ElectedController{BrokerID: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTopic(ctx, &Topic{Name: "t", Partitions: []Assignment{{Replicas: []int32{1}}}}, nil); err != nil {
		t.Fatal(err)
	}
	// One partition without a state, one with a stranger beside it.
	for _, path := range []string{"", "/0", "/1", "/1/state", "/1/stranger"} {
		if _, err := s.Coord().Create(ctx, coord.Create{Path: "/brokers/topics/t/partitions" + path}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RequestTopicDeletion(ctx, "t"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveTopic(ctx, epoch, "t"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{TopicPath("t"), ConfigPath(TopicEntity("t")), DeleteTopicsPath + "/t"} {
		if there, err := s.exists(ctx, path); there || err != nil {
			t.Errorf("%s is left, %v", path, err)
		}
	}
	if err := s.RemoveTopic(ctx, epoch, "t"); err != nil {
		t.Errorf("removed again: %v", err)
	}
}

// A request that is gone already must not keep the others: a topic that is created later under such a name would be deleted.
func TestRefusedDeletionsAreDropped(t *testing.T) {
	s := newStore(t)
	epoch, err := s.Elect(ctx, session(t, s), ElectedController{BrokerID: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"a", "c"} {
		if err := s.RequestTopicDeletion(ctx, topic); err != nil {
			t.Fatal(err)
		}
	}
	stale := epoch
	stale.Version++
	if err := s.DropTopicDeletions(ctx, stale, []string{"a", "b", "c"}); !errors.Is(err, ErrFenced) {
		t.Fatalf("by a controller that is none any more: %v", err)
	}
	if err := s.DropTopicDeletions(ctx, epoch, []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"a", "c"} {
		if there, err := s.exists(ctx, DeleteTopicsPath+"/"+topic); there || err != nil {
			t.Errorf("the request for %s is left, %v", topic, err)
		}
	}
}

func TestProducerIDsAreGivenOnce(t *testing.T) {
	s := newStore(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	given := map[int64]bool{}
	for broker := range 8 {
		all.Go(func() {
			for range 10 {
				block, err := s.AllocateProducerIDs(ctx, int32(broker))
				mu.Lock()
				if err != nil || given[block.First] || block.Count != 1000 || block.First%1000 != 0 {
					t.Errorf("%+v, %v", block, err)
				}
				given[block.First] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(given) != 80 || !given[79000] {
		t.Errorf("%d blocks", len(given))
	}
	end := fmt.Sprintf(`{"version":1,"broker":1,"block_start":"%d","block_end":"%d"}`, int64(1)<<62, int64(^uint64(0)>>1))
	if _, err := s.Coord().Set(ctx, ProducerIDBlockPath, []byte(end), coord.AnyVersion); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AllocateProducerIDs(ctx, 1); !errors.Is(err, ErrProducerIDsExhausted) {
		t.Errorf("after the last block: %v", err)
	}
}

func TestConfigChangesAreNotified(t *testing.T) {
	s := newStore(t)
	for range 2 {
		err := s.ChangeConfig(ctx, TopicEntity("t"), func(old map[string]string) (map[string]string, error) {
			old["n"] += "x"
			return old, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	config, err := s.Config(ctx, TopicEntity("t"))
	if err != nil || config["n"] != "xx" {
		t.Errorf("%v, %v", config, err)
	}
	changes, err := s.ConfigChanges(ctx)
	if err != nil || len(changes) != 2 || changes[1].Entity != TopicEntity("t") || changes[1].Sequence <= changes[0].Sequence {
		t.Fatalf("%+v, %v", changes, err)
	}
	if err := s.RemoveConfigChange(ctx, changes[0]); err != nil {
		t.Fatal(err)
	}
	if changes, err = s.ConfigChanges(ctx); err != nil || len(changes) != 1 {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestRegistration(t *testing.T) {
	s := newStore(t)
	own := session(t, s)
	b := &Broker{ID: 7, Directory: "d", Rack: "r", Endpoints: []Endpoint{{"PLAINTEXT", "h", 1, "PLAINTEXT"}}}
	epoch, err := s.Register(ctx, own, b)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := s.Register(ctx, own, b); err != nil || same != epoch {
		t.Errorf("registered twice in one session: %d, %v", same, err)
	}
	if _, err := s.Register(ctx, session(t, s), b); !errors.Is(err, coord.ErrNodeExists) {
		t.Errorf("another session's registration: %v", err)
	}
	brokers, err := s.Brokers(ctx)
	if err != nil || len(brokers) != 1 || brokers[0].Directory != "d" || brokers[0].Rack != "r" || brokers[0].Epoch != epoch {
		t.Errorf("%+v, %v", brokers, err)
	}
	if err := own.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if brokers, err := s.Brokers(ctx); err != nil || len(brokers) != 0 {
		t.Errorf("%+v, %v", brokers, err)
	}
}
