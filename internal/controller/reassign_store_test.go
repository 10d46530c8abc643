package controller

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// TestToolsNodes: what Kafka 2.4's tools write is understood; what nobody understands is removed, and ends no reign.
func TestToolsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2 := c.start(1), c.start(2)
		b1.createTopic("a", []int32{1})
		synctest.Wait()
		write := func(path, body string) {
			t.Helper()
			if _, err := b2.client.Create(ctx, coord.Create{Path: path, Data: []byte(body)}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for _, path := range []string{clusterstore.ReassignPath, clusterstore.PreferredElectionPath} {
			write(path, `{"version":1,"partitions":[{"topic":"a","partition":"none"`)
			if _, err := b2.client.Get(ctx, path); !errors.Is(err, coord.ErrNoNode) {
				t.Errorf("%s is left: %v", path, err)
			}
		}
		write(clusterstore.ReassignPath, `{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[2,1]}]}`)
		topic, err := b2.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		want := clusterstore.Assignment{Replicas: []int32{2, 1}, Adding: []int32{2}}
		if !topic.Partitions[0].Equal(want) {
			t.Errorf("%+v, want %+v", topic.Partitions[0], want)
		}
		if epoch, active := b1.controller.Active(); !active || epoch != 1 {
			t.Errorf("the controller resigned: active %v, epoch %d", active, epoch)
		}
		b1.stop()
		b2.stop()
	})
}

// TestGrowthDuringReassignment: partitions that another broker adds in the same moment are not lost, and are served.
func TestGrowthDuringReassignment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2 := c.start(1), c.start(2)
		b1.createTopic("a", []int32{1})
		synctest.Wait()
		topic, err := b2.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: []int32{2}})
		// The controller's watch of growth waits for further changes; the reassignment comes before it looks.
		if err := b2.store.GrowTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		if err := b2.store.RequestReassignment(ctx, map[PartitionID][]int32{{Topic: "a"}: {2}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if topic, err = b2.store.Topic(ctx, "a"); err != nil || len(topic.Partitions) != 2 || !slices.Equal(topic.Partitions[0].Adding, []int32{2}) {
			t.Errorf("%+v, %v", topic, err)
		}
		if p := b2.leaders[PartitionID{Topic: "a", Partition: 1}]; p.Leader != 2 {
			t.Errorf("the new partition: %+v", p)
		}
		b1.stop()
		b2.stop()
	})
}
