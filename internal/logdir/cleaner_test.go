package logdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/commitlog"
	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

var compacted = map[string]string{
	"cleanup.policy": "compact", "internal.segment.bytes": "1000", "file.delete.delay.ms": "1000", "min.cleanable.dirty.ratio": "0.1",
	"segment.bytes": "1048576",
}

// compactedLog makes a log while the cleaner rests after its first look, a second away from the next one: the looks that a test sees
// come between what it does to the log.
func compactedLog(t *testing.T, d *Dirs, topic string, more ...string) *Log {
	t.Helper()
	overrides := map[string]string{}
	for k, v := range compacted {
		overrides[k] = v
	}
	for _, m := range more {
		k, v, _ := strings.Cut(m, "=")
		overrides[k] = v
	}
	cfg, err := config.TopicOf(d.options.Config.Broker(), overrides)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Create(TopicPartition{topic, 0}, topicID, cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	return l
}

// put appends a record of some size.
func put(t *testing.T, l *Log, key string, size int) {
	t.Helper()
	b, err := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(
		[]record.Record{{TimestampMs: time.Now().UnixMilli(), Key: []byte(key), Value: bytes.Repeat([]byte{'x'}, size)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendAsLeader(record.Checked{Batch: b, MaxTimestamp: b.MaxTimestamp(), AppendTimeMs: -1}, 0, record.FromClient); err != nil {
		t.Fatal(err)
	}
	l.SetHighWatermark(l.LogEndOffset())
}

// soil writes the same few keys over and over.
func soil(t *testing.T, l *Log, records int) {
	t.Helper()
	for i := range records {
		put(t, l, fmt.Sprint("key", i%3), 100)
	}
}

func checkpointOf(t *testing.T, fs vfs.FS, dir string) string {
	t.Helper()
	text, err := vfs.ReadFile(fs, dir+"/"+cleanerFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCleanerCleansAndCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := memfs.New()
		d := mustOpen(t, fs, settings(t, "log.dirs=/a", "log.cleaner.threads=2"))
		logs := []*Log{compactedLog(t, d, "one"), compactedLog(t, d, "two")}
		plain := create(t, d, "three", 0)
		for _, l := range append(logs, plain) {
			soil(t, l, 60)
		}
		time.Sleep(40 * time.Second) // twice the back-off
		synctest.Wait()
		for _, l := range logs {
			if l.CleanedTo() == 0 || l.SizeBytes() > 3000 {
				t.Errorf("%s is cleaned to %d and has %d bytes", l.Topic, l.CleanedTo(), l.SizeBytes())
			}
		}
		if plain.CleanedTo() != 0 {
			t.Error("a log that is not compacted was cleaned")
		}
		want := fmt.Sprintf("0\n2\none 0 %d\ntwo 0 %d\n", logs[0].CleanedTo(), logs[1].CleanedTo())
		if got := checkpointOf(t, fs, "/a"); got != want {
			t.Errorf("the checkpoint is %q, want %q", got, want)
		}
		if s := d.CleanerStats(); s.CleanedBytes == 0 || s.RecopyPercent >= 100 || s.SinceLastRunMs > 20_000 {
			t.Errorf("counted %+v", s)
		}
		names, err := fs.ReadDir("/a/one-0")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range names {
			if strings.Contains(e.Name(), ".deleted") {
				t.Errorf("%s was left", e.Name())
			}
		}
		// The topic goes, and its line with it; the other one is known at the next start.
		cleaned := logs[1].CleanedTo()
		if err := d.Delete(TopicPartition{"one", 0}); err != nil {
			t.Fatal(err)
		}
		soil(t, logs[1], 60)
		time.Sleep(40 * time.Second)
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if got := checkpointOf(t, fs, "/a"); strings.Contains(got, "one") {
			t.Errorf("the checkpoint is %q", got)
		}
		d = mustOpen(t, fs.Kill(), settings(t, "log.dirs=/a"))
		if again := d.Get(TopicPartition{"two", 0}).CleanedTo(); again <= cleaned {
			t.Errorf("after the restart it is cleaned to %d, was at more than %d", again, cleaned)
		}
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDamagedLogIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := memfs.New()
		var said bytes.Buffer
		d, err := Open(Options{FS: fs, Config: settings(t, "log.dirs=/a"), Logger: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Claim("cluster", 1), d.Load(t.Context(), func(string) *config.Topic { return nil })); err != nil {
			t.Fatal(err)
		}
		bad, good := compactedLog(t, d, "bad"), compactedLog(t, d, "good")
		soil(t, bad, 60)
		soil(t, good, 30)
		f, err := fs.OpenReadWrite("/a/bad-0/00000000000000000000.log")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("damage"), 300); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if good.CleanedTo() == 0 || bad.CleanedTo() != 0 {
			t.Errorf("the good one is cleaned to %d, the damaged one to %d", good.CleanedTo(), bad.CleanedTo())
		}
		if n := strings.Count(said.String(), "log cannot be cleaned"); n != 1 || !strings.Contains(said.String(), "00000000000000000000.log at position") {
			t.Errorf("said %d times:\n%s", n, said.String())
		}
		if s := d.CleanerStats(); s.UncleanablePartitions != 1 || s.UncleanableBytes == 0 {
			t.Errorf("counted %+v", s)
		}
		if bad.dir.Offline() {
			t.Error("the directory is offline")
		}
		if names, _ := fs.ReadDir("/a/bad-0"); strings.Contains(fmt.Sprint(names), ".cleaned") {
			t.Errorf("left behind: %v", names)
		}
		// Without the log there is nothing stuck.
		if err := d.Delete(TopicPartition{"bad", 0}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := d.CleanerStats(); s.UncleanablePartitions != 0 {
			t.Errorf("counted %+v", s)
		}
		_ = f.Close()
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCleanerAndBadDisks(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   func(op memfs.Op) error
		offline bool
	}{
		{"full", memfs.FailKind(memfs.OpWrite, ".cleaned", syscall.ENOSPC), false},
		{"no room for names", memfs.FailKind(memfs.OpCreate, ".cleaned", syscall.ENOSPC), false},
		{"no room for renamed", memfs.FailKind(memfs.OpRename, ".cleaned", syscall.ENOSPC), false},
		{"cannot write", memfs.FailKind(memfs.OpWrite, ".cleaned", syscall.EIO), true},
		{"cannot sync", memfs.FailKind(memfs.OpSync, ".cleaned", syscall.EIO), true},
		{"cannot read", memfs.FailKind(memfs.OpRead, "00000000000000000000.log", syscall.EIO), true},
		{"cannot rename", memfs.FailKind(memfs.OpRename, ".swap", syscall.EIO), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := memfs.New()
				d := mustOpen(t, fs, settings(t, "log.dirs=/a"))
				l := compactedLog(t, d, "one")
				soil(t, l, 60)
				fs.SetFault(c.fault)
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := l.dir.Offline(); got != c.offline {
					t.Errorf("offline %v", got)
				}
				if s := d.CleanerStats(); s.UncleanablePartitions != 0 {
					t.Errorf("counted %+v", s)
				}
				fs.SetFault(nil)
				if c.offline {
					_ = d.Close(context.Background(), 1)
					return
				}
				if l.CleanedTo() != 0 {
					t.Error("it was cleaned all the same")
				}
				put(t, l, "key", 10) // appends go on
				time.Sleep(time.Minute)
				synctest.Wait()
				if l.CleanedTo() == 0 || l.SizeBytes() > 3000 {
					t.Errorf("with room again it is cleaned to %d, %d bytes", l.CleanedTo(), l.SizeBytes())
				}
				if err := d.Close(context.Background(), 1); err != nil {
					t.Fatal(err)
				}
				if names, _ := fs.ReadDir("/a/one-0"); strings.Contains(fmt.Sprint(names), ".cleaned") || strings.Contains(fmt.Sprint(names), ".swap") {
					t.Errorf("left behind: %v", names)
				}
			})
		})
	}
}

// TestChangesUnderTheCleaner has a slow cleaner meet deletion, truncation and a change of policy.
func TestChangesUnderTheCleaner(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, d *Dirs, l *Log){
		"delete": func(t *testing.T, d *Dirs, l *Log) {
			if err := d.Delete(l.TopicPartition); err != nil {
				t.Fatal(err)
			}
		},
		"truncate": func(t *testing.T, d *Dirs, l *Log) {
			if err := l.TruncateTo(500); err != nil {
				t.Fatal(err)
			}
			soil(t, l, 200)
		},
		"start anew": func(t *testing.T, d *Dirs, l *Log) {
			if err := l.TruncateFullyAndStartAt(5000); err != nil {
				t.Fatal(err)
			}
			soil(t, l, 200)
		},
		"policy": func(t *testing.T, d *Dirs, l *Log) {
			cfg := *l.Config()
			cfg.Compact, cfg.Delete = false, true
			l.SetConfig(&cfg)
		},
		"delete records": func(t *testing.T, d *Dirs, l *Log) {
			if err := l.AdvanceLogStartOffset(900); err != nil {
				t.Fatal(err)
			}
		},
		"more threads": func(t *testing.T, d *Dirs, l *Log) {
			live := d.options.Config
			b, err := live.Broker().WithDynamic(nil, map[string]string{"log.cleaner.threads": "2", "log.cleaner.io.max.bytes.per.second": "1e9"})
			if err != nil {
				t.Fatal(err)
			}
			live.Replace(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := memfs.New()
				// About a minute for the log.
				d := mustOpen(t, fs, settings(t, "log.dirs=/a", "log.cleaner.io.max.bytes.per.second=3000"))
				l := compactedLog(t, d, "one", "internal.segment.bytes=20000")
				soil(t, l, 1000)
				time.Sleep(30 * time.Second)
				change(t, d, l)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if l.dir.Offline() {
					t.Fatal("the directory is offline")
				}
				if s := d.CleanerStats(); s.UncleanablePartitions != 0 {
					t.Errorf("counted %+v", s)
				}
				if name != "delete" {
					got := l.CleanedTo()
					if want := name != "policy"; (got > 0 && got <= l.LogEndOffset()) != want {
						t.Errorf("cleaned to %d of %d", got, l.LogEndOffset())
					}
				}
				if err := d.Close(context.Background(), 1); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestCheckpointOutsideTheLogIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := memfs.New()
		d := mustOpen(t, fs, settings(t, "log.dirs=/a", "log.cleaner.enable=false"))
		l := compactedLog(t, d, "one")
		soil(t, l, 60)
		time.Sleep(time.Hour)
		if l.CleanedTo() != 0 {
			t.Error("cleaned, though log.cleaner.enable is false")
		}
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFileAtomic(fs, "/a/"+cleanerFile, []byte("0\n1\none 0 777\n")); err != nil {
			t.Fatal(err)
		}
		live := settings(t, "log.dirs=/a")
		d, err := Open(Options{FS: fs, Config: live, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		cfg := l.Config()
		if err := errors.Join(d.Claim("cluster", 1), d.Load(t.Context(), func(string) *config.Topic { return cfg })); err != nil {
			t.Fatal(err)
		}
		l = d.Get(l.TopicPartition)
		l.SetHighWatermark(l.LogEndOffset())
		time.Sleep(time.Minute)
		if got := l.CleanedTo(); got == 0 || got > 60 {
			t.Errorf("cleaned to %d", got)
		}
		if got := checkpointOf(t, fs, "/a"); strings.Contains(got, "777") {
			t.Errorf("the checkpoint is %q", got)
		}
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCompactAndDelete: retention of a compacted log is the cleaner's.
func TestCompactAndDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := mustOpen(t, memfs.New(), settings(t, "log.dirs=/a"))
		l := compactedLog(t, d, "one", "cleanup.policy=compact,delete", "retention.ms=600000", "min.cleanable.dirty.ratio=0.9")
		soil(t, l, 30)
		time.Sleep(11 * time.Minute)
		soil(t, l, 1)
		time.Sleep(time.Minute)
		if l.LogStartOffset() == 0 {
			t.Error("nothing was deleted")
		}
		if _, err := l.Read(0, 1000, 1000, true); !errors.Is(err, commitlog.ErrOffsetOutOfRange) {
			t.Errorf("a read of what was deleted gives %v", err)
		}
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
	})
}
