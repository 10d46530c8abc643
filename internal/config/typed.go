package config

import (
	"slices"
	"strconv"
	"strings"
)

// newBroker types the values: the one place that says which key a field of Broker reads.
func newBroker(values Values) (*Broker, error) {
	v := &values
	if err := v.checkValues(); err != nil {
		return nil, err
	}
	b := &Broker{Values: values}
	for _, step := range []func(*Broker, *Values) error{setIdentity, setRoles, setEtcd, setZooKeeper, setListeners,
		setDirs, setLimits, setGroups, setSelector, setRest} {
		if err := step(b, v); err != nil {
			return nil, err
		}
	}
	// What no topic could live with is refused here (Kafka refuses each topic later), so that every Broker has a TopicOf.
	if _, err := TopicOf(b, nil); err != nil {
		return nil, err
	}
	return b, nil
}

// setIdentity reads who this broker is and what cluster it belongs to.
func setIdentity(b *Broker, v *Values) error {
	b.BrokerID = int32(v.int("broker.id"))
	if v.isSet("node.id") {
		b.BrokerID = int32(v.int("node.id"))
	}
	if b.BrokerID < -1 {
		return conflict("broker.id must be greater than or equal to -1")
	}
	b.BrokerIDGenerated = b.BrokerID < 0
	if b.BrokerIDGenerated {
		b.BrokerID = FirstGeneratedID
	}
	b.Rack = v.text("broker.rack")
	b.ClusterID = v.text("milena.cluster.id")
	b.ControllerListeners = v.list("controller.listener.names")
	b.KRaft = v.isSet("process.roles") && len(v.list("process.roles")) > 0
	b.SessionTimeoutMs = v.int("zookeeper.session.timeout.ms")
	if v.isSet("broker.session.timeout.ms") || b.KRaft {
		b.SessionTimeoutMs = v.int("broker.session.timeout.ms")
	}
	return nil
}

func setDirs(b *Broker, v *Values) error {
	key := "log.dirs"
	if !v.has(key) {
		key = "log.dir"
	}
	for _, d := range v.list(key) {
		if d == "" {
			continue
		}
		if slices.Contains(b.LogDirs, d) {
			return conflict("Duplicate log directory found: %s", v.text(key))
		}
		b.LogDirs = append(b.LogDirs, d)
	}
	if len(b.LogDirs) == 0 {
		return conflict("At least one log directory must be defined via log.dirs or log.dir.")
	}
	return nil
}

func setLimits(b *Broker, v *Values) error {
	b.SocketRequestMaxBytes = v.int("socket.request.max.bytes")
	b.SocketSendBuffer = v.int("socket.send.buffer.bytes")
	b.SocketReceiveBuffer = v.int("socket.receive.buffer.bytes")
	b.MaxConnections = v.int("max.connections")
	b.MaxConnectionsPerIP = v.int("max.connections.per.ip")
	overrides, err := ipOverrides(v.text("max.connections.per.ip.overrides"))
	if err != nil {
		return err
	}
	b.MaxConnectionsPerIPOverrides = overrides
	if b.MaxConnectionsPerIP == 0 && len(overrides) == 0 {
		return conflict("max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.")
	}
	b.ConnectionsMaxIdleMs = v.long("connections.max.idle.ms")
	b.QueuedMaxRequests = v.int("queued.max.requests")
	b.QueuedMaxRequestBytes = v.long("queued.max.request.bytes")
	if b.QueuedMaxRequestBytes > 0 && b.QueuedMaxRequestBytes < int64(b.SocketRequestMaxBytes) {
		return conflict("queued.max.request.bytes must be larger or equal to socket.request.max.bytes")
	}
	b.MaxIncrementalFetchSessionCacheSlots = v.int("max.incremental.fetch.session.cache.slots")
	b.FetchMaxBytes = v.int("fetch.max.bytes")
	b.MessageMaxBytes = v.int("message.max.bytes")
	b.NumIOThreads = v.int("num.io.threads")
	b.NumNetworkThreads = v.int("num.network.threads")
	b.NumReplicaFetchers = v.int("num.replica.fetchers")
	b.NumRecoveryThreadsPerDataDir = v.int("num.recovery.threads.per.data.dir")
	return nil
}

// ipOverrides reads "host:count,host:count".
func ipOverrides(text string) (map[string]int, error) {
	const key = "max.connections.per.ip.overrides"
	overrides := map[string]int{}
	for _, pair := range splitList(text) {
		i := strings.LastIndexByte(pair, ':')
		if i < 0 {
			return nil, &ValueError{key, text, "expected a list of host:count"}
		}
		n, err := strconv.Atoi(strings.TrimSpace(pair[i+1:]))
		if err != nil || n < 0 {
			return nil, &ValueError{key, text, "not a count of connections: " + pair[i+1:]}
		}
		overrides[strings.Trim(strings.TrimSpace(pair[:i]), "[]")] = n
	}
	return overrides, nil
}

func setRest(b *Broker, v *Values) error {
	b.AutoCreateTopics = v.bool("auto.create.topics.enable")
	b.NumPartitions = int32(v.int("num.partitions"))
	b.DefaultReplication = int16(v.int("default.replication.factor"))
	b.DeleteTopicEnable = v.bool("delete.topic.enable")
	b.RetentionCheckIntervalMs = v.long("log.retention.check.interval.ms")
	b.FlushSchedulerIntervalMs = v.long("log.flush.scheduler.interval.ms")
	b.FlushOffsetCheckpointMs = v.long("log.flush.offset.checkpoint.interval.ms")
	b.FlushStartOffsetCheckpointMs = v.long("log.flush.start.offset.checkpoint.interval.ms")
	b.InitialTaskDelayMs = v.long("log.initial.task.delay.ms")
	b.LogDeleteDelayMs = v.long("log.segment.delete.delay.ms")
	b.ReplicaLagTimeMaxMs = v.long("replica.lag.time.max.ms")
	b.ReplicaFetchBackoffMs, b.ReplicaSocketTimeoutMs = v.long("replica.fetch.backoff.ms"), v.long("replica.socket.timeout.ms")
	b.ReplicaFetchWaitMaxMs, b.ReplicaFetchMinBytes = int32(v.int("replica.fetch.wait.max.ms")), int32(v.int("replica.fetch.min.bytes"))
	b.ReplicaFetchMaxBytes = int32(v.int("replica.fetch.max.bytes"))
	b.ReplicaFetchResponseMaxBytes = int32(v.int("replica.fetch.response.max.bytes"))
	b.LeaderThrottledRate, b.FollowerThrottledRate = v.long("leader.replication.throttled.rate"), v.long("follower.replication.throttled.rate")
	b.ReplicationQuotaWindows = v.int("replication.quota.window.num")
	b.ReplicationQuotaWindowSeconds = v.long("replication.quota.window.size.seconds")
	b.HighWatermarkCheckpointMs = v.long("replica.high.watermark.checkpoint.interval.ms")
	b.ProducerIDExpirationMs = v.long("producer.id.expiration.ms")
	b.ProducerIDExpirationCheckMs = v.long("producer.id.expiration.check.interval.ms")
	b.RequestTimeoutMs = v.long("request.timeout.ms")
	b.ControlledShutdownEnable = v.bool("controlled.shutdown.enable")
	b.AutoLeaderRebalance = v.bool("auto.leader.rebalance.enable")
	b.LeaderImbalanceCheckSeconds = v.long("leader.imbalance.check.interval.seconds")
	b.LeaderImbalancePercentage = v.int("leader.imbalance.per.broker.percentage")
	b.UncleanLeaderElection = v.bool("unclean.leader.election.enable")
	b.LogCleaner = LogCleaner{
		Enable: v.bool("log.cleaner.enable"), Threads: v.int("log.cleaner.threads"),
		DedupeBufferBytes: v.long("log.cleaner.dedupe.buffer.size"), LoadFactor: v.double("log.cleaner.io.buffer.load.factor"),
		IOBufferBytes: v.int("log.cleaner.io.buffer.size"), IOMaxBytesPerSecond: v.double("log.cleaner.io.max.bytes.per.second"),
		BackoffMs: v.long("log.cleaner.backoff.ms"),
	}
	if c := &b.LogCleaner; c.Threads > 0 && c.DedupeBufferBytes/int64(c.Threads) <= 1<<20 {
		return conflict("requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.")
	}
	b.MetricsListen = v.text("milena.metrics.listen")
	b.LogFormat = v.text("milena.log.format")
	b.LogLevel = v.text("milena.log.level")
	return nil
}
