package kafka

import "strings"

// ToolClass is the class of one of Kafka's tools in a version, by the short name that Milena's command line uses.
func ToolClass(version, tool string) string {
	old := strings.HasPrefix(version, "2.")
	four := strings.HasPrefix(version, "4.")
	choose := func(legacy bool, before, after string) string {
		if legacy {
			return before
		}
		return after
	}
	switch tool {
	case "topics":
		return choose(old, "kafka.admin.TopicCommand", "org.apache.kafka.tools.TopicCommand")
	case "configs":
		return "kafka.admin.ConfigCommand"
	case "console-producer":
		return choose(!four, "kafka.tools.ConsoleProducer", "org.apache.kafka.tools.ConsoleProducer")
	case "console-consumer":
		return choose(old, "kafka.tools.ConsoleConsumer", "org.apache.kafka.tools.consumer.ConsoleConsumer")
	case "dump-log":
		return choose(!four, "kafka.tools.DumpLogSegments", "org.apache.kafka.tools.DumpLogSegments")
	case "get-offsets":
		return choose(old, "kafka.tools.GetOffsetShell", "org.apache.kafka.tools.GetOffsetShell")
	case "consumer-groups":
		return choose(old, "kafka.admin.ConsumerGroupCommand", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand")
	case "groups":
		return "org.apache.kafka.tools.GroupsCommand"
	case "delete-records":
		return choose(old, "kafka.admin.DeleteRecordsCommand", "org.apache.kafka.tools.DeleteRecordsCommand")
	case "log-dirs":
		return choose(old, "kafka.admin.LogDirsCommand", "org.apache.kafka.tools.LogDirsCommand")
	case "broker-api-versions":
		return choose(!four, "kafka.admin.BrokerApiVersionsCommand", "org.apache.kafka.tools.BrokerApiVersionsCommand")
	case "reassign-partitions":
		return choose(old, "kafka.admin.ReassignPartitionsCommand", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand")
	case "leader-election":
		return choose(old, "kafka.admin.LeaderElectionCommand", "org.apache.kafka.tools.LeaderElectionCommand")
	case "preferred-replica-election":
		return "kafka.admin.PreferredReplicaLeaderElectionCommand"
	case "features":
		return "org.apache.kafka.tools.FeatureCommand"
	case "cluster":
		return "org.apache.kafka.tools.ClusterTool"
	case "producer-perf-test":
		return "org.apache.kafka.tools.ProducerPerformance"
	case "consumer-perf-test":
		return choose(old, "kafka.tools.ConsumerPerformance", "org.apache.kafka.tools.ConsumerPerformance")
	case "verifiable-producer":
		return "org.apache.kafka.tools.VerifiableProducer"
	case "verifiable-consumer":
		return "org.apache.kafka.tools.VerifiableConsumer"
	}
	return tool
}
