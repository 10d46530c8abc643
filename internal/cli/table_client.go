package cli

// clientTools write and read records.
func clientTools() []Tool {
	return []Tool{
		{
			Name: "console-producer", Short: "write records from standard input, one a line",
			Scripts: []string{"kafka-console-producer"},
			Classes: []string{toolPackage + "ConsoleProducer", "kafka.tools.ConsoleProducer"},
			Options: consoleProducerOptions, Examples: consoleProducerExamples, Run: runConsoleProducer,
		},
		{
			Name: "console-consumer", Short: "print records",
			Scripts: []string{"kafka-console-consumer"},
			Classes: []string{toolPackage + "consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer"},
			Options: consoleConsumerOptions, Examples: consoleConsumerExamples, Run: runConsoleConsumer,
		},
	}
}
