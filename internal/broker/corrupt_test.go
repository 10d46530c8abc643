package broker_test

import (
	"bytes"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

// damages are what happens to files between a stop and a start.
var damages = map[string]func(data []byte) []byte{
	"empty":   func([]byte) []byte { return nil },
	"half":    func(data []byte) []byte { return data[:len(data)/2] },
	"zeros":   func(data []byte) []byte { return make([]byte, len(data)) },
	"longer":  func(data []byte) []byte { return append(bytes.Clone(data), "what another program has left here"...) },
	"garbage": func(data []byte) []byte { return garbage(len(data)) },
	"flipped": func(data []byte) []byte {
		data = bytes.Clone(data)
		if len(data) > 0 {
			data[min(len(data)/2+45, len(data)-1)] ^= 0x40 // of a batch, in what its checksum covers
		}
		return data
	},
}

func garbage(n int) []byte {
	random, data := rand.New(rand.NewPCG(3, 4)), make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// TestDamagedFiles damages each file of the data directory in turn, after a clean stop and without one, and starts the broker: it starts, or says
// which file is wrong; it never serves a record that is not what was written there; and as long as no data file is concerned, all are there.
func TestDamagedFiles(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1, "segment.bytes=4000", "index.interval.bytes=500")
		c := h.client()
		h.produce(c, "t", 0, 200)
		h.wait(2 * minute) // checkpoints
		c.Close()
		h.stop()
		stopped := h.fs
		for _, name := range files(t, stopped, "/data") {
			for damage := range damages {
				for _, clean := range []bool{true, false} {
					if clean && path.Base(name) == ".kafka_cleanshutdown" {
						continue
					}
					h.fs = stopped.Kill()
					h.startDamaged(t, name, damage, clean)
				}
			}
		}
	})
}

const minute = 60_000_000_000

func (h *house) startDamaged(t *testing.T, name, damage string, clean bool) {
	data, err := vfs.ReadFile(h.fs, name)
	must(t, err)
	must(t, vfs.WriteFileAtomic(h.fs, name, damages[damage](data)))
	if !clean {
		must(t, h.fs.Remove("/data/.kafka_cleanshutdown"))
	}
	if err := h.tryStart(); err != nil {
		if path.Base(name) != "meta.properties" || !strings.Contains(err.Error(), name) {
			t.Errorf("%s, %s, clean %v: the broker does not start: %v", name, damage, clean, err)
		}
		return
	}
	defer h.stop()
	all, err := h.tryReadAll("t")
	for _, r := range all {
		if string(r.Value) != string(value(int(r.Offset))) {
			t.Errorf("%s, %s, clean %v: %q at %d", name, damage, clean, r.Value, r.Offset)
			return
		}
	}
	switch {
	case path.Ext(name) == ".log":
		return
	case path.Base(name) == "partition.metadata" && err != nil:
		if !strings.Contains(h.log.String(), name+": ") {
			t.Errorf("%s, %s, clean %v: out of service without a word", name, damage, clean)
		}
		return
	case path.Base(name) == "partition.metadata" && len(all) == 0: // another topic's, then
		if stray := h.segments(h.strayOf("t-0")); len(stray) == 0 {
			t.Errorf("%s, %s, clean %v: the records are gone", name, damage, clean)
		}
		return
	}
	if err != nil || len(all) != 200 {
		t.Errorf("%s, %s, clean %v: %d of 200 records, %v", name, damage, clean, len(all), err)
		return
	}
	c := h.client()
	defer c.Close()
	if _, err := produceValues(c, "t", 200, 205); err != nil {
		t.Errorf("%s, %s, clean %v: %v", name, damage, clean, err)
	}
}

// strayOf is the directory that a log was renamed to because its topic is no more.
func (h *house) strayOf(log string) string {
	entries, err := h.fs.ReadDir("/data")
	must(h.t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), log+".") && strings.HasSuffix(e.Name(), "-stray") {
			return e.Name()
		}
	}
	h.t.Errorf("%s was not set aside", log)
	return log
}

// files lists all files below a directory.
func files(t *testing.T, fs *memfs.FS, dir string) (all []string) {
	t.Helper()
	entries, err := fs.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if name := path.Join(dir, e.Name()); e.IsDir() {
			all = append(all, files(t, fs, name)...)
		} else {
			all = append(all, name)
		}
	}
	return all
}
