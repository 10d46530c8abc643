package cli

import (
	"bufio"
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
milena console-consumer --bootstrap-server localhost:9092 --topic greetings --group readers --command-property group.protocol=consumer
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
				"org.apache.kafka.tools.consumer; for internal topics OffsetsMessageFormatter, GroupMetadataMessageFormatter, " +
				"TransactionLogMessageFormatter."},
		Option{Name: "formatter-config", Arg: "config file",
			Help: "Properties file of the formatter; --formatter-property comes before it."},
		Option{Name: "formatter-property", Arg: "prop", Many: true, Help: formatterPropertyHelp},
		Option{Name: "from-beginning", Help: "Begin with the oldest record there is, not with the next one."},
		Option{Name: "group", Arg: "consumer group id", Help: "Consumer group, whose members share the partitions and whose offsets are stored; " +
			"a new one by itself, whose offsets are not."},
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

// runConsoleConsumer is kafka-console-consumer.sh.
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
	topics, err := consumerTopics(v, p)
	if err != nil {
		return err
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	reader, err := env.openConsumer(ctx, p, *topics, nil, nil)
	if err != nil {
		return Exitf(1, "%s", javaError(err))
	}
	c := &console{env: env, reader: reader, format: format, skip: v.Has("skip-message-on-error"), most: math.MaxInt64, idleMs: -1}
	if v.Has("max-messages") && v.Int("max-messages") != -1 {
		c.most = v.Int("max-messages")
	}
	if v.Has("timeout-ms") {
		c.idleMs = v.Int("timeout-ms")
	}
	err = c.consume(ctx)
	reader.close()
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
	file := configFileOf(v, "consumer.config")
	p, err := loadProperties(file)
	if err != nil {
		return nil, err
	}
	p.SetPairs(append(v.All("consumer-property"), v.All("command-property")...))
	if err := settleGroup(v, p, file); err != nil {
		return nil, err
	}
	if reset, ok := p.Get("auto.offset.reset"); ok && v.Has("from-beginning") && reset != "earliest" {
		return nil, Exitf(1, "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please "+
			"remove one option", reset)
	}
	if v.Has("from-beginning") {
		p.Set("auto.offset.reset", "earliest")
	}
	p.Default("auto.offset.reset", "latest")
	p.Set("bootstrap.servers", v.Value("bootstrap-server"))
	p.Default("client.id", "console-consumer")
	if v.Has("isolation-level") {
		p.Set("isolation.level", v.Value("isolation-level"))
	}
	p.Default("isolation.level", "read_uncommitted")
	p.Default("fetch.max.wait.ms", "500")
	return p, nil
}

// settleGroup settles the group: the one of --group or group.id, which have to agree, or one made up for this run, of which no
// offsets are stored. A single partition is read without a group.
func settleGroup(v *Values, p *Properties, file string) error {
	var ids []string
	add := func(id string, given bool) {
		if given && !contains(ids, id) {
			ids = append(ids, id)
		}
	}
	add(v.Value("group"), v.Has("group"))
	pairs := newProperties()
	pairs.SetPairs(append(v.All("consumer-property"), v.All("command-property")...))
	id, given := pairs.Get("group.id")
	add(id, given)
	if file != "" {
		settings, err := loadProperties(file)
		if err != nil {
			return err
		}
		id, given = settings.Get("group.id")
		add(id, given)
	}
	if len(ids) > 1 {
		return Usagef("The group ids provided in different places (directly using '--group', via '--consumer-property', or via "+
			"'--consumer.config') do not match. Detected group ids: '%s'", strings.Join(javaHashOrder(ids), "', '"))
	}
	switch {
	case len(ids) == 1 && v.Has("partition"):
		return Usage("Options group and partition cannot be specified together.")
	case len(ids) == 1 && ids[0] == "":
		return Exitf(1, "ERROR Unknown error when running consumer: org.apache.kafka.common.errors.InvalidGroupIdException: To use the "+
			"group management or offset commit APIs, you must provide a valid group.id in the consumer configuration.")
	case len(ids) == 1:
		p.Set("group.id", ids[0])
	case !v.Has("partition"):
		p.Set("group.id", generatedGroup("console-consumer-"))
		p.Default("enable.auto.commit", "false")
	}
	return nil
}

// consumerTopics is what to read and, for a single partition, from where.
func consumerTopics(v *Values, p *Properties) (*topicChoice, error) {
	choice := &topicChoice{topic: v.Value("topic"), include: v.Value("include"), partition: noPartition}
	if choice.include == "" {
		choice.include = v.Value("whitelist")
	}
	if !v.Has("partition") {
		return choice, nil
	}
	choice.partition, choice.offset = int32(v.Int("partition")), kgo.NewOffset().AtEnd()
	if v.Has("from-beginning") {
		choice.offset = kgo.NewOffset().AtStart()
	}
	if v.Has("offset") {
		switch text := v.Value("offset"); strings.ToLower(text) {
		case "earliest":
			choice.offset = kgo.NewOffset().AtStart()
		case "latest":
		default:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return nil, Usagef("The provided offset value '%s' is incorrect. Valid values are 'earliest', "+
					"'latest', or a non-negative long.", text)
			}
			choice.offset = kgo.NewOffset().At(n)
		}
	}
	return choice, nil
}

// console reads and prints until it has enough, nothing more comes, or somebody interrupts.
type console struct {
	env    *Env
	reader *consumer
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
		fetches := c.reader.poll(poll, int(min(c.most-c.printed, 10_000)))
		ended := poll.Err() != nil
		cancel()
		if err := c.reader.pollError(fetches); err != nil {
			return Exitf(1, "ERROR Error processing message, terminating consumer process: %v", err)
		}
		if fetches.NumRecords() == 0 && ended {
			return nil
		}
		if ended, err := c.print(out, fetches); ended || err != nil {
			return err
		}
		c.reader.done()
		// What came is shown before more is waited for.
		if c.reader.client.BufferedFetchRecords() == 0 || c.env.StdoutTerminal {
			if err := out.Flush(); err != nil {
				c.env.errorf("Unable to write to standard out, closing consumer.\n")
				return nil
			}
		}
	}
	return nil
}

// print prints what a poll brought. It ends early when nobody reads the output.
func (c *console) print(out *bufio.Writer, fetches kgo.Fetches) (ended bool, err error) {
	for records := fetches.RecordIter(); !records.Done(); {
		r := records.Next()
		c.printed++
		err := c.format.write(out, r)
		var unreadable *fieldError
		switch {
		case errors.As(err, &unreadable) && c.skip:
			c.env.errorf("ERROR Error processing message, skipping this message: %v\n", err)
		case errors.As(err, &unreadable):
			return true, Exitf(1, "ERROR Unknown error when running consumer: "+
				"org.apache.kafka.common.errors.SerializationException: %v", err)
		case err != nil:
			c.env.errorf("Unable to write to standard out, closing consumer.\n")
			return true, nil
		}
		c.reader.used(r)
	}
	return false, nil
}
