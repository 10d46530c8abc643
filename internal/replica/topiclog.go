package replica

import (
	"math"
	"sync"
	"time"

	"milena/internal/partition"
	"milena/internal/record"
)

// TopicLog is the partitions of one internal topic, as the coordinator that keeps its state there uses them: it appends as the leader of
// an epoch, and reads to the log's end.
type TopicLog struct {
	of    *Replicas
	topic string
}

// TopicLog gives the log of an internal topic.
func (r *Replicas) TopicLog(topic string) *TopicLog { return &TopicLog{r, topic} }

func (l *TopicLog) hosted(index int32) (*hosted, error) {
	l.of.mu.RLock()
	defer l.of.mu.RUnlock()
	return l.of.find(l.topic, index, [16]byte{})
}

// Append appends a batch under that leader epoch, as a produce request with acks=all does but for the wait, and gives the offset after
// it. The batch is changed in place. Errors are those of Replicas.Append.
func (l *TopicLog) Append(index, leaderEpoch int32, batch record.Batch) (end int64, err error) {
	h, err := l.hosted(index)
	if err != nil {
		return 0, err
	}
	rules := h.part.Log().Config().Rules()
	rules.Partition = h.part.Name()
	checked, err := record.Check(batch, rules, record.FromCoordinator, time.Now().UnixMilli())
	if err != nil {
		return 0, err
	}
	a := new(partition.Appended)
	if *a, err = h.part.AppendIn(leaderEpoch, checked, partition.AcksAll, record.FromCoordinator); err != nil {
		l.of.noRoom(h, err)
		return 0, err
	}
	h.traffic.MessagesIn.Add(int64(checked.Batch.Count()))
	h.traffic.BytesIn.Add(int64(len(checked.Batch)))
	if a.MustSync {
		h.part.SyncThen(a, syncedOrOffline)
	}
	return a.End(), nil
}

// syncedOrOffline has nothing to do: a sync raises the high watermark, and one that fails takes the directory offline, which those who
// wait for the commit are told of.
func syncedOrOffline(error) {}

// WhenCommitted calls done once: with nil when everything below end, appended in that leader epoch, is committed, with the reason why that
// cannot be known any more, or with ErrTimedOut after the time. done runs on the caller's goroutine where that is so already, and on
// another one, under no lock, otherwise.
func (l *TopicLog) WhenCommitted(index, leaderEpoch int32, end int64, timeout time.Duration, done func(error)) {
	h, err := l.hosted(index)
	if err != nil {
		done(err)
		return
	}
	if over, err := h.part.Committed(end, leaderEpoch); over {
		done(err)
		return
	}
	w := &commitWait{part: h.part, end: end, epoch: leaderEpoch, done: done, parked: l.of}
	l.of.parked.Add(1)
	w.setUp.Lock()
	w.timer = time.AfterFunc(timeout, w.expire)
	h.part.Watch(&w.watch, w, 0)
	w.setUp.Unlock()
	w.Changed(0) // what happened before the watch stood
}

// commitWait waits for a commit without a goroutine.
type commitWait struct {
	part   *partition.Partition
	end    int64
	epoch  int32
	done   func(error)
	parked *Replicas
	timer  *time.Timer
	watch  partition.Watch
	setUp  sync.Mutex // held until the watch stands, so that it is not stopped before it began

	mu   sync.Mutex
	over bool
}

// Changed looks whether it is committed.
func (w *commitWait) Changed(int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	if over, err := w.part.Committed(w.end, w.epoch); over {
		w.over = true
		go w.finish(err) // the partition holds its watches while it tells them
	}
}

func (w *commitWait) expire() {
	w.mu.Lock()
	over := w.over
	w.over = true
	w.mu.Unlock()
	if !over {
		w.finish(ErrTimedOut)
	}
}

func (w *commitWait) finish(err error) {
	w.setUp.Lock()
	w.timer.Stop()
	w.watch.Stop()
	w.setUp.Unlock()
	w.parked.parked.Add(-1)
	w.done(err)
}

// Read reads whole batches from the one that holds offset on, at most maxBytes unless the first alone is larger, into buf where that is
// large enough. There is nothing at the log's end. The last batch may be cut off.
func (l *TopicLog) Read(index int32, offset int64, maxBytes int, buf []byte) ([]byte, error) {
	h, err := l.hosted(index)
	if err != nil {
		return nil, err
	}
	var got partition.ReadResult
	err = h.part.Read(&partition.ReadRequest{
		Offset: offset, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1, MaxBytes: maxBytes, AtLeastOne: true,
		Isolation: partition.UpToLogEnd, LeaderOnly: true,
	}, &got)
	if err != nil {
		return nil, err
	}
	defer got.Slice.Release()
	buf = buf[:0]
	if cap(buf) < got.Slice.SizeBytes {
		buf = make([]byte, 0, got.Slice.SizeBytes)
	}
	for _, r := range got.Slice.Ranges {
		at := len(buf)
		buf = buf[:at+r.Size]
		if _, err := r.File.ReadAt(buf[at:], r.Offset); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// Bounds are the log start and log end offsets of a partition that this broker leads.
func (l *TopicLog) Bounds(index int32) (start, end int64, err error) {
	h, err := l.hosted(index)
	if err != nil {
		return 0, 0, err
	}
	if h.part.State().Role != partition.Leader {
		return 0, 0, partition.ErrNotLeaderOrFollower
	}
	return h.part.Log().LogStartOffset(), h.part.Log().LogEndOffset(), nil
}

// MaxBatchBytes is the topic's max.message.bytes; without such a partition there is no bound, and Append refuses.
func (l *TopicLog) MaxBatchBytes(index int32) int {
	h, err := l.hosted(index)
	if err != nil {
		return math.MaxInt32
	}
	return h.part.Log().Config().Rules().MaxMessageBytes
}
