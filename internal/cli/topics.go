package cli

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const topicsExamples = `
milena topics --bootstrap-server localhost:9092 --create --topic greetings --partitions 3
milena topics --bootstrap-server localhost:9092 --create --topic state --config cleanup.policy=compact
milena topics --bootstrap-server localhost:9092 --list
milena topics --bootstrap-server localhost:9092 --describe --topic greetings
milena topics --bootstrap-server localhost:9092 --delete --topic 'test-.*'
milena topics --zookeeper localhost:2181/kafka --create --topic greetings --partitions 3 --replication-factor 3`

// bootstrapOption and commandConfigOption are what every admin tool takes.
func bootstrapOption() Option {
	return Option{Name: "bootstrap-server", Arg: "server to connect to", Required: true,
		Help: "Brokers to begin with: HOST:PORT,HOST:PORT."}
}

func commandConfigOption() Option {
	return Option{Name: "command-config", Arg: "command config property file", Help: "Properties file with settings of the client."}
}

const useConfigsTool = " (To alter topic configurations, the kafka-configs tool can be used.)"

func topicsOptions() *Options {
	flag := func(name, help string) Option { return Option{Name: name, Help: help} }
	return NewOptions(
		flag("alter", "Give a topic more partitions."+useConfigsTool),
		flag("at-min-isr-partitions", "With --describe: only partitions with just min.insync.replicas in sync."),
		bootstrapOption(), commandConfigOption(),
		Option{Name: "config", Arg: "name=value", Many: true,
			Help: "With --create: a setting of the new topic. Settings of topics are:\n" + strings.Join(configNames("topics"), "\n")},
		flag("create", "Create a topic."),
		flag("delete", "Delete topics."),
		Option{Name: "force", Hidden: true, Help: "Ask nothing."},
		flag("disable-rack-aware", "With --zookeeper and --create: do not look at racks."),
		Option{Name: "delete-config", Arg: "name", Many: true, Help: "With --zookeeper and --alter: a setting to take away."},
		flag("describe", "Show topics, their settings and partitions."),
		flag("exclude-internal", "With --list or --describe: without Kafka's own topics."),
		flag("if-exists", "With --alter, --delete or --describe: do nothing, and succeed, where there is no such topic."),
		flag("if-not-exists", "With --create: do nothing, and succeed, where there already is such a topic."),
		flag("list", "List topics."),
		Option{Name: "partition-size-limit-per-response", Arg: "maximum number of partitions per response", Kind: Int,
			Help: "With --describe: how many partitions one response may hold."},
		Option{Name: "partitions", Arg: "# of partitions", Kind: Int,
			Help: "How many partitions a topic is created with (else the broker's num.partitions) or altered to. " +
				"WARNING: with more partitions, records of a key go to another partition than before."},
		Option{Name: "replica-assignment", Arg: "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , " +
			"broker_id_for_part2_replica1 : ...",
			Help: "With --create or --alter: which brokers have each partition."},
		Option{Name: "replication-factor", Arg: "replication factor", Kind: Int,
			Help: "With --create: how many replicas each partition has (else the broker's default.replication.factor)."},
		Option{Name: "topic", Arg: "topic", Help: "The topic; but for --create it may be a regular expression."},
		Option{Name: "topic-id", Arg: "topic-id", Help: "With --describe: the topic by its id."},
		flag("topics-with-overrides", "With --describe: only topics with settings of their own."),
		flag("unavailable-partitions", "With --describe: only partitions without a live leader."),
		flag("under-min-isr-partitions", "With --describe: only partitions with fewer than min.insync.replicas in sync."),
		flag("under-replicated-partitions", "With --describe: only partitions with replicas out of sync."),
		zookeeperOption("Instead of --bootstrap-server"),
	)
}

// runTopics is kafka-topics.sh.
func runTopics(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	var unusable *valueError
	if errors.As(err, &unusable) {
		env.printf("Error while executing topic command : %v\n", err)
		return Exit(1)
	}
	if err != nil {
		return err
	}
	if err := checkTopics(env, v); err != nil {
		return err
	}
	if v.Has("zookeeper") {
		return env.topicsByZooKeeper(ctx, v)
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	switch {
	case v.Has("create"):
		err = a.createTopic(ctx, v)
	case v.Has("alter"):
		err = a.alterTopics(ctx, v)
	case v.Has("list"):
		err = a.listTopics(ctx, v)
	case v.Has("describe"):
		err = a.describeTopics(ctx, v)
	case v.Has("delete"):
		err = a.deleteTopics(ctx, v)
	}
	if err != nil {
		env.printf("Error while executing topic command : %v\n", err)
		return Exit(1)
	}
	return nil
}

// checkTopics refuses options that do not go together, in Kafka's order and words.
func checkTopics(env *Env, v *Values) error {
	if v.Empty() {
		return Usage("Create, delete, describe, or change a topic.")
	}
	if err := v.HelpFirst("This tool helps to create, delete, describe, or change a topic."); err != nil {
		return err
	}
	actions := []string{"alter", "create", "describe", "list", "delete"}
	given := 0
	for _, action := range actions {
		if v.Has(action) {
			given++
		}
	}
	if given != 1 {
		return Usage("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if v.Has("zookeeper") {
		return checkTreeTopics(v, actions)
	}
	if v.Has("disable-rack-aware") {
		return Usage("disable-rack-aware is not a recognized option")
	}
	if v.Has("delete-config") {
		env.errorf("delete-config option is no longer supported and deprecated since version 4.0. " +
			"The config will be fully removed in future releases.\n")
	}
	if !v.Has("bootstrap-server") {
		return errors.New("--bootstrap-server must be specified")
	}
	if v.Has("describe") && v.Has("if-exists") {
		if !v.Has("topic") && !v.Has("topic-id") {
			return Usage("--topic or --topic-id is required to describe a topic")
		}
		if v.Has("topic") && v.Has("topic-id") {
			env.println("Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID")
		}
	}
	if !v.Has("list") && !v.Has("describe") {
		if err := v.Require("topic"); err != nil {
			return err
		}
	}
	if v.Has("alter") {
		if v.Has("config") {
			return Usage("Option combination \"[[config], [bootstrap-server]]\" can't be used with option " +
				"\"[alter]\"" + useConfigsTool)
		}
		if err := v.Require("partitions"); err != nil {
			return err
		}
	}
	return checkTopicsTogether(v, actions)
}

// checkTopicsTogether refuses options that belong to another action.
func checkTopicsTogether(v *Values, actions []string) error {
	others := func(except ...string) (names []string) {
		for _, action := range actions {
			if !contains(except, action) {
				names = append(names, action)
			}
		}
		return names
	}
	reports := []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions"}
	rules := []struct {
		used   string
		others []string
	}{
		{"config", others("alter", "create")},
		{"partitions", others("alter", "create")},
		{"replication-factor", others("create")},
		{"replica-assignment", others("alter", "create")},
	}
	if v.Has("create") {
		rules = append(rules, struct {
			used   string
			others []string
		}{"replica-assignment", []string{"partitions", "replication-factor"}})
	}
	for _, report := range reports {
		rules = append(rules, struct {
			used   string
			others []string
		}{report, append(others("describe"), "topics-with-overrides")})
	}
	for _, rule := range append(rules, []struct {
		used   string
		others []string
	}{
		{"topics-with-overrides", append(others("describe"), reports...)},
		{"if-exists", others("alter", "delete", "describe")},
		{"if-not-exists", others("create")},
		{"exclude-internal", others("list", "describe")},
	}...) {
		if err := v.Exclude(rule.used, rule.others...); err != nil {
			return err
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// topicFilter is the regular expression of a --topic or --include: a list with commas is a choice, and spaces and one
// pair of quotes around it are no part of it.
func topicFilter(pattern string) (*regexp.Regexp, error) {
	pattern = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(pattern), ",", "|"), " ", "")
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "\""), "'")
	pattern = strings.TrimSuffix(strings.TrimSuffix(pattern, "\""), "'")
	filter, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, errors.New(pattern + " is an invalid regex.")
	}
	return filter, nil
}

// matchingTopics lists the topics that --topic means, all of them without it.
func (a *admin) matchingTopics(ctx context.Context, v *Values) ([]string, error) {
	names, err := a.topicNames(ctx, !v.Has("exclude-internal"))
	if err != nil || !v.Has("topic") {
		return names, err
	}
	filter, err := topicFilter(v.Value("topic"))
	if err != nil {
		return nil, err
	}
	matching := names[:0]
	for _, name := range names {
		if filter.MatchString(name) {
			matching = append(matching, name)
		}
	}
	return matching, nil
}

// existingTopics is matchingTopics; no match is an error but with --if-exists.
func (a *admin) existingTopics(ctx context.Context, v *Values) ([]string, error) {
	names, err := a.matchingTopics(ctx, v)
	if err == nil && len(names) == 0 && v.Value("topic") != "" && !v.Has("if-exists") {
		return nil, errors.New("Topic '" + v.Value("topic") + "' does not exist as expected")
	}
	return names, err
}

func (a *admin) listTopics(ctx context.Context, v *Values) error {
	names, err := a.matchingTopics(ctx, v)
	if err == nil {
		a.env.println(strings.Join(names, "\n"))
	}
	return err
}

func (a *admin) deleteTopics(ctx context.Context, v *Values) error {
	names, err := a.existingTopics(ctx, v)
	if err != nil || len(names) == 0 {
		return err
	}
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = requestTimeoutMs
	request.TopicNames = names
	for _, name := range names {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
	}
	response, err := call[*kmsg.DeleteTopicsResponse](ctx, a, "deleteTopics", request)
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		if err := codeError(topic.ErrorCode, topic.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
