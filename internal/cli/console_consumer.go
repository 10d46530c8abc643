package cli

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const consoleConsumerExamples = `
milena console-consumer --bootstrap-server localhost:9092 --topic greetings --from-beginning
milena console-consumer --bootstrap-server localhost:9092 --topic greetings --partition 0 --offset 42 --max-messages 1
milena console-consumer --bootstrap-server localhost:9092 --include 'logs-.*' --formatter-property print.key=true --formatter-property print.timestamp=true`

const formatterPropertyHelp = `Property of the formatter, key=value:
print.timestamp, print.key, print.offset, print.delivery, print.epoch, print.partition, print.headers=false, print.value=true,
key.separator=\t, line.separator=\n, headers.separator=,, null.literal=null, key.deserializer, value.deserializer,
headers.deserializer.`

func consoleConsumerOptions() *Options {
	return NewOptions(
		Option{Name: "bootstrap-server", Arg: "server to connect to", Required: true,
			Help: "Brokers to begin with: HOST1:PORT1,HOST2:PORT2."},
		Option{Name: "command-config", Arg: "config file",
			Help: "Properties file with settings of the consumer; --command-property comes before it."},
		Option{Name: "command-property", Arg: "consumer_prop", Many: true, Help: "Setting of the consumer, key=value."},
		Option{Name: "consumer-property", Arg: "consumer_prop", Many: true, Help: "Deprecated: --command-property."},
		Option{Name: "consumer.config", Arg: "config file", Help: "Deprecated: --command-config."},
		Option{Name: "enable-systest-events", Help: "Also print what happens to the consumer."},
		Option{Name: "formatter", Arg: "class", Default: "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
			Help: "What prints records: DefaultMessageFormatter, LoggingMessageFormatter or NoOpMessageFormatter of " +
				"org.apache.kafka.tools.consumer."},
		Option{Name: "formatter-config", Arg: "config file",
			Help: "Properties file of the formatter; --formatter-property comes before it."},
		Option{Name: "formatter-property", Arg: "prop", Many: true, Help: formatterPropertyHelp},
		Option{Name: "from-beginning", Help: "Begin with the oldest record there is, not with the next one."},
		Option{Name: "group", Arg: "consumer group id", Help: "Consumer group; not supported by this release."},
		Option{Name: "include", Arg: "Java regex (String)", Help: "Topics to read, as a regular expression."},
		Option{Name: "whitelist", Arg: "Java regex (String)", Hidden: true, Help: "The older name of --include."},
		Option{Name: "isolation-level", Arg: "level", Default: "read_uncommitted",
			Help: "read_committed leaves out what aborted transactions wrote; or read_uncommitted."},
		Option{Name: "key-deserializer", Arg: "deserializer for keys",
			Help: "Java class that turns keys into text: …serialization.LongDeserializer."},
		Option{Name: "max-messages", Arg: "num_messages", Kind: Int, Help: "Stop after so many records."},
		Option{Name: "offset", Arg: "consume offset", Default: "latest",
			Help: "With --partition: where to begin: a number, earliest or latest."},
		Option{Name: "partition", Arg: "partition", Kind: Int, Help: "The one partition to read."},
		Option{Name: "property", Arg: "prop", Many: true, Help: "Deprecated: --formatter-property."},
		Option{Name: "skip-message-on-error", Help: "Leave out a record that cannot be printed, and go on."},
		Option{Name: "timeout-ms", Arg: "timeout_ms", Kind: Long, Help: "Stop when no record comes for so long."},
		Option{Name: "topic", Arg: "topic", Help: "The topic to read."},
		Option{Name: "value-deserializer", Arg: "deserializer for values", Help: "Java class that turns values into text."},
	)
}

// runConsoleConsumer is kafka-console-consumer.sh, by partition and offset, without groups.
func runConsoleConsumer(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to read data from Kafka topics and outputs it to standard output."); err != nil {
		return err
	}
	format, err := consumerFormatter(env, v)
	if err != nil {
		return err
	}
	p, err := consumerProperties(env, v)
	if err != nil {
		return err
	}
	start, err := consumerStart(v, p)
	if err != nil {
		return err
	}
	client, err := env.newClient(consumerClient, p, start...)
	if err != nil {
		return Exitf(1, "%s", javaError(err))
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	c := &console{env: env, client: client, format: format, skip: v.Has("skip-message-on-error"), most: math.MaxInt64, idleMs: -1}
	if v.Has("max-messages") && v.Int("max-messages") >= 0 {
		c.most = v.Int("max-messages")
	}
	if v.Has("timeout-ms") {
		c.idleMs = v.Int("timeout-ms")
	}
	err = c.consume(ctx)
	client.Close()
	env.errorf("Processed a total of %d messages\n", c.printed)
	if v.Has("enable-systest-events") {
		env.println("shutdown_complete")
	}
	if err == nil && ctx.Err() != nil {
		return interrupted(ctx)
	}
	return err
}

// consumerFormatter checks what belongs to printing.
func consumerFormatter(env *Env, v *Values) (formatter, error) {
	if v.Has("topic") == (v.Has("include") || v.Has("whitelist")) {
		return nil, Usage("Exactly one of the following arguments is required: [topic], [include]")
	}
	if err := v.exclusive([][2]string{{"property", "formatter-property"}, {"consumer-property", "command-property"},
		{"consumer.config", "command-config"}}); err != nil {
		return nil, err
	}
	env.deprecated(v, "Option --%s is deprecated and will be removed in a future version. Use --%s instead.\n", [][2]string{
		{"property", "formatter-property"}, {"consumer-property", "command-property"}, {"consumer.config", "command-config"}})
	p, err := loadProperties(v.Value("formatter-config"))
	if err != nil {
		return nil, err
	}
	for _, option := range []string{"key-deserializer", "value-deserializer"} {
		if v.Value(option) != "" {
			p.Set(strings.Replace(option, "-", ".", 1), v.Value(option))
		}
	}
	p.SetPairs(append(v.All("property"), v.All("formatter-property")...))
	return newFormatter(v.Value("formatter"), p, env.Stderr)
}

// consumerProperties are the consumer's settings: file, then properties, then options.
func consumerProperties(env *Env, v *Values) (*Properties, error) {
	if v.Has("partition") {
		if !v.Has("topic") {
			return nil, Usage("The topic is required when partition is specified.")
		}
		if v.Has("from-beginning") && v.Has("offset") {
			return nil, Usage("Options from-beginning and offset cannot be specified together.")
		}
	} else if v.Has("offset") {
		return nil, Usage("The partition is required when offset is specified.")
	}
	if err := v.Require("bootstrap-server"); err != nil {
		return nil, err
	}
	file := v.Value("command-config")
	if file == "" {
		file = v.Value("consumer.config")
	}
	p, err := loadProperties(file)
	if err != nil {
		return nil, err
	}
	p.SetPairs(append(v.All("consumer-property"), v.All("command-property")...))
	if _, ok := p.Get("group.id"); ok || v.Has("group") {
		if v.Has("partition") {
			return nil, Usage("Options group and partition cannot be specified together.")
		}
		return nil, errNoGroups
	}
	if reset, ok := p.Get("auto.offset.reset"); ok && v.Has("from-beginning") && reset != "earliest" {
		return nil, Exitf(1, "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please "+
			"remove one option", reset)
	}
	p.Set("bootstrap.servers", v.Value("bootstrap-server"))
	p.Default("client.id", "console-consumer")
	if v.Has("isolation-level") {
		p.Set("isolation.level", v.Value("isolation-level"))
	}
	p.Default("isolation.level", "read_uncommitted")
	p.Default("fetch.max.wait.ms", "500")
	return p, nil
}

var errNoGroups = errors.New("Consumer groups are not supported by this release: leave the group out to read all partitions, " +
	"or use --partition and --offset")

// consumerStart tells the client what to read and from where.
func consumerStart(v *Values, p *Properties) ([]kgo.Opt, error) {
	offset, reset := kgo.NewOffset().AtEnd(), kgo.NewOffset().AtEnd()
	if v.Has("from-beginning") || p.Value("auto.offset.reset", "") == "earliest" {
		reset = kgo.NewOffset().AtStart()
	}
	if v.Has("from-beginning") {
		offset = reset
	}
	if v.Has("offset") {
		switch text := v.Value("offset"); strings.ToLower(text) {
		case "earliest":
			offset = kgo.NewOffset().AtStart()
		case "latest":
		default:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return nil, Usagef("The provided offset value '%s' is incorrect. Valid values are 'earliest', "+
					"'latest', or a non-negative long.", text)
			}
			offset = kgo.NewOffset().At(n)
		}
	}
	opts := []kgo.Opt{kgo.ConsumeResetOffset(reset)}
	if p.True("allow.auto.create.topics", true) && v.Has("topic") {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	switch {
	case v.Has("partition"):
		return append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{v.Value("topic"): {int32(v.Int("partition")): offset}})), nil
	case v.Has("topic"):
		return append(opts, kgo.ConsumeTopics(v.Value("topic"))), nil
	}
	pattern := v.Value("include")
	if pattern == "" {
		pattern = v.Value("whitelist")
	}
	filter, err := topicFilter(pattern)
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(filter.String()))
	if p.True("exclude.internal.topics", true) {
		opts = append(opts, kgo.ConsumeExcludeTopics("^__consumer_offsets$", "^__transaction_state$", "^__share_group_state$"))
	}
	return opts, nil
}

// console reads and prints until it has enough, nothing more comes, or somebody interrupts.
type console struct {
	env    *Env
	client *kgo.Client
	format formatter
	skip   bool
	most   int64 // records to print
	idleMs int64 // how long to wait for the next record; negative: for ever

	printed int64
}

func (c *console) consume(ctx context.Context) error {
	out := c.env.Buffered()
	defer out.Flush()
	for c.printed < c.most {
		poll, cancel := ctx, context.CancelFunc(func() {})
		if c.idleMs >= 0 {
			poll, cancel = context.WithTimeout(ctx, time.Duration(c.idleMs)*time.Millisecond)
		}
		fetches := c.client.PollRecords(poll, 10_000)
		ended := poll.Err() != nil
		cancel()
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled) || errors.Is(e.Err,
				kgo.ErrClientClosed) {
				continue
			}
			return Exitf(1, "ERROR Error processing message, terminating consumer process: %s-%d: %s", e.Topic,
				e.Partition, javaError(fromClient(e.Err)))
		}
		if fetches.NumRecords() == 0 && ended {
			return nil
		}
		for records := fetches.RecordIter(); !records.Done() && c.printed < c.most; {
			r := records.Next()
			c.printed++
			err := c.format.write(out, r)
			var unreadable *fieldError
			switch {
			case errors.As(err, &unreadable) && c.skip:
				c.env.errorf("ERROR Error processing message, skipping this message: %v\n", err)
			case errors.As(err, &unreadable):
				return Exitf(1, "ERROR Unknown error when running consumer: "+
					"org.apache.kafka.common.errors.SerializationException: %v", err)
			case err != nil:
				c.env.errorf("Unable to write to standard out, closing consumer.\n")
				return nil
			}
		}
		// What came is shown before more is waited for.
		if c.client.BufferedFetchRecords() == 0 || c.env.StdoutTerminal {
			if err := out.Flush(); err != nil {
				c.env.errorf("Unable to write to standard out, closing consumer.\n")
				return nil
			}
		}
	}
	return nil
}
