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
		{
			Name: "producer-perf-test", Short: "measure how fast records are written",
			Scripts: []string{"kafka-producer-perf-test"}, Classes: []string{toolPackage + "ProducerPerformance"},
			Options: producerPerfOptions, Examples: producerPerfExamples, Run: runProducerPerf,
		},
		{
			Name: "consumer-perf-test", Short: "measure how fast records are read",
			Scripts: []string{"kafka-consumer-perf-test"},
			Classes: []string{toolPackage + "ConsumerPerformance", "kafka.tools.ConsumerPerformance"},
			Options: consumerPerfOptions, Examples: consumerPerfExamples, Run: runConsumerPerf,
		},
		{
			Name: "verifiable-producer", Short: "write numbers, say which were acknowledged",
			Scripts: []string{"kafka-verifiable-producer"}, Classes: []string{toolPackage + "VerifiableProducer"},
			Options: verifiableProducerOptions, Examples: verifiableProducerExamples, Run: runVerifiableProducer,
		},
		{
			Name: "verifiable-consumer", Short: "read records, say what came",
			Scripts: []string{"kafka-verifiable-consumer"}, Classes: []string{toolPackage + "VerifiableConsumer"},
			Options: verifiableConsumerOptions, Examples: verifiableConsumerExamples, Run: runVerifiableConsumer,
		},
	}
}
