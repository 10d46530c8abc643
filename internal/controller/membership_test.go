package controller

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestStopWithoutStore: a broker that cannot reach the store any more, as when all stop, leaves its registration to the session's time-out.
func TestStopWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		b.controller.Close()
		b.client.Cut()
		if err := b.membership.Close(context.Background()); err != nil {
			t.Errorf("a stop without the store fails: %v", err)
		}
		b.client.Restore()
		_ = b.client.Close()
	})
}
