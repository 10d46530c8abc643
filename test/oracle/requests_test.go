//go:build oracle

package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fixedTimeMs is the time of the records: recent, so that retention leaves them alone, and the same for both brokers.
var fixedTimeMs = time.Now().Add(-time.Hour).UnixMilli()

// overrides are given to both brokers.
var overrides = []string{"auto.create.topics.enable=true", "num.partitions=2", "log.initial.task.delay.ms=600000",
	"offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
	"group.initial.rebalance.delay.ms=0"}

func startKafka(t *testing.T, version string, mode kafka.Mode, port int, more ...string) *kafka.Cluster {
	t.Helper()
	c := &kafka.Cluster{Version: version, Mode: mode, Dir: t.TempDir(), Port: port, HeapOpts: "-Xmx512M"}
	if err := c.Start(t.Context(), append(slices.Clone(overrides), more...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	awaitBroker(t, c.Address())
	return c
}

// awaitBroker waits until Kafka knows of a broker: with ZooKeeper it listens before that, and would refuse to create a topic.
func awaitBroker(t *testing.T, address string) {
	t.Helper()
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		req := kmsg.NewPtrMetadataRequest()
		req.SetVersion(4)
		req.Topics = []kmsg.MetadataRequestTopic{}
		resp, err := conn.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.(*kmsg.MetadataResponse).Brokers) > 0 {
			return
		}
	}
	t.Fatalf("the broker at %s is in no cluster", address)
}

func startMilena(t *testing.T, dir string, more ...string) *milena.Broker {
	t.Helper()
	binary, err := milena.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &milena.Broker{Binary: binary, Dir: dir}
	if err := b.Start(t.Context(), append(slices.Clone(overrides), more...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		version string
		mode    kafka.Mode
		port    int
	}{{kafka.V4, kafka.KRaft, 19500}, {kafka.V3, kafka.ZooKeeper, 19540}} {
		t.Run(c.version, func(t *testing.T) {
			theirs := newPlayer(t, startKafka(t, c.version, c.mode, c.port).Address())
			ours := newPlayer(t, startMilena(t, t.TempDir()).Address())
			all := readDifferences(t, "testdata/differences-"+c.version+".txt")
			shown := report{t: t, from: map[string]string{}}
			for _, s := range readScript(t, "testdata/requests.txt") {
				if !theirs.serves(s) || s.only != "" && s.only != c.version {
					continue
				}
				shown.add(s, unknown(all, s.api, compare(theirs.play(t, s), ours.play(t, s))))
			}
			shown.flush()
			for _, k := range all {
				if !k.met {
					t.Errorf("%q is listed as different but is the same: take it off the list", k.line)
				}
			}
		})
	}
}

// report tells the differences of one line of the script, those of all its versions together.
type report struct {
	t    *testing.T
	last step
	from map[string]string // a difference, and the versions that have it
}

// maxShown is how many differences of one line are shown.
const maxShown = 100

func (r *report) add(s step, found []fieldDifference) {
	if s.line != r.last.line {
		r.flush()
	}
	r.last = s
	for _, d := range found {
		text := strings.ReplaceAll(d.String(), fmt.Sprintf("-%d", s.version), "-$v")
		r.from[text] += fmt.Sprintf(" v%d", s.version)
	}
}

func (r *report) flush() {
	r.t.Helper()
	for i, text := range slices.Sorted(maps.Keys(r.from)) {
		if i == 0 {
			r.t.Errorf("line %d: %s %s", r.last.line, r.last.api, r.last.body)
		}
		if i == maxShown {
			r.t.Errorf("and %d more", len(r.from)-i)
			break
		}
		r.t.Errorf("  %s (%s)", text, r.from[text][1:])
	}
	r.from = map[string]string{}
}
