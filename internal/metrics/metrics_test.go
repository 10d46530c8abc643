package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

func mustHave(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l+"\n") {
			t.Errorf("no line %q in\n%s", l, text)
		}
	}
}

func TestScrape(t *testing.T) {
	m := New()
	m.Topic("a").MessagesIn.Add(3)
	m.Topic("a").BytesIn.Add(70)
	m.Topic("gone").BytesIn.Inc()
	m.ForgetTopic("gone")
	m.Listener("PLAINTEXT").Connections.Add(2)
	m.Request(0).Total.Observe(20 * time.Microsecond)
	m.Request(0).Total.Observe(time.Hour)
	m.Request(9999).Errors.Inc()
	m.Request(-1).Errors.Inc()
	m.Gauge(PartitionCount, "Partitions.", func() float64 { return 1 })
	m.Gauge(PartitionCount, "Partitions.", func() float64 { return 7 })
	m.LogSizes(func(yield func(string, int32, int64) bool) { _ = yield("a", 0, 10) && yield("a", 1, 20) })
	text := scrape(t, m)
	mustHave(t, text,
		`kafka_server_brokertopicmetrics_messagesin_total{topic="a"} 3`,
		`kafka_server_brokertopicmetrics_bytesin_total{topic="a"} 70`,
		`kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"} 2`,
		`kafka_network_requestmetrics_requests_total{request="Produce"} 2`,
		`kafka_network_requestmetrics_errors_total{request="unknown"} 2`,
		`kafka_network_requestmetrics_totaltime_seconds_bucket{request="Produce",le="1.6384e-05"} 0`,
		`kafka_network_requestmetrics_totaltime_seconds_bucket{request="Produce",le="3.2768e-05"} 1`,
		`kafka_network_requestmetrics_totaltime_seconds_bucket{request="Produce",le="+Inf"} 2`,
		`kafka_server_replicamanager_partitioncount 7`,
		`kafka_log_log_size{partition="1",topic="a"} 20`)
	if strings.Contains(text, "gone") || strings.Contains(text, `request="Fetch"`) {
		t.Error("shows what is not there")
	}
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want int
	}{{-1, 0}, {0, 0}, {1<<14 - 1, 0}, {1 << 14, 1}, {1<<15 - 1, 1}, {1 << 15, 2}, {1<<35 - 1, 21}, {1 << 35, 22}, {1<<63 - 1, 22}} {
		if got := bucketOf(max(c.d, 0)); got != c.want {
			t.Errorf("%v is in bucket %d, want %d", int64(c.d), got, c.want)
		}
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := New()
	topic, request := m.Topic("a"), m.Request(1)
	if n := testing.AllocsPerRun(100, func() {
		topic.BytesIn.Add(1)
		request.Total.Observe(time.Millisecond)
		m.Request(1).Errors.Inc()
	}); n != 0 {
		t.Error(n)
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	m := New()
	go func() { done <- m.Serve(ctx, l) }()
	for path, want := range map[string]int{"/metrics": 200, "/": 404} {
		r, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if r.StatusCode != want {
			t.Error(path, r.StatusCode)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(12345)
	}
}
