package commitlog

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// script runs testdata/*.txt: each command does one thing to a log and prints what can be seen of it. Times are relative to the
// script's clock.
type script struct {
	fs    *memfs.FS
	log   *Log
	cfg   config.Topic
	clock int64
}

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{fs: memfs.New(), cfg: *testConfig(), clock: nowMs()}
		defer func() {
			if s.log != nil {
				s.log.CloseDirty()
			}
		}()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.run(t, d)
			if s.log != nil {
				s.log.flusher.settle()
			}
			if err != nil {
				return fmt.Sprintf("%serror: %v\n", out, err)
			}
			return out
		})
	})
}

func (s *script) run(t *testing.T, d *datadriven.TestData) (string, error) {
	number := func(name string, otherwise int64) int64 {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &otherwise)
		}
		return otherwise
	}
	switch d.Cmd {
	case "open":
		s.cfg.SegmentBytes = int(number("segment.bytes", int64(s.cfg.SegmentBytes)))
		s.cfg.IndexIntervalBytes = int(number("index.interval.bytes", int64(s.cfg.IndexIntervalBytes)))
		s.cfg.SegmentIndexBytes = int(number("segment.index.bytes", int64(s.cfg.SegmentIndexBytes)))
		s.cfg.SegmentMs = number("segment.ms", s.cfg.SegmentMs)
		s.cfg.RetentionMs = number("retention.ms", s.cfg.RetentionMs)
		s.cfg.RetentionBytes = number("retention.bytes", s.cfg.RetentionBytes)
		opts := OpenOptions{Clean: !d.HasArg("unclean"), RecoveryPoint: number("recovery-point", 0), LogStartOffset: number("start", 0)}
		var err error
		cfg := s.cfg
		s.log, err = Open(testEnv(s.fs), "topic-0", &cfg, opts)
		return s.bounds(), err
	case "close":
		return "", s.log.Close(context.Background())
	case "kill":
		old := s.log
		s.fs = s.fs.Kill()
		old.CloseDirty()
		s.log = nil
		return "", nil
	case "append":
		return s.append(t, d, number)
	case "marker":
		kind := record.ControlAbort
		if d.HasArg("commit") {
			kind = record.ControlCommit
		}
		b := record.EndMarker(number("producer", 1), int16(number("epoch", 0)), kind, int32(number("coordinator", 0)), s.clock)
		a, err := s.log.AppendAsLeader(record.Checked{Batch: b, MaxTimestamp: s.clock, AppendTimeMs: -1}, int32(number("leader", 0)), record.FromCoordinator)
		return appendedText(a, err), err
	case "read":
		upTo := number("up-to", s.log.LogEndOffset())
		r, err := s.log.Read(number("offset", 0), int(number("bytes", 1<<20)), upTo, d.HasArg("at-least-one"))
		if err != nil {
			return "", err
		}
		defer r.Release()
		return readText(r)
	case "time":
		at, ok, err := s.log.OffsetForTimestamp(s.clock+number("at", 0), s.log.LogEndOffset())
		return s.timeText(at, ok), err
	case "size":
		return fmt.Sprintf("%d bytes\n", s.log.SizeBetween(number("from", 0), number("to", s.log.LogEndOffset()))), nil
	case "max-time":
		at, ok, err := s.log.OffsetOfMaxTimestamp()
		return s.timeText(at, ok), err
	case "epoch":
		return "", s.log.AssignEpochStart(int32(number("start", 0)), s.log.LogEndOffset())
	case "epoch-end":
		epoch, end := s.log.EpochEnd(int32(number("of", 0)))
		return fmt.Sprintf("epoch %d ends at %d\n", epoch, end), nil
	case "truncate":
		err := s.log.TruncateTo(number("to", 0))
		return s.bounds(), err
	case "restart-at":
		err := s.log.TruncateFullyAndStartAt(number("offset", 0))
		return s.bounds(), err
	case "advance":
		err := s.log.AdvanceLogStartOffset(number("to", 0))
		return s.bounds(), err
	case "high-watermark":
		s.log.SetHighWatermark(number("at", 0))
		return s.bounds(), nil
	case "retain":
		n, err := s.log.DeleteOld(s.clock + number("now", 0))
		return fmt.Sprintf("%d segments\n%s", n, s.bounds()), err
	case "remove":
		return "", s.log.DeleteRenamed(1 << 60)
	case "producers":
		return s.producersText(), nil
	case "aborted":
		list, err := s.log.AbortedTxns(number("from", 0), number("to", s.log.LogEndOffset()))
		return fmt.Sprintln(list), err
	case "files":
		return s.filesText()
	}
	return "", fmt.Errorf("unknown command %q", d.Cmd)
}

func (s *script) append(t *testing.T, d *datadriven.TestData, number func(string, int64) int64) (string, error) {
	b := plain()
	if d.HasArg("producer") {
		b.ProducerID, b.ProducerEpoch, b.BaseSequence = number("producer", 0), int16(number("epoch", 0)), int32(number("sequence", 0))
		b.Transactional = d.HasArg("transactional")
	}
	c := batchOf(t, b, int(number("records", 1)), int(number("bytes", 10)), s.clock+number("at", 0))
	if d.HasArg("at-offset") {
		batch := record.Batch(c.Batch)
		batch.SetBaseOffset(number("at-offset", 0))
		batch.SetLeaderEpoch(int32(number("leader", 0)))
		a, err := s.log.AppendAsFollower(batch)
		return appendedText(a, err), err
	}
	a, err := s.log.AppendAsLeader(c, int32(number("leader", 0)), record.FromClient)
	return appendedText(a, err), err
}

func appendedText(a Appended, err error) string {
	switch {
	case err != nil:
		return ""
	case a.Duplicate:
		return fmt.Sprintf("duplicate of %d-%d\n", a.FirstOffset, a.LastOffset)
	}
	return fmt.Sprintf("%d-%d\n", a.FirstOffset, a.LastOffset)
}

func readText(r Slice) (string, error) {
	if r.SizeBytes == 0 {
		return "nothing\n", nil
	}
	b := make([]byte, r.SizeBytes)
	if _, err := r.Ranges[0].File.ReadAt(b, r.Ranges[0].Offset); err != nil {
		return "", err
	}
	var out strings.Builder
	for len(b) > 0 {
		h, err := record.ParseHeader(b)
		if err != nil || h.SizeBytes > len(b) {
			fmt.Fprintf(&out, "%d bytes of a batch\n", len(b))
			break
		}
		fmt.Fprintf(&out, "%d-%d epoch %d\n", h.BaseOffset, h.LastOffset, h.LeaderEpoch)
		b = b[h.SizeBytes:]
	}
	return out.String(), nil
}

func (s *script) bounds() string {
	if s.log == nil {
		return ""
	}
	var bases []int64
	for _, seg := range s.log.segments() {
		bases = append(bases, seg.BaseOffset())
	}
	unstable, ok := s.log.FirstUnstableOffset()
	text := fmt.Sprintf("%d to %d, segments %v", s.log.LogStartOffset(), s.log.LogEndOffset(), bases)
	if ok {
		text += fmt.Sprintf(", unstable from %d", unstable)
	}
	return text + "\n"
}

func (s *script) timeText(at TimestampOffset, ok bool) string {
	if !ok {
		return "none\n"
	}
	return fmt.Sprintf("offset %d at %d, epoch %d\n", at.Offset, at.TimestampMs-s.clock, at.LeaderEpoch)
}

func (s *script) producersText() string {
	var out strings.Builder
	for _, p := range s.log.Producers() {
		fmt.Fprintf(&out, "%d epoch %d sequence %d coordinator %d transaction %d\n", p.ID, p.Epoch, p.LastSequence, p.CoordinatorEpoch, p.TxnStartOffset)
	}
	return out.String() + s.bounds()
}

func (s *script) filesText() (string, error) {
	entries, err := s.fs.ReadDir("topic-0")
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%s %d\n", e.Name(), info.Size())
	}
	return out.String(), nil
}
