package cli

import (
	"context"
	"errors"
	"sort"

	"github.com/twmb/franz-go/pkg/kgo"
)

const verifiableConsumerExamples = `
milena verifiable-consumer --bootstrap-server localhost:9092 --topic checked --group-id checkers --max-messages 1000`

func verifiableConsumerOptions() *Options {
	o := NewArgparse("verifiable-consumer", "This tool reads a topic and prints, as JSON, what happens. This "+
		"release reads all partitions, without the group.",
		Option{Name: "topic", Arg: "TOPIC", Required: true, Help: "The topic to read."},
		Option{Name: "group-protocol", Arg: "GROUP-PROTOCOL", Default: "classic", Help: "classic or consumer."},
		Option{Name: "group-remote-assignor", Arg: "GROUP-REMOTE-ASSIGNOR",
			Help: "The broker's assignor, with the consumer protocol."},
		Option{Name: "group-id", Arg: "GROUP-ID", Required: true, Help: "The group."},
		Option{Name: "group-instance-id", Arg: "GROUP-INSTANCE-ID", Help: "A static member's name."},
		Option{Name: "max-messages", Arg: "MAX-MESSAGES", Kind: Int, Default: "-1",
			Help: "How many records to read; -1: until stopped."},
		Option{Name: "session-timeout", Arg: "TIMEOUT-MS", Kind: Int, Help: "How long the group waits for this member."},
		Option{Name: "verbose", Help: "Print each record."},
		Option{Name: "enable-autocommit", Help: "Let the client commit by itself."},
		Option{Name: "reset-policy", Arg: "RESET-POLICY", Default: "earliest", Help: "Where to begin: earliest, latest or none."},
		Option{Name: "assignment-strategy", Arg: "ASSIGNMENT-STRATEGY", Default: "org.apache.kafka.clients.consumer.RangeAssignor",
			Help: "How partitions are shared out."},
		Option{Name: "consumer.config", Arg: "CONFIG-FILE", Help: "Deprecated: --command-config."},
		Option{Name: "command-config", Arg: "CONFIG-FILE", Help: "Properties file with settings of the consumer."},
		Option{Name: "bootstrap-server", Arg: "HOST1:PORT1[,HOST2:PORT2[...]]", Required: true, Help: "Brokers to begin with."},
		Option{Name: "broker-list", Arg: "HOST1:PORT1[,HOST2:PORT2[...]]", Hidden: true,
			Help: "The older name of --bootstrap-server."},
	)
	o.OneOf = [][]string{{"bootstrap-server"}}
	return o
}

// The consumer's lines, their fields in Kafka's order.
type (
	assignedPartition struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	}
	partitionsEvent struct {
		event
		Partitions []assignedPartition `json:"partitions"`
	}
	recordData struct {
		event
		Key       *string `json:"key"`
		Value     *string `json:"value"`
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Offset    int64   `json:"offset"`
	}
	consumedPartition struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Count     int64  `json:"count"`
		MinOffset int64  `json:"minOffset"`
		MaxOffset int64  `json:"maxOffset"`
	}
	recordsConsumed struct {
		event
		Count      int64               `json:"count"`
		Partitions []consumedPartition `json:"partitions"`
	}
)

// runVerifiableConsumer is kafka-verifiable-consumer.sh, over all partitions.
func runVerifiableConsumer(ctx context.Context, env *Env, args []string) error {
	v, err := env.parseVerifiable(verifiableConsumerOptions(), args)
	if v == nil {
		return err
	}
	file := v.Value("command-config")
	if file == "" {
		file = v.Value("consumer.config")
	}
	p, err := loadProperties(file)
	if err != nil {
		return err
	}
	p.Set("bootstrap.servers", bootstrapOf(v))
	p.Default("fetch.max.wait.ms", "500")
	reset, ok := map[string]kgo.Offset{"earliest": kgo.NewOffset().AtStart(), "latest": kgo.NewOffset().AtEnd(),
		"none": kgo.NoResetOffset()}[v.Value("reset-policy")]
	if !ok {
		return Exitf(1, "Exception in thread \"main\" %s", javaError(invalidValue("auto.offset.reset", v.Value("reset-policy"),
			"The value must be either 'earliest', 'latest' or 'none'")))
	}
	env.errorf("WARN Consumer groups are not supported by this release: all partitions are read, without group "+
		"%s, and no offset is committed.\n",
		v.Value("group-id"))
	client, err := env.newClient(consumerClient, p, kgo.ConsumeResetOffset(reset), kgo.ConsumeStartOffset(reset),
		kgo.ConsumeTopics(v.Value("topic")), kgo.AllowAutoTopicCreation())
	if err != nil {
		return Exitf(1, "Exception in thread \"main\" %s", javaError(err))
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	c := &verifier{lines: newJSONLines(env), client: client, topic: v.Value("topic"), most: v.Int("max-messages"),
		verbose: v.Has("verbose")}
	err = c.run(ctx, &admin{env: env, client: client, timeout: timeoutOf(p)})
	client.Close()
	c.lines.print(newEvent("shutdown_complete"))
	if err == nil && ctx.Err() != nil {
		return interrupted(ctx)
	}
	return err
}

// verifier is one run of the consumer.
type verifier struct {
	lines   *jsonLines
	client  *kgo.Client
	topic   string
	most    int64 // negative: no end
	verbose bool

	consumed int64
}

func (c *verifier) run(ctx context.Context, a *admin) error {
	c.lines.print(newEvent("startup_complete"))
	described, err := a.metadata(ctx, "describeTopics", []string{c.topic})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	assigned := []assignedPartition{}
	for _, topic := range described.Topics {
		for _, p := range topic.Partitions {
			assigned = append(assigned, assignedPartition{c.topic, p.Partition})
		}
	}
	sort.Slice(assigned, func(i, j int) bool { return assigned[i].Partition < assigned[j].Partition })
	c.lines.print(partitionsEvent{newEvent("partitions_assigned"), assigned})
	for (c.most < 0 || c.consumed < c.most) && ctx.Err() == nil {
		fetches := c.client.PollRecords(ctx, 500)
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.Canceled) {
				return errors.New(javaError(fromClient(e.Err)))
			}
		}
		if fetches.NumRecords() > 0 {
			c.received(fetches)
		}
	}
	c.lines.print(partitionsEvent{newEvent("partitions_revoked"), assigned})
	return nil
}

// received prints one poll: each record if asked, and a summary.
func (c *verifier) received(fetches kgo.Fetches) {
	summary := recordsConsumed{event: newEvent("records_consumed"), Count: int64(fetches.NumRecords()),
		Partitions: []consumedPartition{}}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		records := p.Records
		if c.most >= 0 && c.consumed+int64(len(records)) > c.most {
			records = records[:c.most-c.consumed]
		}
		if len(records) == 0 {
			return
		}
		c.consumed += int64(len(records))
		summary.Partitions = append(summary.Partitions, consumedPartition{p.Topic, p.Partition, int64(len(records)),
			records[0].Offset, records[len(records)-1].Offset})
		for _, r := range records {
			if c.verbose {
				c.lines.printQuietly(recordData{newEvent("record_data"), optional(r.Key), optional(r.Value), r.Topic,
					r.Partition, r.Offset})
			}
		}
	})
	summary.Timestamp = newEvent("").Timestamp
	c.lines.print(summary)
}

func optional(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}
