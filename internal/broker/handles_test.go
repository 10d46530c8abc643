package broker

import (
	"testing"

	"milena/internal/config"
)

// TestHandles: logs, clients and the controller listener never have more between them than the process may, and each has some.
func TestHandles(t *testing.T) {
	voter := &config.Broker{ControllerRole: true, ControllerEndpoints: make([]config.Listener, 1)}
	for _, cfg := range []*config.Broker{{}, voter} {
		for _, limit := range []int{64, 256, 1024, 4096, 12_000, 20_000, 1 << 20, 1 << 30} {
			h := newHandles(limit, cfg)
			most := 0
			for step := 1 << 30; step > 0; step /= 2 {
				if h.connections(most + step) {
					most += step
				}
			}
			if most < limit/8 || h.forLogs(0) < limit/8 && h.forLogs(0) != mostLogFiles || h.forLogs(most) < 8 {
				t.Errorf("limit %d: %d connections, %d to %d files of logs", limit, most, h.forLogs(most), h.forLogs(0))
			}
			if cfg == voter && h.controller < limit/16 {
				t.Errorf("limit %d: %d connections to the controller listener", limit, h.controller)
			}
			for _, n := range []int{0, most / 2, most} {
				if all := n + h.forLogs(n) + h.controller; all > limit {
					t.Errorf("limit %d: %d files with %d connections", limit, all, n)
				}
			}
			if limit == 12_000 && most < 10_000 {
				t.Errorf("limit %d: %d connections", limit, most)
			}
		}
	}
}
