package controller

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

type coordSession = coord.Session

var ctx = context.Background()

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("requests:\n got %q\nwant %q", got, want)
	}
}

func TestOneBrokerTopicLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		if c.active() != b {
			t.Fatal("not elected")
		}
		expect(t, b.taken(), "UpdateMetadata brokers=1", "UpdateMetadata brokers=1 full")

		b.createTopic("a", []int32{1}, []int32{1})
		synctest.Wait()
		expect(t, b.taken(), "LeaderAndIsr a-0 leader=1 epoch=0 isr=[1] new, a-1 leader=1 epoch=0 isr=[1] new", "UpdateMetadata brokers=1 a-0=1 a-1=1")
		state, err := b.store.PartitionState(ctx, PartitionID{Topic: "a", Partition: 1})
		if err != nil || state.Leader != 1 || state.ControllerEpoch != 1 {
			t.Fatalf("state %+v, %v", state, err)
		}

		topic, err := b.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: []int32{1}})
		if err := b.store.GrowTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		synctest.Wait()
		expect(t, b.taken(), "LeaderAndIsr a-2 leader=1 epoch=0 isr=[1] new", "UpdateMetadata brokers=1 a-2=1")

		if err := b.store.RequestTopicDeletion(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expect(t, b.taken(), "UpdateMetadata brokers=1 a-0=-2 a-1=-2 a-2=-2",
			"StopReplica a-0 epoch=-2, a-1 epoch=-2, a-2 epoch=-2",
			"StopReplica a-0 epoch=-2 delete, a-1 epoch=-2 delete, a-2 epoch=-2 delete")
		for _, path := range []string{"/brokers/topics/a", "/config/topics/a", "/admin/delete_topics/a"} {
			if _, err := b.client.Get(ctx, path); !errors.Is(err, coord.ErrNoNode) {
				t.Errorf("%s is left: %v", path, err)
			}
		}
		b.createTopic("a", []int32{1})
		synctest.Wait()
		expect(t, b.taken(), "LeaderAndIsr a-0 leader=1 epoch=0 isr=[1] new", "UpdateMetadata brokers=1 a-0=1")
		b.stop()
	})
}

func TestRestartAfterKillTakesOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		b.createTopic("a", []int32{1})
		synctest.Wait()
		first := b.membership.Epoch()
		b.kill()
		began := time.Now()
		b = c.start(1)
		if c.active() != b || time.Since(began) > 0 {
			t.Fatalf("elected after %v", time.Since(began))
		}
		if b.membership.Epoch() <= first {
			t.Errorf("broker epoch %d after %d", b.membership.Epoch(), first)
		}
		if epoch, _ := b.controller.Active(); epoch != 2 {
			t.Errorf("controller epoch %d", epoch)
		}
		expect(t, b.taken(), "UpdateMetadata brokers=1", "LeaderAndIsr a-0 leader=1 epoch=0 isr=[1]", "UpdateMetadata brokers=1 a-0=1 full")
		b.stop()
	})
}

func TestAnotherBrokersIDIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		_, err := Join(ctx, b.store, clusterstore.Broker{ID: 1, Directory: "other"}, 6000, b.controller.cfg.Logger, func(coordSession, int64) {},
			func() {})
		if err == nil {
			t.Fatal("a second broker 1 was let in")
		}
		if c.active() != b {
			t.Error("the first broker lost its place")
		}
		b.stop()
	})
}

func TestFailoverElectsLeadersAndShrinksISR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2, b3 := c.start(1), c.start(2), c.start(3)
		if c.active() != b1 {
			t.Fatal("the first broker was not elected")
		}
		b1.createTopic("a", []int32{1, 2, 3}, []int32{2, 3, 1})
		synctest.Wait()
		b2.taken()
		b1.kill()
		pass(10 * time.Second)
		synctest.Wait()
		heir := c.active()
		if heir != b2 && heir != b3 {
			t.Fatal("nobody took over")
		}
		for _, b := range []*fakeBroker{b2, b3} {
			if p := b.leaders[PartitionID{Topic: "a"}]; p.Leader != 2 || !reflect.DeepEqual(p.ISR, []int32{2, 3}) || p.LeaderEpoch == 0 {
				t.Errorf("broker %d: a-0 %+v", b.id, p)
			}
			if p := b.leaders[PartitionID{Topic: "a", Partition: 1}]; p.Leader != 2 || !reflect.DeepEqual(p.ISR, []int32{2, 3}) {
				t.Errorf("broker %d: a-1 %+v", b.id, p)
			}
		}
		// The dead one comes back: it learns all, and is a follower.
		b1 = c.start(1)
		synctest.Wait()
		if p := b1.leaders[PartitionID{Topic: "a"}]; p.Leader != 2 {
			t.Errorf("broker 1 came back to %+v", p)
		}
		if len(b1.meta) != 2 {
			t.Errorf("broker 1 knows %v", b1.meta)
		}
		for _, b := range []*fakeBroker{b1, b2, b3} {
			b.stop()
		}
	})
}

func TestDeletionWaitsForDeadBrokersAndSurvivesFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2, b3 := c.start(1), c.start(2), c.start(3)
		b1.createTopic("a", []int32{1, 2, 3})
		synctest.Wait()
		b3.kill()
		pass(10 * time.Second)
		if err := b1.store.RequestTopicDeletion(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := b1.store.Topic(ctx, "a"); err != nil {
			t.Fatalf("the topic is gone though a replica is away: %v", err)
		}
		b1.stop() // the controller
		if c.active() != b2 {
			t.Fatal("broker 2 did not take over")
		}
		b1, b3 = c.start(1), c.start(3)
		pass(time.Second)
		synctest.Wait()
		if _, err := b2.store.Topic(ctx, "a"); !errors.Is(err, coord.ErrNoNode) {
			t.Errorf("the topic is left: %v", err)
		}
		if len(b3.deleted) == 0 {
			t.Error("broker 3 was never told to delete")
		}
		for _, b := range []*fakeBroker{b1, b2, b3} {
			b.stop()
		}
	})
}

func TestExpiredSessionRegistersAndCampaignsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		first := b.membership.Epoch()
		c.server.ExpireSession(b.membership.Session().ID())
		pass(time.Second)
		synctest.Wait()
		if c.active() != b || b.membership.Epoch() <= first {
			t.Errorf("active %v, broker epoch %d after %d", c.active() != nil, b.membership.Epoch(), first)
		}
		if epoch, _ := b.controller.Active(); epoch != 2 {
			t.Errorf("controller epoch %d", epoch)
		}
		b.stop()
	})
}

func TestFencedControllerResigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		// Another controller's election, seen from the epoch alone.
		if _, err := b.client.Set(ctx, clusterstore.ControllerEpochPath, []byte("7"), coord.AnyVersion); err != nil {
			t.Fatal(err)
		}
		b.createTopic("a", []int32{1})
		pass(time.Second)
		synctest.Wait()
		epoch, active := b.controller.Active()
		state, err := b.store.PartitionState(ctx, PartitionID{Topic: "a"})
		if err != nil || !active || epoch != 8 || state.ControllerEpoch != 8 {
			t.Errorf("active %v in epoch %d; state %+v, %v", active, epoch, state, err)
		}
		b.stop()
	})
}

func TestInterruptedCreationIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		b.stop()
		// What a controller leaves that dies between its writes: a topic of which one partition is whole, one has no state, one no node.
		client := c.server.Open()
		store := clusterstore.New(client)
		replicas := clusterstore.Assignment{Replicas: []int32{1, 2}}
		topic := &clusterstore.Topic{Name: "a", ID: NewTopicID(), Partitions: []clusterstore.Assignment{replicas, replicas, replicas}}
		if err := store.CreateTopic(ctx, topic, nil); err != nil {
			t.Fatal(err)
		}
		dead := `{"controller_epoch":1,"leader":2,"version":1,"leader_epoch":0,"isr":[1,2]}`
		for _, op := range []coord.Create{{Path: "/brokers/topics/a/partitions"}, {Path: "/brokers/topics/a/partitions/0"},
			{Path: "/brokers/topics/a/partitions/0/state", Data: []byte(dead)}, {Path: "/brokers/topics/a/partitions/1"}} {
			if _, err := client.Create(ctx, op); err != nil {
				t.Fatal(err)
			}
		}
		b = c.start(1)
		for n := range int32(3) {
			state, err := store.PartitionState(ctx, PartitionID{Topic: "a", Partition: n})
			if err != nil || state.Leader != 1 {
				t.Errorf("a-%d: %+v, %v", n, state, err)
			}
			if p := b.leaders[PartitionID{Topic: "a", Partition: n}]; p.Leader != 1 {
				t.Errorf("the broker was told of a-%d: %+v", n, p)
			}
		}
		b.stop()
		_ = client.Close()
	})
}

// TestAReignThatFailsEnds: a write of which nobody knows whether it happened ends the reign, and another begins.
func TestAReignThatFailsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		other := c.start(2)
		before, _ := b.controller.Active()
		b.client.LoseReplies(1)
		other.createTopic("a", []int32{1, 2})
		pass(10 * time.Second)
		if now := c.active(); now == nil {
			t.Error("nobody rules")
		} else if after, _ := now.controller.Active(); after <= before {
			t.Errorf("epoch %d after %d", after, before)
		}
		other.stop()
		b.stop()
	})
}

// TestOldNewsAreNoFailure: a broker whose replica is back says so once; where that reply is lost, it has nothing new to say to the request that comes
// again.
func TestOldNewsAreNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2 := c.start(1), c.start(2)
		b1.createTopic("a", []int32{1, 2})
		synctest.Wait()
		id := PartitionID{Topic: "a"}
		look := func(want ...int32) {
			t.Helper()
			if err := b2.store.NotifyLogDirFailure(ctx, 2); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := b1.meta[id].OfflineReplicas; !slices.Equal(got, want) {
				t.Errorf("offline: %v, want %v", got, want)
			}
		}
		b2.failed[id] = true
		look(2)
		b2.failed[id] = false
		b2.leaders[id] = b1.leaders[id]
		look()
		b1.stop()
		b2.stop()
	})
}
