package cli

// adminTools ask a cluster about itself and change it.
func adminTools() []Tool {
	return []Tool{
		{
			Name: "topics", Short: "create, list, describe, alter and delete topics",
			Scripts: []string{"kafka-topics"}, Classes: []string{toolPackage + "TopicCommand", "kafka.admin.TopicCommand"},
			Options: topicsOptions, Examples: topicsExamples, Run: runTopics,
		},
		{
			Name: "configs", Short: "show and change settings of topics, brokers and other entities",
			Scripts: []string{"kafka-configs"}, Classes: []string{"kafka.admin.ConfigCommand", toolPackage + "ConfigCommand"},
			Options: configsOptions, Examples: configsExamples, Run: runConfigs,
		},
		{
			Name: "consumer-groups", Short: "show consumer groups and their lag, reset and delete offsets",
			Scripts: []string{"kafka-consumer-groups"},
			Classes: []string{toolPackage + "consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand"},
			Options: consumerGroupsOptions, Examples: consumerGroupsExamples, Run: runConsumerGroups,
		},
		{
			Name: "groups", Short: "list groups of all kinds",
			Scripts: []string{"kafka-groups"}, Classes: []string{toolPackage + "GroupsCommand"},
			Options: groupsOptions, Examples: groupsExamples, Run: runGroups,
		},
		{
			Name: "get-offsets", Short: "show first, last or timed offsets of partitions",
			Scripts: []string{"kafka-get-offsets"}, Classes: []string{toolPackage + "GetOffsetShell", "kafka.tools.GetOffsetShell"},
			Options: getOffsetsOptions, Examples: getOffsetsExamples, Run: runGetOffsets,
		},
		{
			Name: "delete-records", Short: "delete the oldest records of partitions",
			Scripts: []string{"kafka-delete-records"}, Classes: []string{toolPackage + "DeleteRecordsCommand",
				"kafka.admin.DeleteRecordsCommand"},
			Options: deleteRecordsOptions, Examples: deleteRecordsExamples, Run: runDeleteRecords,
		},
		{
			Name: "log-dirs", Short: "show data directories and what partitions take in them",
			Scripts: []string{"kafka-log-dirs"}, Classes: []string{toolPackage + "LogDirsCommand", "kafka.admin.LogDirsCommand"},
			Options: logDirsOptions, Examples: logDirsExamples, Run: runLogDirs,
		},
		{
			Name: "broker-api-versions", Short: "show which requests brokers speak",
			Scripts: []string{"kafka-broker-api-versions"},
			Classes: []string{toolPackage + "BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand"},
			Options: brokerAPIVersionsOptions, Examples: brokerAPIVersionsExamples, Run: runBrokerAPIVersions,
		},
		{
			Name: "cluster", Short: "show a cluster's id and its brokers' addresses",
			Scripts: []string{"kafka-cluster"}, Classes: []string{toolPackage + "ClusterTool", "kafka.tools.ClusterTool"},
			Options: clusterOptions, Examples: clusterExamples, Run: runCluster,
		},
		{
			Name: "features", Short: "show feature levels",
			Scripts: []string{"kafka-features"}, Classes: []string{toolPackage + "FeatureCommand", "kafka.admin.FeatureCommand"},
			Options: featuresOptions, Examples: featuresExamples, Run: runFeatures,
		},
	}
}

// placementTools move partitions, and who leads them, and compare replicas.
func placementTools() []Tool {
	return []Tool{
		{
			Name: "leader-election", Short: "have partitions led by their first replica, or by any that lives",
			Scripts: []string{"kafka-leader-election"}, Classes: []string{toolPackage + "LeaderElectionCommand",
				"kafka.admin.LeaderElectionCommand"},
			Options: leaderElectionOptions, Examples: leaderElectionExamples, Run: runLeaderElection,
		},
		{
			Name: "preferred-replica-election", Short: "have partitions led by their first replica, as Kafka's tool up to 2.8",
			Scripts: []string{"kafka-preferred-replica-election"}, Classes: []string{"kafka.admin.PreferredReplicaLeaderElectionCommand"},
			Options: preferredElectionOptions, Examples: preferredElectionExamples, Run: runPreferredElection,
		},
		{
			Name: "reassign-partitions", Short: "move partitions between brokers and directories, throttled, with progress",
			Scripts: []string{"kafka-reassign-partitions"}, Classes: []string{toolPackage + "reassign.ReassignPartitionsCommand",
				"kafka.admin.ReassignPartitionsCommand"},
			Options: reassignOptions, Examples: reassignExamples, Run: runReassign,
		},
		{
			Name: "replica-verification", Short: "compare the replicas of topics while they are written",
			Scripts: []string{"kafka-replica-verification"}, Classes: []string{toolPackage + "ReplicaVerificationTool", "kafka.tools.ReplicaVerificationTool"},
			Options: replicaVerificationOptions, Examples: replicaVerificationExamples, Run: runReplicaVerification,
		},
	}
}
