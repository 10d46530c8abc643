package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const leaderElectionExamples = `
milena leader-election --bootstrap-server localhost:9092 --election-type preferred --all-topic-partitions
milena leader-election --bootstrap-server localhost:9092 --election-type unclean --topic greetings --partition 0`

func leaderElectionOptions() *Options {
	return NewOptions(bootstrapOption(), commandConfigOption(),
		Option{Name: "admin.config", Arg: "config file", Help: "Deprecated: --command-config."},
		Option{Name: "election-type", Arg: "election type", Required: true,
			Help: "preferred: the first replica leads, if it is in sync. unclean: any live replica leads where there is no leader; records may be lost."},
		Option{Name: "topic", Arg: "topic name", Help: "Elect for a partition of this topic."},
		Option{Name: "partition", Arg: "partition id", Kind: Int, Help: "Its number; required with --topic."},
		Option{Name: "all-topic-partitions", Help: "Elect wherever it is needed."},
		Option{Name: "path-to-json-file", Arg: "Path to JSON file",
			Help: "Elect for the partitions in this file:\n" + `{"partitions":[{"topic":"foo","partition":1},{"topic":"bar","partition":0}]}`},
		zookeeperOption("Instead of --bootstrap-server, for preferred leaders"),
	)
}

// runLeaderElection is kafka-leader-election.sh.
func runLeaderElection(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool attempts to elect a new leader for a set of topic partitions. " +
		"The type of elections supported are preferred replicas and unclean replicas."); err != nil {
		return err
	}
	req, kind, err := electionOf(v)
	if err != nil {
		return err
	}
	if v.Has("zookeeper") {
		if kind != "PREFERRED" || v.Has("bootstrap-server") {
			return errors.New("With --zookeeper, --election-type is preferred and there is no --bootstrap-server")
		}
		return env.electByZooKeeper(ctx, v.Value("zookeeper"), req.Topics)
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), configFileOf(v, "admin.config"))
	if err != nil {
		return err
	}
	defer a.close()
	resp, err := a.ask(ctx, "electLeaders", req)
	if err != nil {
		return err
	}
	return env.printElections(kind, resp.(*kmsg.ElectLeadersResponse))
}

// electionOf makes the request of a command line, and the name of the kind of election.
func electionOf(v *Values) (req *kmsg.ElectLeadersRequest, kind string, err error) {
	var missing []string
	for _, name := range []string{"bootstrap-server", "election-type"} {
		if !v.Has(name) && !(name == "bootstrap-server" && v.Has("zookeeper")) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, "", fmt.Errorf("Missing required option(s): %s", strings.Join(missing, ", "))
	}
	if v.Has("admin.config") && v.Has("command-config") {
		return nil, "", errors.New("Options admin.config and command-config cannot be given together: use --command-config")
	}
	req = kmsg.NewPtrElectLeadersRequest()
	switch kind = strings.ToUpper(v.Value("election-type")); kind {
	case "PREFERRED":
	case "UNCLEAN":
		req.ElectionType = 1
	default:
		return nil, "", fmt.Errorf("Cannot parse argument '%s' of option election-type", v.Value("election-type"))
	}
	scopes := 0
	for _, name := range []string{"topic", "all-topic-partitions", "path-to-json-file"} {
		if v.Has(name) {
			scopes++
		}
	}
	switch {
	case scopes != 1:
		return nil, "", errors.New("One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	case v.Has("topic") && !v.Has("partition"):
		return nil, "", errors.New("Missing required option(s): partition")
	case !v.Has("topic") && v.Has("partition"):
		return nil, "", errors.New("Option partition is only allowed if topic is used")
	case v.Has("topic"):
		req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: v.Value("topic"), Partitions: []int32{int32(v.Int("partition"))}}}
	case v.Has("path-to-json-file"):
		req.Topics, err = readElections(v.Value("path-to-json-file"))
	}
	return req, kind, err
}

// readElections reads the file of --path-to-json-file.
func readElections(path string) ([]kmsg.ElectLeadersRequestTopic, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Partitions *[]struct {
			Topic     *string `json:"topic"`
			Partition *int32  `json:"partition"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if file.Partitions == nil {
		return nil, errors.New("Replica election data is missing \"partitions\" field")
	}
	topics := []kmsg.ElectLeadersRequestTopic{}
	seen := map[topicPartition]bool{}
	for _, p := range *file.Partitions {
		if p.Topic == nil || p.Partition == nil {
			return nil, fmt.Errorf("%s: each of partitions needs the fields topic and partition", path)
		}
		tp := topicPartition{*p.Topic, *p.Partition}
		if seen[tp] {
			return nil, fmt.Errorf("Replica election data contains duplicate partitions: %s", tp)
		}
		seen[tp] = true
		topics = append(topics, kmsg.ElectLeadersRequestTopic{Topic: tp.topic, Partitions: []int32{tp.partition}})
	}
	return topics, nil
}

// printElections says what came of each election, as Kafka's tool does.
func (env *Env) printElections(kind string, resp *kmsg.ElectLeadersResponse) error {
	if err := codeError(resp.ErrorCode, nil); err != nil {
		return err
	}
	var done, unneeded []string
	var failed []string
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			name := topicPartition{t.Topic, p.Partition}.String()
			switch err := codeError(p.ErrorCode, p.ErrorMessage); {
			case err == nil:
				done = append(done, name)
			case p.ErrorCode == kerr.ElectionNotNeeded.Code:
				unneeded = append(unneeded, name)
			default:
				failed = append(failed, fmt.Sprintf("Error completing leader election (%s) for partition: %s: %s", kind, name, javaError(err)))
			}
		}
	}
	if slices.Sort(done); len(done) > 0 {
		env.printf("Successfully completed leader election (%s) for partitions %s\n", kind, strings.Join(done, ", "))
	}
	if slices.Sort(unneeded); len(unneeded) > 0 {
		env.printf("Valid replica already elected for partitions %s\n", strings.Join(unneeded, ", "))
	}
	if len(failed) == 0 {
		return nil
	}
	slices.Sort(failed)
	for _, line := range failed {
		env.println(line)
	}
	return fmt.Errorf("%d replica(s) could not be elected", len(failed))
}
