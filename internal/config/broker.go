package config

// Broker is the effective configuration of this broker: file, command line and dynamic changes, typed. It is immutable; a dynamic change
// makes a new one (see Dynamic). Field names follow Kafka's keys; durations carry their unit.
type Broker struct {
	BrokerID                                                                                        int32  // broker.id / node.id
	BrokerIDGenerated                                                                               bool   // neither broker.id nor node.id was given: what meta.properties says holds over BrokerID
	KRaft                                                                                           bool   // process.roles is set: the file is KRaft style
	Rack                                                                                            string // broker.rack
	ClusterID                                                                                       string // only where the user fixed it; else the store's /cluster/id
	LogDirs                                                                                         []string
	Listeners                                                                                       []Listener     // listeners (or host.name/port); the first one is PLAINTEXT://localhost:9092 without a file
	AdvertisedListeners                                                                             []Listener     // nil: tell a client the address it reached
	InterBrokerListener                                                                             string         // name of the listener between brokers
	ControllerListeners                                                                             []string       // controller.listener.names: not served to clients
	ControllerEndpoints                                                                             []Listener     // the entries of listeners that controller.listener.names names; Listeners is without them
	ControllerRole                                                                                  bool           // process.roles has controller: this process is a member of the embedded store
	ControllerOnly                                                                                  bool           // process.roles=controller: this process is no broker; Listeners is empty
	ControllerTLS                                                                                   *ControllerTLS // of the controller listener; nil where it is PLAINTEXT
	Voters                                                                                          []Voter        // of a KRaft-style file: the members of the embedded store
	Etcd                                                                                            Etcd           // milena.coordination.etcd.*: an external etcd; without endpoints: the embedded one
	ZooKeeper                                                                                       ZooKeeper      // zookeeper.connect and its kin
	SessionTimeoutMs                                                                                int            // zookeeper.session.timeout.ms / broker.session.timeout.ms
	AutoCreateTopics                                                                                bool
	NumPartitions                                                                                   int32
	DefaultReplication                                                                              int16
	DeleteTopicEnable                                                                               bool
	SocketRequestMaxBytes                                                                           int
	SocketSendBuffer                                                                                int
	SocketReceiveBuffer                                                                             int
	MaxConnections                                                                                  int
	MaxConnectionsPerIP                                                                             int
	MaxConnectionsPerIPOverrides                                                                    map[string]int
	ConnectionsMaxIdleMs                                                                            int64
	QueuedMaxRequests                                                                               int
	QueuedMaxRequestBytes                                                                           int64 // -1: no limit
	MaxIncrementalFetchSessionCacheSlots                                                            int
	FetchMaxBytes                                                                                   int
	MessageMaxBytes                                                                                 int
	NumIOThreads, NumNetworkThreads, NumReplicaFetchers, NumRecoveryThreadsPerDataDir               int
	RetentionCheckIntervalMs                                                                        int64
	FlushSchedulerIntervalMs                                                                        int64
	FlushOffsetCheckpointMs                                                                         int64
	FlushStartOffsetCheckpointMs                                                                    int64
	InitialTaskDelayMs                                                                              int64
	LogDeleteDelayMs                                                                                int64
	ReplicaLagTimeMaxMs, ReplicaFetchBackoffMs, ReplicaSocketTimeoutMs                              int64
	ReplicaFetchWaitMaxMs, ReplicaFetchMinBytes, ReplicaFetchMaxBytes, ReplicaFetchResponseMaxBytes int32
	RackAwareSelector                                                                               bool // replica.selector.class: consumers are sent to an in-sync replica in their rack
	// The throttles of replication (KIP-73): bytes a second, and what they are measured over.
	LeaderThrottledRate, FollowerThrottledRate int64
	ReplicationQuotaWindows                    int
	ReplicationQuotaWindowSeconds              int64
	HighWatermarkCheckpointMs                  int64
	ProducerIDExpirationMs                     int64
	ProducerIDExpirationCheckMs                int64
	RequestTimeoutMs                           int64
	ControlledShutdownEnable                   bool
	LeaderImbalanceCheckSeconds                int64
	LeaderImbalancePercentage                  int // of a broker's partitions that may be led elsewhere
	AutoLeaderRebalance                        bool
	UncleanLeaderElection                      bool
	Groups                                     Groups // group.* and offsets.* of the group coordinator
	LogCleaner                                 LogCleaner
	// MetricsListen is milena.metrics.listen: "host:port" for Prometheus, empty for none.
	MetricsListen string
	// LogFormat is milena.log.format: text, json or auto; LogLevel is milena.log.level.
	LogFormat, LogLevel string
	// Values are all keys with their effective value and source, for DescribeConfigs and TopicOf.
	Values Values
}

// LogCleaner is how compacted logs are cleaned: log.cleaner.*.
type LogCleaner struct {
	Enable              bool
	Threads             int
	DedupeBufferBytes   int64   // of all threads together
	LoadFactor          float64 // how full a dedupe buffer may get, 0 to 1
	IOBufferBytes       int     // of all threads together
	IOMaxBytesPerSecond float64 // read and written by all threads together
	BackoffMs           int64
}

// Listener is one endpoint: NAME://host:port with the security protocol that listener.security.protocol.map gives the name.
type Listener struct {
	Name     string
	Host     string // "" all interfaces
	Port     int
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
}

// Source is where a value comes from, with Kafka's numbers of DescribeConfigs.
type Source int8

const (
	SourceTopic          Source = 1
	SourceDynamicBroker  Source = 2
	SourceDynamicDefault Source = 3
	SourceStaticBroker   Source = 4
	SourceDefault        Source = 5
)

// Type is the type of a key, with Kafka's numbers of DescribeConfigs.
type Type int8

const (
	TypeBoolean Type = iota + 1
	TypeString
	TypeInt
	TypeShort
	TypeLong
	TypeDouble
	TypeList
	TypeClass
	TypePassword
)

// Key is one row of the table of Kafka's keys.
type Key struct {
	Name       string
	Type       Type
	Default    string
	HasDefault bool   // false: no default (null)
	Required   bool   // Kafka has no default for it, not even null
	Importance string // high, medium, low
	Allowed    string // human text of what is allowed, as Kafka's validator prints it
	Doc        string
	Dynamic    Dynamic
	Honoured   bool // false: Kafka has it, this release does not act on it; named in a warning when set
	Sensitive  bool
	Synonyms   []string // topic key → broker keys that give its default, in order
}

// Dynamic is Kafka's update mode of a broker key.
type Dynamic int8

const (
	ReadOnly Dynamic = iota
	PerBroker
	ClusterWide
)

// Entry is one key as DescribeConfigs shows it.
type Entry struct {
	Key
	Value    *string // nil: null
	Source   Source
	ReadOnly bool
	Synonym  []Synonym // value of each source that has one, in order of precedence
}

// Synonym is one source's value of a key.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// Values holds raw values of broker keys by source.
type Values struct {
	Static         map[string]string // file and command line
	DynamicBroker  map[string]string // /config/brokers/<id>
	DynamicDefault map[string]string // /config/brokers/<default>
}
