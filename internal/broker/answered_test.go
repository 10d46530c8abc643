package broker_test

import (
	"context"
	"testing"
	"time"
)

// TestStoreAnswersLate starts nodes while the coordination store answers nothing, and while what it is told to change happens, but its answers are
// lost: as where it elects its leader. A voter that gave up would keep it from having one.
func TestStoreAnswersLate(t *testing.T) {
	for _, role := range []string{"broker,controller", "controller"} {
		for _, lost := range []int{0, 1, 2, 3, 4, 5} {
			inHouse(t, func(t *testing.T, h *house) {
				h.static["process.roles"], h.static["controller.quorum.voters"] = role, "1@broker:9093"
				h.static["controller.listener.names"] = "CONTROLLER"
				if h.static["listeners"] = "CONTROLLER://broker:9093"; role != "controller" {
					h.static["listeners"] += ",PLAINTEXT://" + address
				}
				store := h.store.Open()
				if store.LoseReplies(lost); lost == 0 {
					store.Cut()
					time.AfterFunc(time.Minute, store.Restore)
				}
				if err := h.tryStartOn(context.Background(), store); err != nil {
					t.Errorf("%s, %d answers lost: %v", role, lost, err)
				}
			})
		}
	}
}
