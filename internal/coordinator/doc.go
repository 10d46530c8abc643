// Package coordinator keeps state machines that are replicated through the partitions of an internal topic: one machine for each
// partition, on the broker that leads it. A handler reads the machine's state and returns records; the runtime appends them as the
// partition's leader, replays them into the machine, and calls the handler's Then when they are committed. Timers return records
// too. A machine's durable state is therefore what its log says and nothing else, wherever the partition moves.
//
// Groups and transactions stand on it; nothing of either is known here.
//
// The life of a partition:
//
//	Elect ──► loading (ErrLoading) ──► active ──► Resign ──► gone (ErrNotCoordinator)
//
// Elect and Resign carry the partition's leader epoch; one older than the last heard is ignored. Appends carry the epoch the machine
// was loaded in, so a leader that was deposed without knowing it cannot write.
//
// Locks: each partition has one lock; handlers, timers, replays and Then run under it, one after the other. Whatever leaves the
// house (a reply to a client) goes through Host.Reply and runs when the lock has been released. Do may be called from anywhere but
// from under that lock.
//
// It imports record, and the log through an interface of its own.
package coordinator
