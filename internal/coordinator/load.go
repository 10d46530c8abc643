package coordinator

import (
	"errors"
	"fmt"
	"time"

	"milena/internal/record"
)

const (
	// maxBatchBytes bounds what one batch of the topic may decompress to.
	maxBatchBytes = 256 << 20
	progressEvery = 2 * time.Second
	retryFirst    = 100 * time.Millisecond
	retryMost     = 10 * time.Second
)

// errGiven says that the partition was given up while it was loaded.
var errGiven = errors.New("coordinator: given up while loading")

// loader replays the log of one partition.
type loader[M Machine] struct {
	*part[M]
	buf      []byte
	next     int64 // the offset to read at
	end      int64
	records  int64
	began    time.Time
	lastWord time.Time
}

// load waits for its turn, replays the log to its end, and makes the partition active. What cannot be read is tried again until it
// can be or the partition is given up: to go on without a part of the log would lose what was acknowledged.
func (p *part[M]) load() {
	r := p.of
	l := &loader[M]{part: p, next: -1}
	select {
	case <-p.given:
		r.queued.Add(-1)
		return
	case l.buf = <-r.loads:
	}
	defer func() {
		if r.queued.Add(-1) == 0 {
			l.buf = nil // nobody waits for it
		}
		r.loads <- l.buf
	}()
	l.began = time.Now()
	l.lastWord = l.began
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		at := l.next
		err := l.toEnd()
		if err == nil || errors.Is(err, errGiven) {
			return
		}
		if l.next > at {
			wait = retryFirst
		}
		p.logger.Error("loading fails; it is tried again", "offset", l.next, "error", err, "retry", wait)
		select {
		case <-p.given:
			return
		case <-time.After(wait):
		}
	}
}

// toEnd reads from where it is to the log's end, which stands unless someone else appends, and makes the partition active.
func (l *loader[M]) toEnd() error {
	for {
		start, end, err := l.of.options.Log.Bounds(l.partition)
		if err != nil {
			return err
		}
		l.next, l.end = max(l.next, start), end
		if l.next >= l.end {
			return l.activate()
		}
		if err := l.chunk(); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(l.lastWord) >= progressEvery {
			l.lastWord = now
			l.logger.Info("loading", "offset", l.next, "end", l.end, "records", l.records, "ms", now.Sub(l.began).Milliseconds())
		}
	}
}

// chunk reads and replays the next batches.
func (l *loader[M]) chunk() error {
	got, err := l.of.options.Log.Read(l.partition, l.next, l.of.options.LoadBufferBytes(), l.buf[:0])
	if err != nil {
		return err
	}
	if cap(got) > cap(l.buf) {
		l.buf = got
	}
	l.mu.Lock()
	defer l.unlock()
	from := l.next
	for len(got) > 0 {
		if l.is(gone) {
			return errGiven
		}
		h, err := record.ParseHeader(got)
		if err == nil && h.SizeBytes > len(got) {
			err = record.ErrTruncated
		}
		if errors.Is(err, record.ErrTruncated) && l.next > from {
			return nil // the last one was cut off
		}
		if err == nil {
			err = l.replayBatch(&h, got[:h.SizeBytes])
		}
		if err != nil {
			return fmt.Errorf("batch at offset %d: %w", l.next, err)
		}
		got = got[h.SizeBytes:]
	}
	if l.next == from {
		return fmt.Errorf("nothing to read at offset %d, where the log ends at %d", from, l.end)
	}
	return nil
}

// replayBatch replays one whole batch, from the next offset on; all of it or nothing.
func (l *loader[M]) replayBatch(h *record.Header, b []byte) error {
	if h.LastOffset < l.next {
		return nil
	}
	if err := record.CheckCRC(b); err != nil {
		return err
	}
	if h.IsControl() {
		t, _, err := record.ParseControl(record.Batch(b))
		if err != nil {
			return err
		}
		if t == record.ControlCommit || t == record.ControlAbort {
			l.machine.EndTransaction(h.ProducerID, h.ProducerEpoch, t == record.ControlCommit)
		}
		l.next = h.LastOffset + 1
		return nil
	}
	replayed := Replayed{ProducerID: -1, ProducerEpoch: -1}
	if h.IsTransactional() {
		replayed.ProducerID, replayed.ProducerEpoch = h.ProducerID, h.ProducerEpoch
	}
	for r, err := range record.Records(b, maxBatchBytes) {
		if err != nil {
			return err
		}
		if r.Offset < l.next {
			continue
		}
		replayed.Record, replayed.Offset, replayed.TimestampMs = Record{r.Key, r.Value}, r.Offset, r.TimestampMs
		l.replay(&replayed)
		l.records++
		l.next = r.Offset + 1
	}
	l.next = h.LastOffset + 1
	return nil
}

// activate ends the loading.
func (l *loader[M]) activate() error {
	l.mu.Lock()
	defer l.unlock()
	if l.is(gone) {
		return errGiven
	}
	l.appended = l.next
	l.machine.Loaded()
	l.phase.Store(int32(active))
	for _, t := range l.due {
		l.run(t)
	}
	l.due = nil
	// A start loads every partition of the topic; a line for each is worth reading only where it took its time.
	took, tell := time.Since(l.began), l.logger.Debug
	if took >= progressEvery {
		tell = l.logger.Info
	}
	tell("loaded", "records", l.records, "end", l.end, "ms", took.Milliseconds())
	return nil
}
