//go:build synctests

package sim

import (
	"testing"
	_ "unsafe" // for the links to the runtime
)

// mutexesLetTimePass: the virtual clock goes on while a goroutine waits for a mutex. Then whoever holds one may wait for a disk, or (a client)
// for a broker.
const mutexesLetTimePass = true

// The runtime's table of why goroutines wait, and of those reasons the ones that count as idle for testing/synctest. They have more rows; these
// are the first. Linking to them takes -ldflags=-checklinkname=0.
var (
	//go:linkname waitReasons runtime.waitReasonStrings
	waitReasons [32]string
	//go:linkname idleReasons runtime.isIdleInSynctest
	idleReasons [32]bool
)

// letTimePass has the runtime take those who wait for a mutex for idle. None of the simulator's mutexes is held by anyone outside its bubble.
func letTimePass(t *testing.T) {
	found := 0
	for i, reason := range waitReasons {
		switch reason {
		case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
			idleReasons[i] = true
			found++
		}
	}
	if found != 3 {
		t.Fatal("this Go's runtime is another one: see what it calls the wait for a mutex")
	}
}
