package cli

import (
	"context"
	"path/filepath"
	"strings"
)

// absentScripts are the scripts of Kafka's that this release answers only with an explanation.
func absentScripts() []string {
	return strings.Fields(`
		kafka-acls kafka-client-metrics kafka-console-share-consumer kafka-delegation-tokens kafka-e2e-latency
		kafka-jmx kafka-metadata-quorum kafka-metadata-shell kafka-mirror-maker
		kafka-share-consumer-perf-test kafka-share-groups
		kafka-streams-application-reset kafka-streams-groups kafka-transactions kafka-verifiable-share-consumer
		trogdor
		zookeeper-server-start zookeeper-server-stop zookeeper-shell zookeeper-security-migration`)
}

// absentClasses are the Java classes behind some of them.
func absentClasses() []string {
	return strings.Fields(`
		kafka.admin.AclCommand
		kafka.admin.DelegationTokenCommand kafka.tools.JmxTool
		org.apache.kafka.tools.AclCommand org.apache.kafka.tools.ClientMetricsCommand org.apache.kafka.tools.DelegationTokenCommand
		org.apache.kafka.tools.EndToEndLatency
		org.apache.kafka.tools.JmxTool org.apache.kafka.tools.MetadataQuorumCommand
		org.apache.kafka.shell.MetadataShell org.apache.kafka.tools.StreamsResetter
		org.apache.kafka.tools.TransactionsCommand
		org.apache.kafka.tools.consumer.group.ShareGroupCommand
		org.apache.zookeeper.server.quorum.QuorumPeerMain org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka`)
}

// runAbsent answers for a script that has no tool in this release.
func runAbsent(_ context.Context, env *Env, _ []string) error {
	name := strings.TrimSuffix(filepath.Base(env.Program), ".sh")
	switch name {
	case "zookeeper-server-stop":
		env.println("No zookeeper server to stop")
		return Exit(1)
	case "zookeeper-server-start", "zookeeper-shell", "zookeeper-security-migration":
		return Exitf(1, "%s: Milena needs no ZooKeeper: its brokers keep the cluster's state in a store of their own. "+
			"Start a broker, without zookeeper.connect: kafka-server-start.sh config/server.properties", name)
	}
	return Exitf(1, "%s: this release of Milena does not have this tool.", name)
}
