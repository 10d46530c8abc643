package config

import "strings"

// set makes a set of the words of a text.
func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[w] = true
	}
	return s
}

// honouredBrokerKeys are the broker keys that this release acts on; every other one is named in a warning when it is set to
// something other than its default.
func honouredBrokerKeys() map[string]bool {
	return set(`
		broker.id node.id broker.rack process.roles controller.listener.names controller.quorum.voters
		controller.quorum.bootstrap.servers broker.session.timeout.ms zookeeper.session.timeout.ms
		zookeeper.connect zookeeper.connection.timeout.ms zookeeper.max.in.flight.requests zookeeper.set.acl zookeeper.clientCnxnSocket
		zookeeper.ssl.client.enable zookeeper.ssl.keystore.location zookeeper.ssl.keystore.type zookeeper.ssl.truststore.location
		zookeeper.ssl.truststore.type zookeeper.ssl.endpoint.identification.algorithm zookeeper.ssl.enabled.protocols
		zookeeper.ssl.cipher.suites zookeeper.ssl.crl.enable zookeeper.ssl.ocsp.enable
		listeners advertised.listeners listener.security.protocol.map inter.broker.listener.name security.inter.broker.protocol
		log.dir log.dirs
		socket.request.max.bytes socket.send.buffer.bytes socket.receive.buffer.bytes
		max.connections max.connections.per.ip max.connections.per.ip.overrides connections.max.idle.ms
		queued.max.requests queued.max.request.bytes max.incremental.fetch.session.cache.slots fetch.max.bytes message.max.bytes
		num.io.threads num.recovery.threads.per.data.dir request.timeout.ms
		auto.create.topics.enable num.partitions default.replication.factor delete.topic.enable
		log.retention.check.interval.ms log.flush.scheduler.interval.ms log.flush.offset.checkpoint.interval.ms
		log.flush.start.offset.checkpoint.interval.ms log.initial.task.delay.ms log.segment.delete.delay.ms
		replica.high.watermark.checkpoint.interval.ms replica.lag.time.max.ms num.replica.fetchers replica.fetch.backoff.ms
		leader.replication.throttled.rate follower.replication.throttled.rate
		replication.quota.window.num replication.quota.window.size.seconds replica.selector.class
		replica.fetch.wait.max.ms replica.fetch.min.bytes replica.fetch.max.bytes replica.fetch.response.max.bytes replica.socket.timeout.ms
		auto.leader.rebalance.enable leader.imbalance.check.interval.seconds leader.imbalance.per.broker.percentage
		log.cleaner.enable log.cleaner.threads log.cleaner.dedupe.buffer.size log.cleaner.io.buffer.load.factor
		log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second log.cleaner.backoff.ms
		log.cleaner.delete.retention.ms log.cleaner.min.cleanable.ratio log.cleaner.min.compaction.lag.ms log.cleaner.max.compaction.lag.ms
		producer.id.expiration.ms producer.id.expiration.check.interval.ms
		controlled.shutdown.enable unclean.leader.election.enable
		group.min.session.timeout.ms group.max.session.timeout.ms group.initial.rebalance.delay.ms group.max.size
		offset.metadata.max.bytes offsets.retention.minutes offsets.retention.check.interval.ms offsets.commit.timeout.ms
		offsets.load.buffer.size offsets.topic.compression.codec
		offsets.topic.num.partitions offsets.topic.replication.factor offsets.topic.segment.bytes
		transaction.state.log.num.partitions transaction.state.log.replication.factor transaction.state.log.min.isr
		transaction.state.log.segment.bytes
		group.consumer.session.timeout.ms group.consumer.min.session.timeout.ms group.consumer.max.session.timeout.ms
		group.consumer.heartbeat.interval.ms group.consumer.min.heartbeat.interval.ms group.consumer.max.heartbeat.interval.ms
		group.consumer.assignment.interval.ms group.consumer.min.assignment.interval.ms group.consumer.max.assignment.interval.ms
		group.consumer.regex.refresh.interval.ms group.consumer.max.size group.consumer.assignors group.consumer.migration.policy
		log.cleanup.policy log.segment.bytes log.roll.ms log.roll.hours log.roll.jitter.ms log.roll.jitter.hours
		log.index.size.max.bytes log.index.interval.bytes log.retention.bytes log.retention.ms log.retention.minutes
		log.retention.hours log.flush.interval.messages log.flush.interval.ms
		log.message.timestamp.type log.message.timestamp.before.max.ms log.message.timestamp.after.max.ms
		log.message.timestamp.difference.max.ms compression.type compression.gzip.level compression.lz4.level
		compression.zstd.level min.insync.replicas
	`)
}

// honouredTopicKeys are the topic keys that this release acts on.
func honouredTopicKeys() map[string]bool {
	return set(`
		cleanup.policy delete.retention.ms max.compaction.lag.ms min.cleanable.dirty.ratio min.compaction.lag.ms compression.gzip.level compression.lz4.level compression.type compression.zstd.level file.delete.delay.ms
		flush.messages flush.ms index.interval.bytes max.message.bytes message.timestamp.after.max.ms message.timestamp.before.max.ms
		message.timestamp.difference.max.ms message.timestamp.type min.insync.replicas retention.bytes retention.ms
		leader.replication.throttled.replicas follower.replication.throttled.replicas
		segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable
	`)
}
