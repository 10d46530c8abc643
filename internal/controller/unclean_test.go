package controller

import (
	"testing"
	"testing/synctest"

	"milena/internal/clusterstore"
)

// TestUncleanAgain: a broker whose endpoints change before it heard that its being unclean was taken in says it again. Its replicas are not in sync
// then, and others lead at once.
func TestUncleanAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b3, b1, b2 := c.start(3), c.start(1), c.start(2)
		b3.createTopic("a", []int32{1, 2}, []int32{1})
		synctest.Wait()
		registered, err := b1.store.Broker(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		registered.Unclean = true
		if err := b1.store.UpdateRegistration(ctx, registered); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for number, want := range []int32{2, 1} {
			state, err := b3.store.PartitionState(ctx, clusterstore.PartitionID{Topic: "a", Partition: int32(number)})
			if err != nil || state.Leader != want {
				t.Errorf("partition %d: %+v, %v, want leader %d", number, state, err, want)
			}
		}
		b1.stop()
		b2.stop()
		b3.stop()
	})
}
