package partition

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/config"
	"milena/internal/record"

	"github.com/cockroachdb/datadriven"
)

// script is one partition of broker 1 and what the last commands did to its watches.
type script struct {
	log     *fakeLog
	part    *Partition
	watches map[int]*Watch
	told    []int
	last    Appended // of the last append
	dead    []int32  // who may not join the ISR
	asked   *Proposal
}

func (s *script) Changed(slot int) { s.told = append(s.told, slot) }

func TestPartition(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{watches: map[int]*Watch{}}
		synctest.Test(t, func(t *testing.T) {
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.told = nil
				out := s.run(t, d)
				if len(s.told) > 0 {
					out += fmt.Sprintf("told %v\n", s.told)
				}
				return out
			})
		})
	})
}

func number(t *testing.T, d *datadriven.TestData, key string, otherwise int64) int64 {
	d.MaybeScanArgs(t, key, &otherwise)
	return otherwise
}

func numbers(d *datadriven.TestData, key string) (list []int32) {
	for _, arg := range d.CmdArgs {
		if arg.Key == key {
			for _, v := range arg.Vals {
				var n int32
				_, _ = fmt.Sscan(v, &n)
				list = append(list, n)
			}
		}
	}
	return list
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "new":
		s.log = &fakeLog{start: number(t, d, "start", 0), unstable: -1, cfg: config.Topic{MinInsyncReplicas: 1, Delete: true}}
		for range number(t, d, "records", 0) {
			s.log.epochs = append(s.log.epochs, int32(number(t, d, "epoch", 0)))
		}
		s.part = New("t", 0, 1, s.log, number(t, d, "hw", 0))
	case "config":
		s.log.cfg = config.Topic{MinInsyncReplicas: int(number(t, d, "min-isr", 1)), Delete: !d.HasArg("compact-only")}
	case "log":
		s.log.unstable, s.log.duplicate, s.log.refuse = number(t, d, "unstable", -1), d.HasArg("duplicate"), nil
		s.log.mustSync, s.log.refuseSync = d.HasArg("must-sync"), nil
		if d.HasArg("refuse") {
			s.log.refuse = errors.New("the disk is on fire")
		}
		if d.HasArg("no-sync") {
			s.log.refuseSync = errors.New("the disk is on fire")
		}
	case "become":
		err := s.part.Become(Change{
			Leader: int32(number(t, d, "leader", 1)), LeaderEpoch: int32(number(t, d, "epoch", 0)),
			PartitionEpoch: int32(number(t, d, "version", 0)), Replicas: numbers(d, "replicas"), ISR: numbers(d, "isr"),
		})
		return result(err) + s.state()
	case "wait":
		time.Sleep(time.Duration(number(t, d, "ms", 0)) * time.Millisecond)
	case "retire":
		s.part.Retire()
	case "offline":
		s.part.GoOffline()
	case "watch":
		s.watches[int(number(t, d, "slot", 0))] = &Watch{}
		s.part.Watch(s.watches[int(number(t, d, "slot", 0))], s, int(number(t, d, "slot", 0)))
		return ""
	case "stop":
		s.watches[int(number(t, d, "slot", 0))].Stop()
		return ""
	default:
		if out, ok := s.replicate(t, d); ok {
			return out
		}
		return s.ask(t, d)
	}
	return s.state()
}

func (s *script) ask(t *testing.T, d *datadriven.TestData) string {
	isolation := UpToHighWatermark
	if d.HasArg("committed") {
		isolation = UpToLastStable
	} else if d.HasArg("log-end") {
		isolation = UpToLogEnd
	}
	current := int32(number(t, d, "current", -1))
	switch d.Cmd {
	case "append":
		c := record.Checked{MaxTimestampOffsetDelta: int32(number(t, d, "records", 1)) - 1}
		a, err := s.part.Append(c, int16(number(t, d, "acks", -1)), record.FromClient)
		if err != nil {
			return result(err) + s.state()
		}
		s.last = a
		must := ""
		if a.MustSync {
			must = ", to be synced"
		}
		return fmt.Sprintf("offsets %d to %d, epoch %d%s\n", a.FirstOffset, a.LastOffset, a.Epoch, must) + s.state()
	case "sync":
		var err error
		s.part.SyncThen(&s.last, func(e error) { err = e })
		return result(err) + s.state()
	case "committed":
		done, err := s.part.Committed(number(t, d, "up-to", 0), int32(number(t, d, "epoch", 0)))
		return fmt.Sprintf("over %v: %s", done, result(err))
	case "read":
		var out ReadResult
		req := &ReadRequest{
			Offset: number(t, d, "offset", 0), CurrentLeaderEpoch: current, LastFetchedEpoch: int32(number(t, d, "last", -1)),
			MaxBytes: int(number(t, d, "max", 100)), AtLeastOne: d.HasArg("one"), Isolation: isolation, LeaderOnly: !d.HasArg("any"),
		}
		available, ready := s.part.Available(req)
		if err := s.part.Read(req, &out); err != nil {
			return fmt.Sprintf("%sready %v\n", result(err), ready)
		}
		text := fmt.Sprintf("%d bytes (available %d, ready %v), hw %d, lso %d, start %d", out.Slice.SizeBytes, available, ready,
			out.HighWatermark, out.LastStableOffset, out.LogStartOffset)
		if out.Aborted != nil {
			text += fmt.Sprintf(", aborted %v", out.Aborted)
		}
		if out.Diverging != nil {
			text += fmt.Sprintf(", diverging %+v", *out.Diverging)
		}
		out.Slice.Release()
		return text + "\n"
	case "offset":
		o, ok, err := s.part.OffsetFor(number(t, d, "time", 0), isolation, current, !d.HasArg("any"))
		if err != nil {
			return result(err)
		}
		return fmt.Sprintf("%v: offset %d time %d epoch %d\n", ok, o.Offset, o.TimestampMs, o.LeaderEpoch)
	case "offsets-before":
		offsets, err := s.part.OffsetsBefore(number(t, d, "time", 0), int(number(t, d, "limit", 10)), !d.HasArg("follower"), true)
		return fmt.Sprintf("%s%v\n", result(err), offsets)
	case "epoch-end":
		e, err := s.part.EpochEnd(current, int32(number(t, d, "epoch", 0)), true)
		return fmt.Sprintf("%sepoch %d end %d\n", result(err), e.Epoch, e.EndOffset)
	case "delete-records":
		low, err := s.part.DeleteRecords(number(t, d, "before", -1))
		return fmt.Sprintf("%slow watermark %d\n", result(err), low)
	case "producers":
		producers, err := s.part.Producers()
		return fmt.Sprintf("%s%d\n", result(err), len(producers))
	}
	return "unknown command " + d.Cmd
}

func result(err error) string {
	if err == nil {
		return "ok\n"
	}
	return strings.TrimPrefix(err.Error(), "partition: ") + "\n"
}

func (s *script) state() string {
	st := s.part.State()
	role := [...]string{"none", "leader", "follower", "offline"}[st.Role]
	text := fmt.Sprintf("%s epoch %d version %d isr %v hw %d", role, st.LeaderEpoch, st.PartitionEpoch, st.ISR, s.part.HighWatermark())
	if s.log.high != s.part.HighWatermark() {
		text += fmt.Sprintf(" BUT THE LOG WAS TOLD %d", s.log.high)
	}
	return text + "\n"
}
