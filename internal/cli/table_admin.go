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
	}
}
