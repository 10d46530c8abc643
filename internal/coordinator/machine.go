package coordinator

import (
	"log/slog"
	"time"
)

// Record is a key and its value; a nil value is a tombstone.
type Record struct {
	Key, Value []byte
}

// Replayed is a record as it stands in the log.
type Replayed struct {
	Record
	Offset      int64
	TimestampMs int64 // of the record, ms since 1970
	// ProducerID and ProducerEpoch are those of a transaction that has not ended yet; -1 outside of one.
	ProducerID    int64
	ProducerEpoch int16
}

// Machine is the state of one partition. The runtime calls it under the partition's lock.
type Machine interface {
	// Replay applies one record; in the order of the log, at loading as after an append of its own. An error is reported with the
	// record's place, and the record is left out. Key and value are valid during the call only.
	Replay(r *Replayed) error
	// EndTransaction applies or forgets what a producer's transaction has replayed.
	EndTransaction(producerID int64, producerEpoch int16, committed bool)
	// Loaded is called once, when the log has been replayed to its end and before the first handler: the time to schedule timers.
	Loaded()
	// Unloaded is called once after Loaded, when this broker stops being the coordinator: the time to answer those who wait. Timers
	// are gone, and every Then has been called. A machine that is given up while it loads is dropped without a call.
	Unloaded()
}

// Result is what a handler or a timer wants done.
type Result struct {
	// Records are appended in one batch, all or none.
	Records []Record
	// Then is called when Records, and everything the handler may have read before, are committed (nil), or with the reason why
	// they are not, or cannot be known to be: ErrNotCoordinator, ErrTooLarge, ErrUnavailable, ErrTimedOut (the records may still be
	// committed). Without Records it waits for what was appended earlier; a handler that reads nothing durable answers
	// by Host.Reply and leaves Then nil.
	Then func(err error)
}

// Host is what the runtime offers a machine. Its methods are to be called under the partition's lock: from the machine's methods,
// handlers, timers and Then.
type Host interface {
	Partition() int32
	LeaderEpoch() int32
	// Schedule calls f after that time, under the lock, unless the key is cancelled or scheduled anew before. A result whose
	// records cannot be appended is f's to hear of, through Then.
	Schedule(key string, after time.Duration, f func() Result)
	// Cancel forgets a timer; an unknown key is no error.
	Cancel(key string)
	// Reply has f run once the lock has been released: those of one call into the machine in their order.
	Reply(f func())
	Logger() *slog.Logger
}
