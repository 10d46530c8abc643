package metrics

import "sync"

// Metrics is the broker's set of counters.
type Metrics struct {
	requests [keyCount + 1]Request // by API key; the last one takes every other key
	mu       sync.Mutex
	topics   map[string]*Topic
	listener map[string]*Listener
	gauges   []gauge
	logSizes func(yield func(topic string, partition int32, sizeBytes int64) bool)
}

// keyCount is above every API key that Kafka has today (92).
const keyCount = 128

// New makes an empty set.
func New() *Metrics {
	return &Metrics{topics: map[string]*Topic{}, listener: map[string]*Listener{}}
}

// Topic counts one topic's traffic (kafka.server:type=BrokerTopicMetrics).
type Topic struct {
	MessagesIn, BytesIn, BytesOut                    Counter
	ProduceRequests, FetchRequests                   Counter // partitions asked for, not requests on the wire
	FailedProduceRequests, FailedFetchRequests       Counter
	BytesRejected                                    Counter // record sets refused as too large
	ReplicationBytesIn, ReplicationBytesOut          Counter
	InvalidMagic, InvalidCRC, InvalidOffsetOrRecords Counter
}

// Topic is the counters of a topic, made where they are missing. Hold the pointer; do not ask for each request.
func (m *Metrics) Topic(name string) *Topic {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[name]
	if t == nil {
		t = &Topic{}
		m.topics[name] = t
	}
	return t
}

// ForgetTopic drops the counters of a topic that is gone; a holder of the pointer may go on counting, unseen.
func (m *Metrics) ForgetTopic(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.topics, name)
}

// Request counts the requests of one API key (kafka.network:type=RequestMetrics).
type Request struct {
	Total  Histogram // from the last byte read to the answer handed to the connection
	Local  Histogram // the part of it that the handler worked before it answered or parked
	Errors Counter   // answers with an error code, and connections dropped
}

// Request is the counters of an API key.
func (m *Metrics) Request(key int16) *Request {
	if key < 0 || key >= keyCount {
		return &m.requests[keyCount]
	}
	return &m.requests[key]
}

// Listener counts the connections of one listener (kafka.server:type=socket-server-metrics).
type Listener struct {
	Connections        Gauge
	Created, Closed    Counter
	Refused            Counter // over max.connections or max.connections.per.ip
	Idle               Counter // closed after connections.max.idle.ms
	BytesRead, Written Counter
}

// Listener is the counters of a listener, made where they are missing.
func (m *Metrics) Listener(name string) *Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.listener[name]
	if l == nil {
		l = &Listener{}
		m.listener[name] = l
	}
	return l
}

// gauge is a value that is asked for at scrape time.
type gauge struct {
	name, help string
	value      func() float64
}

// The names of gauges that the rooms report by Gauge.
const (
	PartitionCount            = "kafka_server_replicamanager_partitioncount"
	LeaderCount               = "kafka_server_replicamanager_leadercount"
	UnderReplicatedPartitions = "kafka_server_replicamanager_underreplicatedpartitions"
	OfflineLogDirectoryCount  = "kafka_log_logmanager_offlinelogdirectorycount"
	// The cleaner of the log directories.
	CleanerUncleanablePartitions = "kafka_log_logcleanermanager_uncleanable_partitions_count"
	CleanerUncleanableBytes      = "kafka_log_logcleanermanager_uncleanable_bytes"
	CleanerMaxDirtyPercent       = "kafka_log_logcleanermanager_max_dirty_percent"
	CleanerSinceLastRunMs        = "kafka_log_logcleanermanager_time_since_last_run_ms"
	CleanerMaxCleanTime          = "kafka_log_logcleaner_max_clean_time_secs"
	CleanerRecopyPercent         = "kafka_log_logcleaner_cleaner_recopy_percent"
	CleanerBufferUtilization     = "kafka_log_logcleaner_max_buffer_utilization_percent"
	CleanerMaxCompactionDelay    = "kafka_log_logcleaner_max_compaction_delay_secs"

	// The throttles of replication.
	LeaderReplicationByteRate   = "kafka_server_leaderreplication_byte_rate"
	FollowerReplicationByteRate = "kafka_server_followerreplication_byte_rate"

	// The group coordinator. Beside all groups there are those of each state, whose name follows GroupCount in lower case.
	GroupCount       = "kafka_coordinator_group_groupmetadatamanager_numgroups"
	GroupOffsetCount = "kafka_coordinator_group_groupmetadatamanager_numoffsets"

	ActiveControllerCount  = "kafka_controller_kafkacontroller_activecontrollercount"
	OfflinePartitionsCount = "kafka_controller_kafkacontroller_offlinepartitionscount"
	GlobalTopicCount       = "kafka_controller_kafkacontroller_globaltopiccount"
	GlobalPartitionCount   = "kafka_controller_kafkacontroller_globalpartitioncount"
)

// Gauge has value called at each scrape, from any goroutine. A name that is already there is replaced.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.gauges {
		if m.gauges[i].name == name {
			m.gauges[i] = gauge{name, help, value}
			return
		}
	}
	m.gauges = append(m.gauges, gauge{name, help, value})
}

// LogSizes has sizes called at each scrape to list the hosted logs (kafka.log:type=Log,name=Size).
func (m *Metrics) LogSizes(sizes func(yield func(topic string, partition int32, sizeBytes int64) bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logSizes = sizes
}
