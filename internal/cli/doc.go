// Package cli holds Kafka's command line tools, each one a client like any other: it speaks to brokers through
// franz-go (kgo, kmsg) and knows no other room of the house, but for config (tables of keys), record (codecs) and
// what a tool is about by nature: broker for server start, segment and its kin for dump-log and storage.
//
// A tool is one file and one row:
//
//   - the row stands in table.go, table_admin.go or table_client.go: its name under `milena`, the script names and Java
//     class names under which Kafka has it, one line of description, its options, its examples and its function;
//   - its options (options.go, argparse.go) are parsed as Kafka's own tool parses them, and shown by --help and completion;
//   - the function is func(ctx, env, args) error. It parses with env.Parse(args), writes to env.Stdout and env.Stderr and
//     returns nil, or an error: Usage and Usagef print the message and the options as Kafka does and exit with 1, Exit
//     leaves with a code and no further word, any other error is printed on standard error and exits with 1.
//
// How a command line finds its tool (cli.go): by argv[0] where it is one of Kafka's script names (kafka-topics.sh or
// kafka-topics), else by the first argument (milena topics). kafka-run-class.sh takes a Java class name and finds the tool
// by it.
//
// Nothing here is shared between goroutines but what says so; a tool runs once, in a process of its own.
package cli
