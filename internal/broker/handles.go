package broker

import (
	"context"

	"milena/internal/config"
	"milena/internal/segment"

	"golang.org/x/sys/unix"
)

// Connections, whoever makes them, must not take the open files that logs and checkpoints need: a file that cannot be opened takes its
// directory offline (decision 027).

const (
	// ownFiles are the store's, the checkpoints', the listeners', scrapes, and connections to other brokers.
	ownFiles = 80
	// mostLogFiles bounds the logs' open files where the system would allow more.
	mostLogFiles = 50_000
	// fewFiles is a limit worth a warning at the start.
	fewFiles = 1024
)

// shareFiles settles what logs and connections may open.
func (b *Broker) shareFiles(context.Context) error {
	limit := fileLimit()
	if limit < fewFiles {
		b.options.Logger.Warn("this process may open few files, and takes few connections: raise the limit (ulimit -n, LimitNOFILE)", "limit", limit)
	}
	b.handles = newHandles(limit, b.live.Broker())
	return nil
}

// handles shares out the files that the process may open (RLIMIT_NOFILE): logs have half of them at most, and give way to connections down
// to a sixteenth.
type handles struct {
	limit      int
	controller int // connections
	logs       *segment.FileCache
}

func newHandles(limit int, cfg *config.Broker) *handles {
	h := &handles{limit: limit, controller: controllerConnections(limit, cfg)}
	h.logs = segment.NewFileCache(h.forLogs(0))
	return h
}

// fileLimit is how many files this process may have open.
func fileLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 1 << 30
	}
	return int(limit.Cur)
}

// controllerConnections is how many there may be to the controller listener: those of voters, and of brokers that are none.
func controllerConnections(limit int, cfg *config.Broker) int {
	if !cfg.ControllerRole || len(cfg.ControllerEndpoints) == 0 {
		return 0
	}
	return max(limit/16, min(limit/4, 256))
}

// shared is what logs and clients' connections have between them.
func (h *handles) shared() int { return h.limit - min(ownFiles, h.limit/2) - h.controller }

// leastForLogs stays with the logs however many connections there are.
func (h *handles) leastForLogs() int { return max(h.limit/16, 8) }

func (h *handles) forLogs(connections int) int {
	return min(mostLogFiles, h.limit/2, max(h.shared()-connections, h.leastForLogs()))
}

// connections tells whether there may be n connections of clients, and has the logs close files for them.
func (h *handles) connections(n int) bool {
	if n > h.shared()-h.leastForLogs() {
		return false
	}
	h.logs.SetLimit(h.forLogs(n))
	return true
}
