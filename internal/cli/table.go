package cli

// KafkaVersion is the release of Kafka whose tools these are, which --version prints.
const KafkaVersion = "4.3.1"

const toolPackage = "org.apache.kafka.tools."

// Tools is the table of tools, in the order in which `milena` lists them. A new tool is a row here and a file.
func Tools() []Tool {
	rows := brokerTools()
	rows = append(rows, adminTools()...)
	rows = append(rows, placementTools()...)
	rows = append(rows, clientTools()...)
	return append(rows, ownTools()...)
}

// brokerTools run or look after the broker itself.
func brokerTools() []Tool {
	return []Tool{
		{
			Name: "server", Short: "start a broker",
			Scripts: []string{"kafka-server-start"}, Classes: []string{"kafka.Kafka"},
			Examples: serverExamples, Run: runServer,
		},
		{
			Name: "server-stop", Short: "stop the brokers of this machine",
			Scripts: []string{"kafka-server-stop"}, Options: serverStopOptions, Run: runServerStop,
		},
		{
			Name: "storage", Short: "format a data directory, show what it is, make a cluster id",
			Scripts: []string{"kafka-storage"}, Classes: []string{"kafka.tools.StorageTool"},
			Examples: storageExamples, Run: runStorage,
		},
		{
			Name: "dump-log", Short: "show and check what is in log, index, snapshot and checkpoint files",
			Scripts: []string{"kafka-dump-log"}, Classes: []string{"kafka.tools.DumpLogSegments", toolPackage + "DumpLogSegments"},
			Options: dumpLogOptions, Examples: dumpLogExamples, Run: runDumpLog,
		},
	}
}

// ownTools are Milena's own.
func ownTools() []Tool {
	return []Tool{
		{Name: "quickstart", Short: "run several brokers on this machine, for trying out", Options: quickstartOptions,
			Examples: quickstartExamples, Run: runQuickstart},
		{Name: "coord", Short: "look into the coordination store: ls, get, watch", Options: coordOptions, Examples: coordExamples, Run: runCoord},
		{Name: "voters", Short: "show, add, remove and replace the voters of a cluster", Examples: votersExamples, Run: runVoters},
		{Name: "links", Short: "make a Kafka home: DIR/bin/kafka-topics.sh and its kin, linked to this binary",
			Examples: linksExamples, Run: runLinks},
		{Name: "completion", Short: "print the completion script of a shell", Examples: completionExamples, Run: runCompletion},
		{Name: "version", Short: "print the version", Run: runVersion},
		{Name: "run-class", Short: "run a tool by its Java class name", Scripts: []string{"kafka-run-class"}, Hidden: true,
			Run: runClass},
		{Name: "absent", Short: "answer for the scripts of Kafka's that have no tool here", Scripts: absentScripts(),
			Classes: absentClasses(), Hidden: true, Run: runAbsent},
	}
}
