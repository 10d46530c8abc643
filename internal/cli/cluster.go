package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const clusterExamples = `
milena cluster cluster-id --bootstrap-server localhost:9092
milena cluster list-endpoints --bootstrap-server localhost:9092`

func clusterCommands() []string { return []string{"cluster-id", "unregister", "list-endpoints"} }

// clusterOptions are those of all its commands together.
func clusterOptions() *Options {
	o := clusterCommandOptions("list-endpoints")
	o.Program, o.About, o.Commands, o.OneOf = "kafka-cluster", "The Kafka cluster tool.", clusterCommands(), nil
	o.BareUsage = true
	o.List = append(o.List, Option{Name: "id", Aliases: []string{"i"}, Arg: "ID", Kind: Int,
		Help: "With unregister: the broker's id."})
	return o
}

// clusterCommandOptions are those of one command.
func clusterCommandOptions(command string) *Options {
	about := map[string]string{"cluster-id": "Show the id of a cluster.", "unregister": "Take a broker out of a cluster.",
		"list-endpoints": "List the brokers' addresses."}[command]
	o := NewArgparse("kafka-cluster "+command, about,
		Option{Name: "config", Arg: "CONFIG", Help: "Deprecated: --command-config."},
		Option{Name: "command-config", Aliases: []string{"c"}, Arg: "COMMAND_CONFIG",
			Help: "Properties file with settings of the client."},
		Option{Name: "bootstrap-server", Aliases: []string{"b"}, Arg: "BOOTSTRAP_SERVER",
			Help: "Brokers to begin with: HOST:PORT,HOST:PORT."},
		Option{Name: "bootstrap-controller", Aliases: []string{"C"}, Arg: "BOOTSTRAP_CONTROLLER",
			Help: "KRaft controllers; Milena's brokers are their own."},
	)
	switch command {
	case "list-endpoints":
		o.List = append(o.List, Option{Name: "include-fenced-brokers", Help: "Brokers that are fenced, too."})
	case "unregister":
		o.List = append(o.List, Option{Name: "id", Aliases: []string{"i"}, Arg: "ID", Kind: Int, Required: true,
			Help: "The broker's id."})
	}
	o.OneOf = [][]string{{"bootstrap-server", "bootstrap-controller"}}
	return o
}

// runCluster is kafka-cluster.sh.
func runCluster(ctx context.Context, env *Env, args []string) error {
	top := clusterOptions()
	if len(args) == 0 {
		return top.fail("too few arguments")
	}
	if args[0] == "-h" || args[0] == "--help" {
		env.printArgparseHelp(env.Stdout, top)
		return Exit(1)
	}
	command := args[0]
	if !contains(clusterCommands(), command) {
		return top.fail("invalid choice: '%s' (choose from '%s')", command, strings.Join(clusterCommands(), "', '"))
	}
	options := clusterCommandOptions(command)
	v, err := options.parse(args[1:])
	if err != nil {
		return err
	}
	if v.Has("help") {
		env.printArgparseHelp(env.Stdout, options)
		return Exit(1)
	}
	bootstrap := v.Value("bootstrap-server")
	if bootstrap == "" {
		bootstrap = v.Value("bootstrap-controller")
	}
	file := v.Value("command-config")
	if v.Has("config") && v.Has("command-config") {
		return Exitf(1, "--config and --command-config cannot be specified together.")
	}
	if v.Has("config") {
		env.println("Option --config has been deprecated and will be removed in a future version. Use --command-config instead.")
		file = v.Value("config")
	}
	a, err := env.openAdmin(bootstrap, file)
	if err != nil {
		return err
	}
	defer a.close()
	switch command {
	case "cluster-id":
		err = a.printClusterID(ctx)
	case "list-endpoints":
		err = a.printEndpoints(ctx, v.Has("include-fenced-brokers"))
	case "unregister":
		err = a.unregisterBroker(ctx, int32(v.Int("id")))
	}
	return err
}

func (a *admin) printClusterID(ctx context.Context) error {
	response, err := a.metadata(ctx, "describeCluster", []string{})
	if err != nil {
		return err
	}
	if response.ClusterID == nil {
		a.env.println("No cluster ID found. The Kafka version is probably too old.")
		return nil
	}
	a.env.printf("Cluster ID: %s\n", *response.ClusterID)
	return nil
}

// printEndpoints prints a table; its columns are as wide as the longest host and rack.
func (a *admin) printEndpoints(ctx context.Context, fenced bool) error {
	request := kmsg.NewPtrDescribeClusterRequest()
	request.IncludeFencedBrokers = fenced
	response, err := call[*kmsg.DescribeClusterResponse](ctx, a, "describeCluster", request)
	if err != nil {
		return err
	}
	if err := codeError(response.ErrorCode, response.ErrorMessage); err != nil {
		return err
	}
	hostWidth, rackWidth := 0, 10
	for _, broker := range response.Brokers {
		hostWidth, rackWidth = max(hostWidth, len(broker.Host)), max(rackWidth, len(nullable(broker.Rack)))
	}
	line := fmt.Sprintf("%%-10v %%-%ds %%-10v %%-%ds %%-10s %%-15s\n", hostWidth, rackWidth)
	a.env.printf(line, "ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")
	for _, broker := range response.Brokers {
		state := "unfenced"
		if broker.IsFenced {
			state = "fenced"
		}
		a.env.printf(line, broker.NodeID, broker.Host, broker.Port, nullable(broker.Rack), state, "broker")
	}
	return nil
}

func (a *admin) unregisterBroker(ctx context.Context, id int32) error {
	request := kmsg.NewPtrUnregisterBrokerRequest()
	request.BrokerID = id
	response, err := call[*kmsg.UnregisterBrokerResponse](ctx, a, "unregisterBroker", request)
	if err != nil {
		if unsupportedRequest(err) {
			a.env.println("The target cluster does not support the broker unregistration API.")
			return nil
		}
		return err
	}
	if err := codeError(response.ErrorCode, response.ErrorMessage); err != nil {
		return Exitf(1, "%s", javaError(err))
	}
	a.env.printf("Broker %d is no longer registered.\n", id)
	return nil
}
