package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const preferredElectionExamples = `
milena preferred-replica-election --bootstrap-server localhost:9092
milena preferred-replica-election --zookeeper localhost:2181/kafka --path-to-json-file partitions.json`

func preferredElectionOptions() *Options {
	return NewOptions(
		Option{Name: "admin.config", Arg: "config file", Help: "Properties file with settings of the client."},
		Option{Name: "bootstrap-server", Arg: "host:port", Help: "Brokers to begin with. Required without --zookeeper."},
		Option{Name: "path-to-json-file", Arg: "list of partitions for which preferred replica leader election needs to be triggered",
			Help: "Elect for the partitions in this file, else for all:\n" + `{"partitions":[{"topic":"foo","partition":1},{"topic":"bar","partition":0}]}`},
		zookeeperOption("Instead of --bootstrap-server"),
	)
}

// runPreferredElection is kafka-preferred-replica-election.sh, which Kafka had up to 2.8.
func runPreferredElection(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	env.println("This tool is deprecated. Please use kafka-leader-election tool. Tracking issue: KAFKA-8405")
	if v.Has("help") {
		return Usage("This tool helps to causes leadership for each partition to be transferred back to the 'preferred replica', " +
			"it can be used to balance leadership among the servers.")
	}
	if v.Has("bootstrap-server") == v.Has("zookeeper") {
		return Usage("Exactly one of '[bootstrap-server]' or '[zookeeper]' must be provided")
	}
	var wanted []kmsg.ElectLeadersRequestTopic
	if v.Has("path-to-json-file") {
		if wanted, err = readElections(v.Value("path-to-json-file")); err != nil {
			return err
		}
	}
	if v.Has("zookeeper") {
		env.println("Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.")
		env.println("Use --bootstrap-server instead to specify a broker to connect to.")
		return env.electByZooKeeper(ctx, v.Value("zookeeper"), wanted)
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), v.Value("admin.config"))
	if err != nil {
		return err
	}
	defer a.close()
	request := kmsg.NewPtrElectLeadersRequest()
	request.Topics = wanted
	response, err := call[*kmsg.ElectLeadersResponse](ctx, a, "electLeaders", request)
	if err != nil {
		return err
	}
	return env.printElections("PREFERRED", response)
}

// electByZooKeeper leaves a request for preferred leaders in the cluster's tree; nil asks for all partitions.
func (env *Env) electByZooKeeper(ctx context.Context, connect string, wanted []kmsg.ElectLeadersRequestTopic) error {
	store, err := openTree(ctx, connect)
	if err != nil {
		return err
	}
	defer store.Coord().Close()
	return env.electInTree(ctx, store, wanted)
}

func (env *Env) electInTree(ctx context.Context, store *clusterstore.Store, wanted []kmsg.ElectLeadersRequestTopic) error {
	topics, err := store.Topics(ctx)
	if err != nil {
		return err
	}
	there := map[clusterstore.PartitionID]bool{}
	var ids, missing []clusterstore.PartitionID
	for _, t := range topics {
		for p := range t.Partitions {
			id := clusterstore.PartitionID{Topic: t.Name, Partition: int32(p)}
			there[id] = true
			if wanted == nil {
				ids = append(ids, id)
			}
		}
	}
	for _, t := range wanted {
		for _, p := range t.Partitions {
			id := clusterstore.PartitionID{Topic: t.Topic, Partition: p}
			if there[id] {
				ids = append(ids, id)
			} else {
				missing = append(missing, id)
			}
		}
	}
	err = store.RequestPreferredElection(ctx, ids)
	if errors.Is(err, coord.ErrNodeExists) {
		running, _ := store.PreferredElection(ctx)
		return fmt.Errorf("Preferred replica leader election currently in progress for %s. Aborting operation", electionList(running, ","))
	}
	if err != nil {
		return err
	}
	env.printf("Created preferred replica election path with %s\n", electionList(ids, ","))
	env.printf("Successfully started preferred replica election for partitions Set(%s)\n", electionList(ids, ", "))
	for _, id := range missing {
		env.printf("Skipping preferred replica leader election for partition %s since it doesn't exist.\n", id)
	}
	return nil
}

func electionList(ids []clusterstore.PartitionID, separator string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id.String()
	}
	slices.Sort(words)
	return strings.Join(words, separator)
}
