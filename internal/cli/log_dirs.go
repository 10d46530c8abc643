package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const logDirsExamples = `
milena log-dirs --bootstrap-server localhost:9092 --describe
milena log-dirs --bootstrap-server localhost:9092 --describe --topic-list greetings`

func logDirsOptions() *Options {
	bootstrap := bootstrapOption()
	bootstrap.Arg = "The server(s) to use for bootstrapping"
	return NewOptions(bootstrap,
		Option{Name: "broker-list", Arg: "Broker list", Help: "Ids of brokers, separated by commas; all of them without this."},
		commandConfigOption(),
		Option{Name: "describe", Help: "Show data directories, and what each partition takes in them."},
		Option{Name: "topic-list", Arg: "Topic list", Help: "Topics, separated by commas; all of them without this."},
	)
}

// runLogDirs is kafka-log-dirs.sh.
func runLogDirs(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to query log directory usage on the specified brokers."); err != nil {
		return err
	}
	if err := v.Require("bootstrap-server", "describe"); err != nil {
		return err
	}
	wanted, err := brokerIDs(v.Value("broker-list"))
	if err != nil {
		return err
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	brokers, err := a.chosenBrokers(ctx, wanted)
	if err != nil {
		return err
	}
	env.println("Querying brokers for log directories information")
	var described []brokerDirs
	for _, id := range brokers {
		response, err := a.askBroker(ctx, "describeLogDirs", id, describeAllDirs())
		if err != nil {
			return err
		}
		described = append(described, dirsOf(id, response.(*kmsg.DescribeLogDirsResponse), splitList(v.Value("topic-list"))))
	}
	env.printf("Received log directory information from brokers %s\n", commaList(brokers))
	out := env.Buffered()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"brokers": described, "version": 1}); err != nil {
		return err
	}
	return out.Flush()
}

// brokerDirs and its kin are the output's JSON; fields stand in the order of Kafka's tool.
type brokerDirs struct {
	Broker  int32 `json:"broker"`
	LogDirs []dir `json:"logDirs"`
}

type dir struct {
	Partitions []dirPartition `json:"partitions"`
	Error      *string        `json:"error"`
	LogDir     string         `json:"logDir"`
}

type dirPartition struct {
	Partition string `json:"partition"`
	Size      int64  `json:"size"`
	OffsetLag int64  `json:"offsetLag"`
	IsFuture  bool   `json:"isFuture"`
}

func describeAllDirs() *kmsg.DescribeLogDirsRequest {
	request := kmsg.NewPtrDescribeLogDirsRequest()
	request.Topics = nil
	return request
}

// dirsOf takes one broker's answer apart, for all topics or some.
func dirsOf(broker int32, response *kmsg.DescribeLogDirsResponse, topics []string) brokerDirs {
	b := brokerDirs{Broker: broker, LogDirs: []dir{}}
	var dirs []string
	byDir := map[string]dir{}
	for _, d := range response.Dirs {
		out := dir{Partitions: []dirPartition{}, LogDir: d.Dir}
		if d.ErrorCode != 0 {
			class := javaClass(d.ErrorCode)
			out.Error = &class
		}
		var order []topicPartition
		sizes := map[topicPartition]dirPartition{}
		for _, topic := range d.Topics {
			if len(topics) > 0 && !contains(topics, topic.Topic) {
				continue
			}
			for _, p := range topic.Partitions {
				tp := topicPartition{topic.Topic, p.Partition}
				order = append(order, tp)
				sizes[tp] = dirPartition{Partition: tp.String(), Size: p.Size, OffsetLag: p.OffsetLag, IsFuture: p.IsFuture}
			}
		}
		javaOrder(order, 16, topicPartition.javaHash)
		for _, tp := range order {
			out.Partitions = append(out.Partitions, sizes[tp])
		}
		dirs, byDir[d.Dir] = append(dirs, d.Dir), out
	}
	for _, d := range javaHashOrder(dirs) {
		b.LogDirs = append(b.LogDirs, byDir[d])
	}
	return b
}

// splitList splits at commas; empty parts do not count.
func splitList(text string) []string {
	var parts []string
	for _, part := range strings.Split(text, ",") {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func brokerIDs(list string) ([]int32, error) {
	var ids []int32
	for _, word := range splitList(list) {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("For input string: %q", word)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// chosenBrokers are the brokers asked for, all there are where none was named.
func (a *admin) chosenBrokers(ctx context.Context, wanted []int32) ([]int32, error) {
	live, err := a.liveBrokers(ctx)
	if err != nil {
		return nil, err
	}
	var all, missing []int32
	for id := range live {
		all = append(all, id)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, id := range wanted {
		if !live[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, errors.New("ERROR: The given brokers do not exist from --broker-list: " + commaList(missing) +
			". Current existent brokers: " + commaList(all))
	}
	if len(wanted) > 0 {
		return wanted, nil
	}
	return all, nil
}
