package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"milena/bench/load"
)

// cleaningWithin is how long the cleaner may take for the whole topic.
const cleaningWithin = 10 * time.Minute

// cleaning measures a compacted topic that is cleaned while another is written to at a steady pace: how much memory the broker takes at most, and
// what the writers feel.
func cleaning(t target, r results, s scale, run int) error {
	topic, beside := fmt.Sprintf("compacted-%d", run), fmt.Sprintf("beside-%d", run)
	err := load.CreateTopic(t.address(), topic, 1, map[string]string{"cleanup.policy": "compact",
		"segment.bytes": fmt.Sprint(s.compactBytes / 20), "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "100000000"})
	if err == nil {
		err = load.CreateTopic(t.address(), beside, 1, nil)
	}
	if err != nil {
		return err
	}
	if _, err := (load.Produce{Topic: topic, Partitions: 1, RecordBytes: 1024, BatchBytes: 100_000, TotalBytes: s.compactBytes, InFlight: 5,
		Keyed: true}).Run(t.address()); err != nil {
		return err
	}
	before, err := topicBytes(t.dataDir(), topic)
	if err != nil {
		return err
	}
	if err := load.SetTopicConfig(t.address(), topic, "min.compaction.lag.ms", "0"); err != nil {
		return err
	}
	pace := load.Latency{Topic: beside, RecordBytes: 1024, PerSecond: 500, For: time.Second}
	var worst time.Duration
	var peak float64
	for begin := time.Now(); ; {
		acked, err := pace.Run(t.address())
		if err != nil {
			return err
		}
		worst = max(worst, acked.P99)
		rss, err := memoryMB(t.pid(), rssNow)
		if err != nil {
			return err
		}
		peak = max(peak, rss)
		left, err := topicBytes(t.dataDir(), topic)
		if err != nil {
			return err
		}
		if left < before/5 { // all but the active segment, and those that wait to be deleted
			break
		}
		if time.Since(begin) > cleaningWithin {
			return fmt.Errorf("cleaning: %d of %d bytes are left after %v", left, before, cleaningWithin)
		}
	}
	r.add(t.name(), "clean-p99", worst.Seconds()*1000)
	r.add(t.name(), "clean-rss", peak)
	return nil
}

// topicBytes is the size of a topic's log files that are not about to be deleted.
func topicBytes(dataDir, topic string) (total int64, err error) {
	files, err := filepath.Glob(filepath.Join(dataDir, topic+"-0", "*.log"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no log of %s in %s (%v)", topic, dataDir, err)
	}
	err = filepath.WalkDir(filepath.Join(dataDir, topic+"-0"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".log") {
			return nil //nolint:nilerr // a segment may go while it is looked at
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total, err
}
