package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

const getOffsetsExamples = `
milena get-offsets --bootstrap-server localhost:9092 --topic greetings
milena get-offsets --bootstrap-server localhost:9092 --topic greetings --time earliest
milena get-offsets --bootstrap-server localhost:9092 --topic-partitions 'greetings:0-2,logs-.*:0'`

func getOffsetsOptions() *Options {
	bootstrap := bootstrapOption()
	bootstrap.Arg = "HOST1:PORT1,...,HOST3:PORT3"
	return NewOptions(bootstrap,
		Option{Name: "broker-list", Arg: "HOST1:PORT1,...,HOST3:PORT3", Hidden: true,
			Help: "The older name of --bootstrap-server."},
		commandConfigOption(),
		Option{Name: "exclude-internal-topics", Help: "Leave Kafka's own topics out."},
		Option{Name: "partitions", Arg: "partition ids", Help: "Partitions, separated by commas; all of them without this."},
		Option{Name: "time", Default: "latest",
			Arg: "<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / " +
				"-5 or latest-tiered / -6 or earliest-pending-upload",
			Help: "Which offset: that of the first record of this time or later, or one of the named ones."},
		Option{Name: "topic", Arg: "topic", Help: "Topic, or a regular expression of topics; all of them without this."},
		Option{Name: "topic-partitions", Arg: "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
			Help: "Topics and partitions together: a regular expression of topics, and after a colon one partition, or a range " +
				"whose upper end is left out."},
	)
}

// runGetOffsets is kafka-get-offsets.sh.
func runGetOffsets(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	var usage *usageError
	if errors.As(err, &usage) {
		return Exitf(1, "Error occurred: %s", usage.message)
	}
	if err != nil {
		return err
	}
	if err := v.HelpFirst("An interactive shell for getting topic-partition offsets."); err != nil {
		return err
	}
	if !v.Has("broker-list") {
		if err := v.Require("bootstrap-server"); err != nil {
			return err
		}
	}
	if err := checkBootstrap(bootstrapOf(v)); err != nil {
		return err
	}
	if err := env.getOffsets(ctx, v); err != nil {
		return Exitf(1, "Error occurred: %v", err)
	}
	return nil
}

func (env *Env) getOffsets(ctx context.Context, v *Values) error {
	if v.Has("topic-partitions") && (v.Has("topic") || v.Has("partitions")) {
		return errors.New("--topic-partitions cannot be used with --topic or --partitions")
	}
	timestamp, err := offsetTime(v.Value("time"))
	if err != nil {
		return err
	}
	rules, err := offsetRules(v)
	if err != nil {
		return err
	}
	a, err := env.openAdmin(bootstrapOf(v), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	partitions, err := a.partitionsOf(ctx, rules, !v.Has("exclude-internal-topics"))
	if err != nil {
		return err
	}
	if len(partitions) == 0 {
		return errors.New("Could not match any topic-partitions with the specified filters")
	}
	return a.printOffsets(ctx, partitions, timestamp)
}

// offsetTime reads --time: a name, its number, or milliseconds since 1970.
func offsetTime(text string) (int64, error) {
	names := map[string]int64{"latest": -1, "earliest": -2, "max-timestamp": -3, "earliest-local": -4,
		"latest-tiered": -5, "earliest-pending-upload": -6}
	if n, ok := names[text]; ok {
		return n, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("Malformed time argument %s. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / "+
			"-4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp", text)
	}
	return n, nil
}

// offsetRule is a choice of partitions: topics by name, and partitions from lower up to, not with, upper, or those of a set.
type offsetRule struct {
	topics       *regexp.Regexp
	lower, upper int32
	set          map[int32]bool // nil: by range
}

func (r *offsetRule) has(topic string, partition int32) bool {
	if !r.topics.MatchString(topic) {
		return false
	}
	if r.set != nil {
		return r.set[partition]
	}
	return partition >= r.lower && partition < r.upper
}

func offsetRules(v *Values) ([]offsetRule, error) {
	if !v.Has("topic-partitions") {
		pattern := ".*"
		if v.Value("topic") != "" {
			pattern = v.Value("topic")
		}
		topics, err := topicFilter(pattern)
		if err != nil {
			return nil, err
		}
		rule := offsetRule{topics: topics, upper: math.MaxInt32}
		if list := v.Value("partitions"); list != "" {
			rule.set = map[int32]bool{}
			for _, word := range strings.Split(list, ",") {
				n, err := strconv.ParseInt(word, 10, 32)
				if err != nil {
					return nil, errors.New("--partitions expects a comma separated list of numeric partition " +
						"ids, but received: " + list)
				}
				rule.set[int32(n)] = true
			}
		}
		return []offsetRule{rule}, nil
	}
	var rules []offsetRule
	form := regexp.MustCompile(`^([^:,]*)(?::(?:([0-9]+)|([0-9]*)-([0-9]*))?)?$`)
	for _, spec := range strings.Split(v.Value("topic-partitions"), ",") {
		m := form.FindStringSubmatch(spec)
		if m == nil {
			return nil, errors.New("org.apache.kafka.tools.TerseException: Invalid rule specification: " + spec)
		}
		if m[1] == "" {
			m[1] = ".*"
		}
		topics, err := topicFilter(m[1])
		if err != nil {
			return nil, err
		}
		number := func(text string, otherwise int64) int32 {
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				return int32(n)
			}
			return int32(otherwise)
		}
		rule := offsetRule{topics: topics, lower: number(m[3], 0), upper: number(m[4], math.MaxInt32)}
		if m[2] != "" {
			rule.set = map[int32]bool{number(m[2], 0): true}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// partitionsOf lists the partitions that one of the rules has.
func (a *admin) partitionsOf(ctx context.Context, rules []offsetRule, internal bool) ([]topicPartition, error) {
	response, err := a.metadata(ctx, "listTopics", nil)
	if err != nil {
		return nil, err
	}
	var partitions []topicPartition
	for _, topic := range response.Topics {
		if topic.Topic == nil || topic.IsInternal && !internal {
			continue
		}
		for _, p := range topic.Partitions {
			for i := range rules {
				if rules[i].has(*topic.Topic, p.Partition) {
					partitions = append(partitions, topicPartition{*topic.Topic, p.Partition})
					break
				}
			}
		}
	}
	// Kafka's tool sorts by text: foo-10 comes before foo-2.
	sort.Slice(partitions, func(i, j int) bool { return partitions[i].String() < partitions[j].String() })
	return partitions, nil
}

// printOffsets asks the leaders and prints TOPIC:PARTITION:OFFSET for each partition that has such an offset.
func (a *admin) printOffsets(ctx context.Context, partitions []topicPartition, timestamp int64) error {
	answers, err := a.listOffsets(ctx, partitions, timestamp)
	if err != nil {
		return err
	}
	out := a.env.Buffered()
	for _, tp := range partitions {
		switch got := answers[tp]; {
		case got.err != nil:
			a.env.errorf("Skip getting offsets for topic-partition %s due to error: %s\n", tp, javaError(got.err))
		case got.offset >= 0:
			fmt.Fprintf(out, "%s:%d:%d\n", tp.topic, tp.partition, got.offset)
		}
	}
	return out.Flush()
}
