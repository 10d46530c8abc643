package cli

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackAtRest(t *testing.T) {
	const mb = 1 << 20
	given := 0
	m := memoryAtRest{giveBack: func() { given++ }}
	cpu := time.Duration(0)
	for i, look := range []struct {
		used time.Duration
		held uint64
		want int
	}{
		{time.Second, 40 * mb, 0}, // a start
		{0, 40 * mb, 0},
		{0, 40 * mb, 0},                // nothing to give
		{2 * time.Second, 150 * mb, 0}, // a load
		{restCPU, 150 * mb, 0},         // goes on
		{restCPU / 2, 150 * mb, 0},     // a pause
		{time.Second, 150 * mb, 0},     // was none
		{0, 150 * mb, 0},               // the end
		{0, 150 * mb, 1},
		{restCPU / 2, 45 * mb, 1}, // and all is given back
		{0, 45 * mb, 1},
		{0, 45*mb + restGrowth - 1, 1}, // what a light load takes
		{0, 45*mb + restGrowth, 2},
		{0, 45*mb + restGrowth, 2}, // it was all needed: that is the new floor
		{0, 45*mb + restGrowth, 2},
	} {
		cpu += look.used
		if m.look(cpu, look.held); given != look.want {
			t.Fatalf("look %d: given back %d times, want %d", i, given, look.want)
		}
	}
}

func TestMemoryIsMeasured(t *testing.T) {
	cpu, held := cpuUsed(), memoryHeld()
	if held < 1<<20 || held > 1<<40 {
		t.Errorf("%d bytes are held", held)
	}
	for deadline := time.Now().Add(time.Minute); cpuUsed() == cpu; {
		if time.Now().After(deadline) {
			t.Fatal("a minute's work has taken no CPU time")
		}
	}
	collectTwice()
}

func TestMemoryLooksEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		m := memoryAtRest{giveBack: func() {}}
		m.run(ctx)
		if m.cpu == 0 {
			t.Error("nobody looked")
		}
	})
}
