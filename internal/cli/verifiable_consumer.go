package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

const verifiableConsumerExamples = `
milena verifiable-consumer --bootstrap-server localhost:9092 --topic checked --group-id checkers --max-messages 1000
milena verifiable-consumer --bootstrap-server localhost:9092 --topic checked --group-id checkers --group-protocol consumer`

func verifiableConsumerOptions() *Options {
	o := NewArgparse("verifiable-consumer", "This tool reads a topic as a member of a group and prints, as JSON, what happens: "+
		"records, rebalances, commits.",
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
	committedPartition struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
	}
	offsetsCommitted struct {
		event
		Offsets []committedPartition `json:"offsets"`
		Error   *string              `json:"error,omitempty"`
		Success bool                 `json:"success"`
	}
)

// runVerifiableConsumer is kafka-verifiable-consumer.sh.
func runVerifiableConsumer(ctx context.Context, env *Env, args []string) error {
	v, err := env.parseVerifiable(verifiableConsumerOptions(), args)
	if v == nil {
		return err
	}
	p, err := verifiableConsumerProperties(v)
	if err != nil {
		return err
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	c := &verifier{lines: newJSONLines(env), most: v.Int("max-messages"), verbose: v.Has("verbose"), auto: v.Has("enable-autocommit")}
	choice := topicChoice{topic: v.Value("topic"), partition: noPartition}
	c.reader, err = env.openConsumer(ctx, p, choice, c.assigned, c.revoked)
	if err != nil {
		return Exitf(1, "Exception in thread \"main\" %s", javaError(err))
	}
	err = c.run(ctx)
	c.reader.close()
	c.lines.print(newEvent("shutdown_complete"))
	if err != nil {
		// What ends the reading stands in the log of Kafka's tool, whose exit code is 0.
		env.errorf("ERROR Error during processing, terminating consumer process: %v\n", err)
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	return nil
}

// verifiableConsumerProperties are the consumer's settings: options come before the file.
func verifiableConsumerProperties(v *Values) (*Properties, error) {
	p, err := loadProperties(configFileOf(v, "consumer.config"))
	if err != nil {
		return nil, err
	}
	p.Set("bootstrap.servers", bootstrapOf(v))
	p.Set("group.id", v.Value("group-id"))
	if v.Has("group-instance-id") {
		p.Set("group.instance.id", v.Value("group-instance-id"))
	}
	p.Set("enable.auto.commit", strconv.FormatBool(v.Has("enable-autocommit")))
	p.Set("auto.offset.reset", v.Value("reset-policy"))
	p.Default("fetch.max.wait.ms", "500")
	p.Set("group.protocol", v.Value("group-protocol"))
	if strings.EqualFold(v.Value("group-protocol"), "consumer") {
		if v.Has("group-remote-assignor") {
			p.Set("group.remote.assignor", v.Value("group-remote-assignor"))
		}
	} else {
		p.Set("partition.assignment.strategy", v.Value("assignment-strategy"))
	}
	if v.Has("session-timeout") {
		p.Set("session.timeout.ms", v.Value("session-timeout"))
	}
	return p, nil
}

// verifier is one run of the consumer.
type verifier struct {
	lines   *jsonLines
	reader  *consumer
	most    int64 // negative: no end
	verbose bool
	auto    bool // the client commits by itself, and nothing is printed of it

	consumed int64
}

// assigned and revoked print changes of the group.
func (c *verifier) assigned(partitions []topicPartition) {
	c.changed("partitions_assigned", partitions)
}

func (c *verifier) revoked(partitions []topicPartition) { c.changed("partitions_revoked", partitions) }

func (c *verifier) changed(name string, partitions []topicPartition) {
	list := make([]assignedPartition, len(partitions))
	for i, tp := range partitions {
		list[i] = assignedPartition{tp.topic, tp.partition}
	}
	c.lines.print(partitionsEvent{newEvent(name), list})
}

func (c *verifier) run(ctx context.Context) error {
	c.lines.print(newEvent("startup_complete"))
	for (c.most < 0 || c.consumed < c.most) && ctx.Err() == nil {
		fetches := c.reader.poll(ctx, 500)
		if err := c.reader.pollError(fetches); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			used := c.received(fetches)
			if !c.auto {
				c.commit(ctx, used)
			}
		}
		c.reader.done()
	}
	return nil
}

// commit stores the offsets behind what was used, and prints what came of it.
func (c *verifier) commit(ctx context.Context, used []committedPartition) {
	positions := map[topicPartition]kgo.EpochOffset{}
	for _, p := range used {
		positions[topicPartition{p.Topic, p.Partition}] = kgo.EpochOffset{Epoch: -1, Offset: p.Offset}
	}
	// A signal ends the reading, not a commit of what was read.
	err := c.reader.commit(context.WithoutCancel(ctx), positions)
	line := offsetsCommitted{event: newEvent("offsets_committed"), Offsets: used, Success: err == nil}
	if err != nil {
		text := err.Error()
		line.Error = &text
	}
	c.lines.print(line)
}

// received prints one poll: each record if asked, and a summary. It returns the offsets behind the records that it used.
func (c *verifier) received(fetches kgo.Fetches) (used []committedPartition) {
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
		last := records[len(records)-1]
		used = append(used, committedPartition{p.Topic, p.Partition, last.Offset + 1})
		c.reader.used(last)
		summary.Partitions = append(summary.Partitions, consumedPartition{p.Topic, p.Partition, int64(len(records)),
			records[0].Offset, last.Offset})
		for _, r := range records {
			if c.verbose {
				c.lines.printQuietly(recordData{newEvent("record_data"), optional(r.Key), optional(r.Value), r.Topic,
					r.Partition, r.Offset})
			}
		}
	})
	summary.Timestamp = newEvent("").Timestamp
	c.lines.print(summary)
	return used
}

func optional(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}
