package compact

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"milena/internal/commitlog"
	"milena/internal/record"
	"milena/internal/segment"
	"milena/internal/vfs/memfs"

	"github.com/cockroachdb/datadriven"
)

// script is the state of one file of testdata:
//
//	open [segment=BYTES] [min-lag=MS] [max-lag=MS] [ratio=R]    a new log
//	append [pid=N seq=N txn codec=NAME at=MS] key=value …       a batch; "key" alone is a tombstone, "=value" has no key
//	marker pid=N commit|abort                                   ends a transaction
//	roll, wait MS, start OFFSET, truncate OFFSET, reopen        what the names say
//	look                                                        what could be cleaned
//	clean [slots=N]                                             cleans it
//	show                                                        the batches, segment by segment
type script struct {
	t       *testing.T
	fs      *memfs.FS
	log     *commitlog.Log
	clockMs int64
}

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{t: t}
		defer func() { s.log.CloseDirty() }()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				s.do(&out, strings.Fields(line))
			}
			return out.String()
		})
	})
}

// args splits "key=value" words off those that are known.
func args(words []string, known ...string) (map[string]string, []string) {
	set, rest := map[string]string{}, []string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if found {
			set[name] = value
		} else {
			rest = append(rest, w)
		}
	}
	return set, rest
}

func (s *script) number(set map[string]string, name string, otherwise int64) int64 {
	text, ok := set[name]
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) do(out *strings.Builder, words []string) {
	s.t.Helper()
	var err error
	switch words[0] {
	case "open":
		err = s.open(words[1:])
	case "append":
		err = s.append(words[1:])
	case "marker":
		set, rest := args(words[1:], "pid")
		kind := record.ControlAbort
		if rest[0] == "commit" {
			kind = record.ControlCommit
		}
		err = s.add(record.EndMarker(s.number(set, "pid", 0), 0, kind, 0, s.clockMs+firstMs), record.FromCoordinator)
	case "roll":
		err = s.log.Roll()
	case "wait":
		s.clockMs += s.number(map[string]string{"ms": words[1]}, "ms", 0)
	case "start":
		err = s.log.AdvanceLogStartOffset(s.number(map[string]string{"at": words[1]}, "at", 0))
	case "truncate":
		err = s.log.TruncateTo(s.number(map[string]string{"at": words[1]}, "at", 0))
	case "reopen":
		cfg, opts := s.log.Config(), commitlog.OpenOptions{Clean: true, LogStartOffset: s.log.LogStartOffset(), CleanedTo: s.log.CleanedTo()}
		opts.RecoveryPoint = s.log.LogEndOffset()
		if err = s.log.Close(context.Background()); err == nil {
			s.log, err = openLog(s.fs, cfg, opts)
			s.log.SetHighWatermark(s.log.LogEndOffset())
		}
	case "look":
		s.look(out)
	case "clean":
		err = s.clean(out, words[1:])
	case "show":
		s.show(out)
	default:
		s.t.Fatalf("unknown command %q", words[0])
	}
	if err != nil {
		fmt.Fprintf(out, "%s: %v\n", words[0], err)
	}
}

func (s *script) open(words []string) error {
	if s.log != nil {
		s.log.CloseDirty()
	}
	set, _ := args(words, "segment", "min-lag", "max-lag", "ratio")
	cfg := testConfig()
	cfg.SegmentBytes = int(s.number(set, "segment", 1<<20))
	cfg.MinCompactionLagMs, cfg.MaxCompactionLagMs = s.number(set, "min-lag", 0), s.number(set, "max-lag", math.MaxInt64)
	cfg.MinCleanableDirtyRatio = float64(s.number(set, "ratio", 50)) / 100
	s.fs, s.clockMs = memfs.New(), 0
	if err := s.fs.MkdirAll("data"); err != nil {
		return err
	}
	var err error
	s.log, err = openLog(s.fs, cfg, commitlog.OpenOptions{Clean: true})
	return err
}

func (s *script) append(words []string) error {
	set, rest := args(words, "pid", "seq", "txn", "codec", "at")
	b := record.Builder{ProducerID: s.number(set, "pid", -1), ProducerEpoch: -1, BaseSequence: int32(s.number(set, "seq", -1))}
	if b.ProducerID >= 0 {
		b.ProducerEpoch = 0
	}
	_, b.Transactional = set["txn"]
	for c := record.None; c <= record.Zstd; c++ {
		if set["codec"] == c.String() {
			b.Codec = c
		}
	}
	var records []record.Record
	for i, w := range rest {
		key, value, hasValue := strings.Cut(w, "=")
		r := record.Record{Offset: int64(i), TimestampMs: firstMs + s.number(set, "at", s.clockMs) + int64(i)}
		if key != "" {
			r.Key = []byte(key)
		}
		if hasValue {
			r.Value = []byte(value)
		}
		records = append(records, r)
	}
	batch, err := b.Build(records)
	if err != nil {
		return err
	}
	return s.add(batch, record.FromClient)
}

func (s *script) add(b record.Batch, origin record.Origin) error {
	_, err := s.log.AppendAsLeader(record.Checked{Batch: b, MaxTimestamp: b.MaxTimestamp(), AppendTimeMs: -1}, 0, origin)
	s.log.SetHighWatermark(s.log.LogEndOffset())
	return err
}

// durable makes all that is sealed cleanable.
func (s *script) durable() {
	if err := s.log.SyncSealed(); err != nil {
		s.t.Fatal(err)
	}
	s.log.Checkpointed(s.log.RecoveryPoint(), s.log.Generation())
}

func (s *script) look(out *strings.Builder) {
	s.durable()
	w, err := Look(s.log, firstMs+s.clockMs)
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(out, "dirty %d to %d, %d%% of %d bytes, delayed %d ms, due %v %s\n", w.FirstDirty, w.End, int(100*w.Ratio()),
		w.CleanBytes+w.DirtyBytes, w.DelayMs, w.Due(), w.Reset)
}

func (s *script) clean(out *strings.Builder, words []string) error {
	set, _ := args(words, "slots")
	s.durable()
	w, err := Look(s.log, firstMs+s.clockMs)
	if err != nil {
		return err
	}
	c := New(Options{MapBytes: slotBytes * s.number(set, "slots", 1000), MapLoad: 1, IOBytes: 100, Throttle: &Throttle{}})
	stats, err := c.Clean(context.Background(), w, firstMs+s.clockMs)
	if errors.Is(err, commitlog.ErrOvertaken) || err != nil {
		return err
	}
	fmt.Fprintf(out, "clean %d to %d: %d of %d records, %d without a key\n", stats.From, stats.To, stats.RecordsWritten, stats.RecordsRead,
		stats.Keyless)
	return s.log.DeleteRenamed(math.MaxInt64)
}

func (s *script) show(out *strings.Builder) {
	batches, err := readLog(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	segs := s.log.SegmentList()
	for i, seg := range segs {
		fmt.Fprintf(out, "%d:\n", seg.BaseOffset())
		for _, b := range batches {
			if b.header.BaseOffset >= seg.BaseOffset() && (i+1 == len(segs) || b.header.BaseOffset < segs[i+1].BaseOffset()) {
				showBatch(out, &b)
			}
		}
		if err := seg.Aborted(func(t segment.AbortedTxn) bool {
			fmt.Fprintf(out, "  aborted: pid %d from %d to %d\n", t.ProducerID, t.FirstOffset, t.LastOffset)
			return true
		}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func showBatch(out *strings.Builder, b *readBatch) {
	h := &b.header
	fmt.Fprintf(out, "  %d-%d", h.BaseOffset, h.LastOffset)
	if h.ProducerID >= 0 {
		fmt.Fprintf(out, " pid %d", h.ProducerID)
		if !h.IsControl() {
			fmt.Fprintf(out, " seq %d-%d", h.BaseSequence, h.LastSequence())
		}
	}
	if h.Codec() != record.None {
		fmt.Fprintf(out, " %s", h.Codec())
	}
	if horizon, ok := h.DeleteHorizonMs(); ok {
		fmt.Fprintf(out, " horizon %d", horizon-firstMs)
	}
	if h.IsControl() {
		out.WriteString(" control")
	} else if h.IsTransactional() {
		out.WriteString(" txn")
	}
	out.WriteString(":")
	for _, r := range b.records {
		if h.IsControl() {
			kind, _, err := record.ParseControl(b.batch)
			fmt.Fprintf(out, " %s %v", kind, err == nil)
			continue
		}
		fmt.Fprintf(out, " %d@%d %s", r.Offset, r.TimestampMs-firstMs, r.Key)
		if r.Value != nil {
			fmt.Fprintf(out, "=%s", r.Value)
		}
	}
	out.WriteString("\n")
}
