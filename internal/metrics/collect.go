package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// collector shows a Metrics to Prometheus. It is unchecked (Describe says nothing): what there is to show changes.
type collector struct{ m *Metrics }

func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(out chan<- prometheus.Metric) {
	m := c.m
	m.mu.Lock()
	topics, listeners := maps.Clone(m.topics), maps.Clone(m.listener)
	gauges, sizes := slices.Clone(m.gauges), m.logSizes
	m.mu.Unlock()
	for name, t := range topics {
		t.collect(out, name)
	}
	for name, l := range listeners {
		l.collect(out, name)
	}
	for _, g := range gauges {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.name, g.help, nil, nil), prometheus.GaugeValue, g.value())
	}
	if sizes != nil {
		desc := prometheus.NewDesc("kafka_log_log_size", "Size of a partition's log on disk, in bytes.", []string{"topic", "partition"}, nil)
		sizes(func(topic string, partition int32, sizeBytes int64) bool {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(sizeBytes), topic, strconv.Itoa(int(partition)))
			return true
		})
	}
	for key := range m.requests {
		m.requests[key].collect(out, requestName(key))
	}
}

func requestName(key int) string {
	if name := kmsg.NameForKey(int16(key)); key < keyCount && name != "" {
		return name
	}
	return "unknown"
}

// counted is one counter on its way out.
type counted struct {
	name, help string
	value      int64
}

func emit(out chan<- prometheus.Metric, label, value string, counters []counted) {
	for _, c := range counters {
		desc := prometheus.NewDesc(c.name, c.help, []string{label}, nil)
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(c.value), value)
	}
}

func (t *Topic) collect(out chan<- prometheus.Metric, name string) {
	const p = "kafka_server_brokertopicmetrics_"
	emit(out, "topic", name, []counted{
		{p + "messagesin_total", "Records appended by producers.", t.MessagesIn.Load()},
		{p + "bytesin_total", "Bytes of records appended by producers.", t.BytesIn.Load()},
		{p + "bytesout_total", "Bytes of records sent to consumers.", t.BytesOut.Load()},
		{p + "totalproducerequests_total", "Partitions that produce requests asked for.", t.ProduceRequests.Load()},
		{p + "totalfetchrequests_total", "Partitions that fetch requests asked for.", t.FetchRequests.Load()},
		{p + "failedproducerequests_total", "Partitions of produce requests that were refused.", t.FailedProduceRequests.Load()},
		{p + "failedfetchrequests_total", "Partitions of fetch requests that were refused.", t.FailedFetchRequests.Load()},
		{p + "bytesrejected_total", "Bytes of records refused as too large.", t.BytesRejected.Load()},
		{p + "replicationbytesin_total", "Bytes of records fetched from leaders.", t.ReplicationBytesIn.Load()},
		{p + "replicationbytesout_total", "Bytes of records sent to followers.", t.ReplicationBytesOut.Load()},
		{p + "invalidmagicnumberrecords_total", "Batches refused for their format.", t.InvalidMagic.Load()},
		{p + "invalidmessagecrcrecords_total", "Batches refused for their CRC.", t.InvalidCRC.Load()},
		{p + "invalidoffsetorsequencerecords_total", "Batches refused for offsets or sequences.", t.InvalidOffsetOrRecords.Load()},
	})
}

func (l *Listener) collect(out chan<- prometheus.Metric, name string) {
	const p = "kafka_server_socket_server_metrics_"
	desc := prometheus.NewDesc(p+"connection_count", "Open connections.", []string{"listener"}, nil)
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(l.Connections.Load()), name)
	emit(out, "listener", name, []counted{
		{p + "connection_creation_total", "Connections accepted.", l.Created.Load()},
		{p + "connection_close_total", "Connections closed.", l.Closed.Load()},
		{p + "connection_refused_total", "Connections refused because there were too many.", l.Refused.Load()},
		{p + "expired_connections_total", "Connections closed because they were idle.", l.Idle.Load()},
		{p + "incoming_byte_total", "Bytes read.", l.BytesRead.Load()},
		{p + "outgoing_byte_total", "Bytes written.", l.Written.Load()},
	})
}

func (r *Request) collect(out chan<- prometheus.Metric, name string) {
	const p = "kafka_network_requestmetrics_"
	count, sum, buckets := r.Total.snapshot()
	errors := r.Errors.Load()
	if count == 0 && errors == 0 {
		return
	}
	labels := []string{"request"}
	emit(out, "request", name, []counted{
		{p + "requests_total", "Requests answered.", int64(count)},
		{p + "errors_total", "Requests answered with an error, or dropped.", errors},
	})
	total := prometheus.NewDesc(p+"totaltime_seconds", "Time from request read to answer.", labels, nil)
	out <- prometheus.MustNewConstHistogram(total, count, sum, buckets, name)
	if count, sum, buckets = r.Local.snapshot(); count > 0 {
		local := prometheus.NewDesc(p+"localtime_seconds", "Time that the handler worked.", labels, nil)
		out <- prometheus.MustNewConstHistogram(local, count, sum, buckets, name)
	}
}
