package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// payloads are the values that producer-perf-test writes.
type payloads struct {
	list    [][]byte   // of a file, or made up; empty: the record's number
	random  *rand.Rand // nil: one after the other
	largest int        // bytes
}

// newPayloads makes values of the size, file or kind that the options say. Made-up ones are random letters, as Kafka's: 32
// MB of different ones at most, made beforehand, so that making them is no part of what is measured.
func newPayloads(env *Env, v *Values) (*payloads, error) {
	switch {
	case v.Has("payload-monotonic"):
		return &payloads{largest: 20}, nil
	case v.Has("payload-file"):
		return filePayloads(env, v.Value("payload-file"), v.Value("payload-delimiter"))
	}
	size := int(v.Int("record-size"))
	count := min(max(1, (32<<20)/size), 4096, int(min(v.Int("num-records"), 4096)))
	random := rand.New(rand.NewPCG(0, 0))
	p := &payloads{largest: size}
	for range count {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = 'A' + byte(random.Uint32N(26))
		}
		p.list = append(p.list, payload)
	}
	return p, nil
}

func filePayloads(env *Env, path, delimiter string) (*payloads, error) {
	absolute, _ := filepath.Abs(path)
	env.printf("Reading payloads from: %s\n", absolute)
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return nil, errors.New("File does not exist or empty file provided.")
	}
	if delimiter == `\n` {
		delimiter = "\n"
	}
	p := &payloads{list: bytes.Split(bytes.TrimSuffix(text, []byte(delimiter)), []byte(delimiter)),
		random: rand.New(rand.NewPCG(0, 0))}
	env.printf("Number of records read: %d\n", len(p.list))
	for _, payload := range p.list {
		p.largest = max(p.largest, len(payload))
	}
	return p, nil
}

// next is the value of record i.
func (p *payloads) next(i int64) []byte {
	switch {
	case len(p.list) == 0:
		return strconv.AppendInt(nil, i, 10)
	case p.random != nil:
		return p.list[p.random.IntN(len(p.list))]
	}
	return p.list[i%int64(len(p.list))]
}

// byteCount counts what a client writes and reads, for --print-metrics. Its counters may be added to from any goroutine.
type byteCount struct {
	start                               time.Time
	requests, responses, written, readN atomic.Int64
}

func newByteCount() *byteCount { return &byteCount{start: time.Now()} }

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (c *byteCount) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, err error) {
	if err == nil {
		c.requests.Add(1)
		c.written.Add(int64(bytes))
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (c *byteCount) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, err error) {
	if err == nil {
		c.responses.Add(1)
		c.readN.Add(int64(bytes))
	}
}

// print prints the counters under the names that Kafka's client has for them.
func (c *byteCount) print(w io.Writer, clientID string) {
	tags := ":{client-id=" + clientID + "}"
	rows := []struct{ name, value string }{
		{"app-info:start-time-ms" + tags, strconv.FormatInt(c.start.UnixMilli(), 10)},
		{"app-info:version" + tags, KafkaVersion},
	}
	for _, row := range []struct {
		name  string
		value int64
	}{{"incoming-byte-total", c.readN.Load()}, {"outgoing-byte-total", c.written.Load()},
		{"request-total", c.requests.Load()}, {"response-total", c.responses.Load()}} {
		rows = append(rows, struct{ name, value string }{"client-metrics:" + row.name + tags, fmt.Sprintf("%.3f",
			float64(row.value))})
	}
	width := 0
	for _, row := range rows {
		width = max(width, len(row.name))
	}
	fmt.Fprintf(w, "\n%-*s   %s\n", width, "Metric Name", "Value")
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s : %s\n", width, row.name, row.value)
	}
}
