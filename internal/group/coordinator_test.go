package group

import (
	"testing"
	"testing/synctest"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
)

// TestNoGroupBeforeItsPartitionIsKnown: a broker that leads partitions of the topic, and has not been told yet how many there are, takes no group
// for one of theirs: it would not find it there later.
func TestNoGroupBeforeItsPartitionIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ask := func() int16 { return w.c.do("g", func(*machine) coordinator.Result { return coordinator.Result{} }) }
		w.dropTopic(Topic)
		if code := ask(); code != kerr.NotCoordinator.Code {
			t.Errorf("error code %d of a group whose partition is not known", code)
		}
		w.topic(Topic, 1)
		if code := ask(); code != 0 {
			t.Errorf("error code %d of a group that is led here", code)
		}
		w.c.Stop()
	})
}
