//go:build race

package record

// raceEnabled says that the race detector watches, under which pools forget at random: allocations are not counted then.
const raceEnabled = true
