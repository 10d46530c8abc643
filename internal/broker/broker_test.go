package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestProduceAndConsume(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1)
		c := h.client()
		defer c.Close()
		h.produce(c, "t", 0, 100)
		h.wantValues("t", 100)
	})
}

// TestADay produces for 24 hours while retention runs: what is kept is the end, whole and in order, and not much more than asked for.
func TestADay(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1, "retention.ms=3600000", "segment.ms=600000")
		c := h.client()
		defer c.Close()
		const pause = 10 * time.Second
		n := int(24 * time.Hour / pause)
		for i := range n {
			h.produce(c, "t", i, i+1)
			h.wait(pause)
		}
		all := h.readAll("t")
		for i, r := range all {
			if want := n - len(all) + i; r.Offset != int64(want) || string(r.Value) != string(value(want)) {
				t.Fatalf("offset %d: %q, want %q at %d", r.Offset, r.Value, value(want), want)
			}
		}
		hour, slack := int(time.Hour/pause), int((10+5+1)*time.Minute/pause) // a segment, a retention check, the delay of file deletion
		if len(all) < hour || len(all) > hour+slack {
			t.Errorf("%d records are kept, want those of an hour, %d, and at most %d more", len(all), hour, slack)
		}
		if entries, err := h.fs.ReadDir("/data/t-0"); err != nil || len(entries) > 4*9+5 {
			t.Errorf("%d files, %v", len(entries), err)
		}
	})
}

// TestCleanRestart restarts with the same producer running on: its sequence numbers go on too.
func TestCleanRestart(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1, "segment.bytes=2000")
		c := h.client()
		defer c.Close()
		for round := range 5 {
			h.produce(c, "t", round*100, round*100+100)
			h.stop()
			if _, err := h.fs.Stat("/data/.kafka_cleanshutdown"); err != nil {
				t.Error(err)
			}
			var touched []string
			active := h.segments("t-0")[0]
			h.fs.SetFault(func(op memfs.Op) error {
				if (op.Kind == memfs.OpRead || op.Kind == memfs.OpWrite) && strings.HasSuffix(op.Name, ".log") && op.Name != active {
					touched = append(touched, op.Name)
				}
				return nil
			})
			h.start()
			h.fs.SetFault(nil)
			if len(touched) > 0 {
				t.Errorf("a clean start touches old segments: %q", touched)
			}
		}
		h.wantValues("t", 500)
	})
}

// segments lists the data files of a log, the active one first.
func (h *house) segments(log string) (names []string) {
	h.t.Helper()
	entries, err := h.fs.ReadDir("/data/" + log)
	must(h.t, err)
	for _, e := range slices.Backward(entries) {
		if strings.HasSuffix(e.Name(), ".log") {
			names = append(names, "/data/"+log+"/"+e.Name())
		}
	}
	return names
}

// TestPowerCut: with a sync for each batch, all that was acknowledged is there afterwards, once and in order; what was under way may be.
func TestPowerCut(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.static["log.flush.interval.messages"] = "1"
				h.start()
				h.createTopic("t", 1, "segment.bytes=3000")
				acked := 0
				for cut := range 3 {
					acked = h.produceUntilCut(acked, 40+int64(seed)*7+int64(cut))
					h.die(seed + uint64(cut)*101)
					h.start()
					all := h.readAll("t")
					for i, r := range all {
						if r.Offset != int64(i) || string(r.Value) != string(value(i)) {
							t.Fatalf("cut %d, offset %d: %q at %d", cut, i, r.Value, r.Offset)
						}
					}
					if len(all) < acked || len(all) > acked+1 {
						t.Fatalf("cut %d: %d records, of which %d were acknowledged and one was under way", cut, len(all), acked)
					}
					acked = len(all)
				}
			})
		})
	}
}

// produceUntilCut produces from a number on until the disk has seen so many more changes and stops; it returns how many were acknowledged.
func (h *house) produceUntilCut(from int, changes int64) int {
	h.fs.StopAt(h.fs.Changes() + changes)
	c := h.client(kgo.RecordDeliveryTimeout(5*time.Second), kgo.RetryTimeout(5*time.Second))
	defer c.Close()
	n, _ := produceValues(c, "t", from, from+1000)
	if !h.fs.Stopped() {
		h.t.Fatal("the disk went on")
	}
	return from + n
}

// TestFailedDirectory: a sync that fails takes the partitions of its directory offline, and no others.
func TestFailedDirectory(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.static["log.dirs"] = "/a,/b"
		h.static["log.flush.interval.messages"] = "1"
		h.start()
		for i := range 4 {
			h.createTopic(fmt.Sprint("t", i), 1)
		}
		c := h.client(kgo.RecordRetries(3))
		defer c.Close()
		for i := range 4 {
			h.produce(c, fmt.Sprint("t", i), 0, 10)
		}
		h.fs.SetFault(memfs.FailKind(memfs.OpSync, "/a/", syscall.EIO))
		offline := 0
		for i := range 4 {
			topic := fmt.Sprint("t", i)
			_, statErr := h.fs.Stat("/a/" + topic + "-0")
			onA := statErr == nil
			if onA {
				offline++
			}
			err := h.rawProduce(topic, 10)
			switch {
			case onA && err != kerr.KafkaStorageError:
				t.Errorf("%s lies in the failed directory: %v", topic, err)
			case !onA && err != nil:
				t.Errorf("%s lies in the other directory: %v", topic, err)
			case !onA:
				h.wantValues(topic, 11)
			}
		}
		if offline == 0 || offline == 4 {
			t.Fatalf("%d of 4 topics in one directory", offline)
		}
		h.fs.SetFault(nil)
		for i := range 4 { // a disk that works again is not trusted
			topic := fmt.Sprint("t", i)
			if _, err := h.fs.Stat("/a/" + topic + "-0"); err != nil {
				continue
			}
			if err := h.rawProduce(topic, 10); err != kerr.KafkaStorageError {
				t.Errorf("%s after the directory has failed: %v", topic, err)
			}
		}
		h.stop()
		if _, err := h.fs.Stat("/a/.kafka_cleanshutdown"); err == nil {
			t.Error("a failed directory is marked as cleanly shut down")
		}
		h.start()
		for i := range 4 {
			topic := fmt.Sprint("t", i)
			if err := h.rawProduce(topic, 11); err != nil {
				t.Errorf("%s after a restart: %v", topic, err)
			}
		}
	})
}

// TestFullDisk: a volume without room refuses produce and serves reads; a topic can be deleted, which makes room; the broker starts on it.
func TestFullDisk(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("keep", 1, "segment.bytes=20000")
		h.createTopic("large", 1, "segment.bytes=20000")
		c := h.client()
		defer c.Close()
		h.produce(c, "keep", 0, 200)
		h.produce(c, "large", 0, 500)
		h.fill(0)
		for range 2 {
			if err := h.rawProduce("keep", 200); err != kerr.KafkaStorageError {
				t.Fatalf("produce on a full disk: %v", err)
			}
			h.wantValues("keep", 200)
		}
		if err := h.tryStop(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a stop that finds no room for its marker: %v", err)
		}
		h.start()
		if err := h.rawProduce("keep", 200); err != kerr.KafkaStorageError {
			t.Fatalf("produce on a full disk, after a restart: %v", err)
		}
		h.wantValues("keep", 200)
		if _, err := kadm.NewClient(c).DeleteTopic(context.Background(), "large"); err != nil {
			t.Fatal(err)
		}
		h.wait(2 * time.Minute) // file.delete.delay.ms
		h.produce(c, "keep", 200, 300)
		h.wantValues("keep", 300)
	})
}

// fill leaves so many bytes free on the disk.
func (h *house) fill(free int64) {
	h.t.Helper()
	space, err := h.fs.Space("/data")
	if err != nil {
		h.t.Fatal(err)
	}
	h.fs.SetCapacity(space.TotalBytes - space.UsableBytes + free)
}

// TestRetentionOnAFullDisk: retention makes room by itself.
func TestRetentionOnAFullDisk(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1, "segment.bytes=20000", "retention.ms=600000")
		c := h.client()
		defer c.Close()
		h.produce(c, "t", 0, 500)
		h.fill(0)
		if err := h.rawProduce("t", 500); err != kerr.KafkaStorageError {
			t.Fatalf("produce on a full disk: %v", err)
		}
		h.wait(20 * time.Minute)
		h.produce(c, "t", 500, 600)
		if all := h.readAll("t"); string(all[len(all)-1].Value) != string(value(599)) {
			t.Errorf("the last record is %q", all[len(all)-1].Value)
		}
	})
}

// TestLostSession: a broker whose session has expired registers anew, and serves on.
func TestLostSession(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1)
		c := h.client()
		defer c.Close()
		for round := range 5 {
			h.produce(c, "t", round*10, round*10+10)
			for _, id := range h.store.Sessions() {
				h.store.ExpireSession(id)
			}
			h.wait(time.Minute)
		}
		h.createTopic("another", 1)
		h.produce(c, "another", 0, 10)
		h.wantValues("t", 50)
	})
}

// TestSecondBroker: one on the same directories, one of another cluster and one with another id are refused, and harm nothing.
func TestSecondBroker(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1)
		c := h.client()
		defer c.Close()
		h.produce(c, "t", 0, 10)
		running := h.broker
		h.static["listeners"] = "PLAINTEXT://broker:9093"
		if err := h.tryStart(); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("a second broker on the same directory: %v", err)
		}
		h.broker = running
		h.produce(c, "t", 10, 20)
		h.stop()
		h.static["node.id"] = "2"
		if err := h.tryStart(); err == nil || !strings.Contains(err.Error(), "Stored node id 1 doesn't match previous node id 2") {
			t.Errorf("another broker's directory: %v", err)
		}
		h.static["node.id"] = "1"
		own := h.store
		h.store = memcoord.NewServer()
		other := clusterstore.New(h.store.Open())
		must(t, other.EnsureParents(t.Context()))
		_, err := other.CreateOrGetClusterID(t.Context(), "other")
		must(t, err)
		if err := h.tryStart(); err == nil || !strings.Contains(err.Error(), "Invalid cluster.id in: /data/meta.properties. Expected other") {
			t.Errorf("another cluster's directory: %v", err)
		}
		h.store, h.static["listeners"] = own, "PLAINTEXT://"+address
		h.start()
		h.wantValues("t", 20)
	})
}

// TestLastDirectoryFails: a broker without a directory that works says that it cannot go on; started again on a disk that works, it has all that was
// acknowledged.
func TestLastDirectoryFails(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.static["log.flush.interval.messages"] = "1"
		h.start()
		h.createTopic("t", 1)
		c := h.client()
		defer c.Close()
		h.produce(c, "t", 0, 20)
		h.fs.SetFault(memfs.FailKind(memfs.OpSync, "/data/", syscall.EIO))
		if err := h.rawProduce("t", 20); err != kerr.KafkaStorageError {
			t.Errorf("produce: %v", err)
		}
		if err := <-h.broker.Failed(); err == nil || !strings.Contains(err.Error(), "every log directory is offline") {
			t.Errorf("the broker says %v", err)
		}
		_ = h.tryStop()
		h.fs.SetFault(nil)
		h.start()
		all := h.readAll("t")
		for i, r := range all {
			if string(r.Value) != string(value(i)) {
				t.Fatalf("%q at %d", r.Value, r.Offset)
			}
		}
		if len(all) < 20 || len(all) > 21 {
			t.Errorf("%d records, of which 20 were acknowledged and one was not", len(all))
		}
	})
}

// TestSlowDisk: while a sync takes longer than clients wait, nothing is lost, doubled or out of order, and reads go on.
func TestSlowDisk(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.static["log.flush.interval.messages"] = "1"
		h.start()
		h.createTopic("t", 1)
		l := h.startLoad("t")
		for range 5 {
			h.wait(100 * time.Millisecond)
			h.fs.SetFault(func(op memfs.Op) error {
				if op.Kind == memfs.OpSync && strings.HasSuffix(op.Name, ".log") {
					h.wait(45 * time.Second)
				}
				return nil
			})
			h.wait(45 * time.Second)
			h.fs.SetFault(nil)
			h.wait(time.Second)
		}
		n := l.end()
		h.wantValues("t", n)
	})
}

// TestBadNetwork: connections are cut, held and reset again and again; nothing is lost, doubled or out of order.
func TestBadNetwork(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1)
		l := h.startLoad("t")
		for i := range 40 {
			h.wait(time.Duration(37+i*11) * time.Millisecond)
			switch i % 4 {
			case 0:
				h.net.Reset("client", "broker")
			case 1:
				h.net.Drop("broker", "client") // answers are lost: the client must send again what is there already
			case 2:
				h.net.Drop("client", "broker")
			case 3:
				h.net.CutBoth("client", "broker")
			}
			h.wait(20 * time.Millisecond)
			h.net.HealAll()
		}
		h.wait(time.Second)
		n := l.end()
		h.wantValues("t", n)
		if n < 1000 {
			t.Errorf("only %d records", n)
		}
	})
}
