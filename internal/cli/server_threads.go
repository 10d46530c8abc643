package cli

import (
	"os"
	"runtime"
)

// syncingThreads is how many fsyncs may be under way without keeping anything else from running. Go takes a goroutine that is in a long system call
// off its processor only at its next look, up to 10 ms later: with as many processors as cores, two fsyncs on two cores stop the broker
// until one of them returns. More processors than cores cost nothing while nobody syncs.
const syncingThreads = 6

// allowSyncs makes room for fsyncs, unless the user has set GOMAXPROCS.
func allowSyncs() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + syncingThreads)
	}
}
