//go:build oracle

package oracle

import (
	"strings"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
)

// fixedTimeMs is the time of the records: recent, so that retention leaves them alone, and the same for both brokers.
var fixedTimeMs = time.Now().Add(-time.Hour).UnixMilli()

// overrides are given to both brokers.
var overrides = []string{"auto.create.topics.enable=true", "num.partitions=2", "log.initial.task.delay.ms=600000"}

func startKafka(t *testing.T, version string, mode kafka.Mode, port int) *kafka.Cluster {
	t.Helper()
	c := &kafka.Cluster{Version: version, Mode: mode, Dir: t.TempDir(), Port: port, HeapOpts: "-Xmx512M"}
	if err := c.Start(t.Context(), overrides...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func startMilena(t *testing.T, dir string, more ...string) *milena.Broker {
	t.Helper()
	binary, err := milena.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &milena.Broker{Binary: binary, Dir: dir}
	if err := b.Start(t.Context(), append(overrides, more...)...); err != nil {
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
			known := differences(t, "testdata/differences-"+c.version+".txt")
			met := map[string]bool{}
			for _, s := range readScript(t, "testdata/requests.txt") {
				want, got := theirs.play(t, s), ours.play(t, s)
				if strings.Contains(want, `"ErrorCode": 35`) || want == "closed" && s.version < 4 {
					continue // a version that this Kafka does not serve
				}
				if want == got {
					continue
				}
				key, _, _ := strings.Cut(s.name, ",")
				if known[key] != "" {
					met[key] = true
					continue
				}
				t.Errorf("%s\nrequest: %s\nKafka %s: %s\nMilena: %s", s.name, s.body, c.version, want, got)
			}
			for key := range known {
				if !met[key] {
					t.Errorf("%s is listed as different but is the same: take it off the list", key)
				}
			}
		})
	}
}
