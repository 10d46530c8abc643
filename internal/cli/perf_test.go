package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPerfStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		start := time.Now()
		stats := newPerfStats(&out, 100, time.Second, start)
		for i := range 100 {
			<-time.After(20 * time.Millisecond)
			stats.record(time.Now(), time.Duration(i+1)*time.Millisecond, 1<<20)
		}
		stats.printTotal(time.Now())
		want := "50 records sent, 50.0 records/sec (50.00 MB/sec), 25.5 ms avg latency, 50.0 ms max latency.\n" +
			"50 records sent, 50.0 records/sec (50.00 MB/sec), 75.5 ms avg latency, 100.0 ms max latency.\n" +
			"100 records sent, 50.000000 records/sec (50.00 MB/sec), 50.50 ms avg latency, 100.00 ms max latency, " +
			"51 ms 50th, 96 ms 95th, 100 ms 99th, 100 ms 99.9th.\n"
		if out.String() != want {
			t.Errorf("\n%swant\n%s", out.String(), want)
		}
	})
}

// However many records there are, half a million latencies are kept.
func TestPerfStatsSamples(t *testing.T) {
	stats := newPerfStats(&bytes.Buffer{}, 2_000_000, time.Hour, time.Now())
	for range 2_000_000 {
		stats.record(stats.start, time.Millisecond, 1)
	}
	if n := len(stats.samples); n != perfSamples {
		t.Errorf("%d samples", n)
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		limit := throttle{perSecond: 500, start: start}
		for i := range int64(1000) {
			limit.wait(t.Context(), i)
		}
		if took := time.Since(start); took < 1990*time.Millisecond || took > 2*time.Second {
			t.Errorf("a thousand steps at 500 a second took %v", took)
		}
		(&throttle{perSecond: -1, start: start}).wait(t.Context(), 1<<40)
	})
}

func TestPayloads(t *testing.T) {
	values := func(args ...string) *Values {
		base := []string{"--topic", "t", "--num-records", "10", "--throughput", "-1"}
		return parsed(t, producerPerfOptions(), append(base, args...)...)
	}
	p, err := newPayloads(&Env{}, values("--record-size", "100"))
	if err != nil || len(p.next(0)) != 100 || bytes.Equal(p.next(0), p.next(1)) || p.largest != 100 {
		t.Errorf("%v %+v", err, p)
	}
	if letters := strings.Trim(string(p.next(3)), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); letters != "" {
		t.Errorf("payload has %q", letters)
	}
	if p, err = newPayloads(&Env{}, values("--payload-monotonic")); err != nil || string(p.next(42)) != "42" {
		t.Errorf("%v %q", err, p.next(42))
	}
}

func TestGoLayout(t *testing.T) {
	run := &readRun{layout: goLayout("yyyy-MM-dd HH:mm:ss:SSS")}
	if got := run.time(time.Date(2026, 11, 2, 3, 4, 5, 67e6, time.UTC)); got != "2026-11-02 03:04:05:067" {
		t.Error(got)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		shown := (&Env{Stderr: &out, StderrTerminal: true}).newProgress("records read")
		for n := range int64(4097) {
			if n%1024 == 1023 {
				<-time.After(300 * time.Millisecond)
			}
			shown.step(n)
		}
		shown.done()
		// The line of 2048 records comes after 0.6 s, that of 4096 after 1.2 s.
		want := "\r2048 records read, 3413 a second\r4096 records read, 3413 a second\r                                \r"
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
		out.Reset()
		quiet := (&Env{Stderr: &out}).newProgress("records read")
		<-time.After(time.Minute)
		quiet.step(1024)
		quiet.done()
		if out.Len() > 0 {
			t.Errorf("without a terminal it shows %q", out.String())
		}
	})
}
