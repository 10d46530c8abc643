package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// What a load has left (pools, garbage, free pages) stays with a process that then does nothing: Go collects when memory is allocated.
// memoryAtRest gives it back to the system once the broker has come to rest.
type memoryAtRest struct {
	cpu      time.Duration // at the last look
	quiet    int           // how many looks in a row have found the broker at rest
	heldMin  uint64        // the least that was held since memory was given back
	giveBack func()
}

const (
	restInterval = time.Second
	restCPU      = 100 * time.Millisecond // of restInterval: who uses less is at rest
	restLooks    = 2
	restGrowth   = 16 << 20 // less is not worth a collection
)

// run looks every restInterval until ctx ends.
func (m *memoryAtRest) run(ctx context.Context) {
	ticker := time.NewTicker(restInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.look(cpuUsed(), memoryHeld())
		}
	}
}

// look is told the CPU time that the process has used and the memory that it holds, in bytes.
func (m *memoryAtRest) look(cpu time.Duration, held uint64) {
	used := cpu - m.cpu
	m.cpu = cpu
	if m.heldMin == 0 || held < m.heldMin {
		m.heldMin = held
	}
	if used >= restCPU {
		m.quiet = 0
		return
	}
	if m.quiet++; m.quiet < restLooks || held < m.heldMin+restGrowth {
		return
	}
	m.giveBack()
	m.quiet, m.heldMin = 0, 0
}

// collectTwice empties pools, which keep what they hold over one collection, and gives free pages back.
func collectTwice() {
	runtime.GC()
	debug.FreeOSMemory()
}

// cpuUsed is the CPU time of this process, of user and system together.
func cpuUsed() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0 // it does not fail
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// memoryHeld is the memory that the runtime has from the system.
func memoryHeld() uint64 {
	samples := [2]metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples[:])
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
