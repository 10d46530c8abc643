package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const consoleProducerExamples = `
echo hello | milena console-producer --bootstrap-server localhost:9092 --topic greetings
milena console-producer --bootstrap-server localhost:9092 --topic greetings --reader-property parse.key=true --reader-property key.separator=:
milena console-producer --bootstrap-server localhost:9092 --topic greetings --compression-codec zstd < FILE`

const readerPropertyHelp = `Property of the line reader, key=value:
parse.key=false, key.separator=\t, parse.headers=false, headers.delimiter=\t, headers.separator=,,
headers.key.separator=:, ignore.error=false, null.marker= (fields that equal it are null).
A line is [headers DELIMITER] [key SEPARATOR] value.`

func consoleProducerOptions() *Options {
	return NewOptions(
		Option{Name: "batch-size", Arg: "size", Kind: Int, Default: "16384",
			Help: "Bytes of a partition's records that are gathered before they leave (batch.size)."},
		Option{Name: "bootstrap-server", Arg: "server to connect to", Required: true,
			Help: "Brokers to begin with: HOST1:PORT1,HOST2:PORT2."},
		Option{Name: "broker-list", Arg: "broker-list", Hidden: true, Help: "The older name of --bootstrap-server."},
		Option{Name: "command-config", Arg: "config file",
			Help: "Properties file with settings of the producer; --command-property comes before it."},
		Option{Name: "command-property", Arg: "producer_prop", Many: true, Help: "Setting of the producer, key=value."},
		Option{Name: "compression-codec", Arg: "compression-codec", Optional: true,
			Help: "none, gzip, snappy, lz4 or zstd; gzip when no codec is named."},
		Option{Name: "line-reader", Arg: "reader_class", Default: "org.apache.kafka.tools.LineMessageReader",
			Help: "Class that reads records from standard input; only Kafka's own is there."},
		Option{Name: "max-block-ms", Arg: "max block on send", Kind: Long, Default: "60000",
			Help: "How long to look for the topic and its brokers."},
		Option{Name: "max-memory-bytes", Arg: "total memory in bytes", Kind: Long, Default: "33554432",
			Help: "Memory for records that wait to be sent (buffer.memory)."},
		Option{Name: "max-partition-memory-bytes", Arg: "memory in bytes per partition", Kind: Int, Default: "16384",
			Help: "Deprecated: --batch-size."},
		Option{Name: "message-send-max-retries", Arg: "retries", Kind: Int, Default: "3",
			Help: "How often a record is sent again (retries)."},
		Option{Name: "metadata-expiry-ms", Arg: "metadata expiration interval", Kind: Long, Default: "300000",
			Help: "How long metadata is good for (metadata.max.age.ms)."},
		Option{Name: "producer-property", Arg: "producer_prop", Many: true, Help: "Deprecated: --command-property."},
		Option{Name: "producer.config", Arg: "config file", Help: "Deprecated: --command-config."},
		Option{Name: "property", Arg: "prop", Many: true, Help: "Deprecated: --reader-property."},
		Option{Name: "reader-config", Arg: "config file",
			Help: "Properties file of the line reader; --reader-property comes before it."},
		Option{Name: "reader-property", Arg: "prop", Many: true, Help: readerPropertyHelp},
		Option{Name: "request-required-acks", Arg: "request required acks", Default: "-1",
			Help: "Who must have a record before it counts as written: 0, 1, all or -1 (acks)."},
		Option{Name: "request-timeout-ms", Arg: "request timeout ms", Kind: Int, Default: "1500",
			Help: "How long the broker may take for a request (request.timeout.ms)."},
		Option{Name: "retry-backoff-ms", Arg: "ms", Kind: Long, Default: "100",
			Help: "Pause before a record is sent again (retry.backoff.ms)."},
		Option{Name: "socket-buffer-size", Arg: "size", Kind: Int, Default: "102400",
			Help: "Send buffer of the connection (send.buffer.bytes)."},
		Option{Name: "sync", Help: "Wait for each record to be acknowledged before the next is read."},
		Option{Name: "timeout", Arg: "timeout_ms", Kind: Long, Default: "1000",
			Help: "How long a record may wait for company in its batch (linger.ms)."},
		Option{Name: "topic", Arg: "topic", Required: true, Help: "The topic to write to."},
	)
}

// runConsoleProducer is kafka-console-producer.sh.
func runConsoleProducer(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to read data from standard input and publish it to Kafka."); err != nil {
		return err
	}
	if err := checkConsoleProducer(env, v); err != nil {
		return err
	}
	p, err := producerProperties(v)
	if err != nil {
		return err
	}
	reader, err := consoleReader(env, v)
	if err != nil {
		return err
	}
	client, err := env.newClient(producerClient, p, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(20))
	if err != nil {
		return Exitf(1, "%s", javaError(err))
	}
	defer client.Close()
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- env.produceLines(ctx, client, reader, v) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		// The reader may hang in a read; what was read is sent.
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = client.Flush(flush)
		return interrupted(ctx)
	}
	return err
}

// checkConsoleProducer refuses options that do not go together and warns of old ones.
func checkConsoleProducer(env *Env, v *Values) error {
	if err := v.Require("topic"); err != nil {
		return err
	}
	if err := v.exclusive([][2]string{{"command-property", "producer-property"}, {"command-config", "producer.config"},
		{"reader-property", "property"}}); err != nil {
		return err
	}
	env.deprecated(v, "Warning: --%s is deprecated and will be removed in a future version. Use --%s instead.\n", [][2]string{
		{"property", "reader-property"}, {"producer-property", "command-property"}, {"producer.config", "command-config"}})
	env.deprecated(v, "Warning: --%s is deprecated and will be removed in Apache Kafka 5.0. Use --%s instead.\n",
		[][2]string{{"max-partition-memory-bytes", "batch-size"}})
	return checkBootstrap(bootstrapOf(v))
}

// exclusive refuses two options that are the new and the old name of one thing, given together.
func (v *Values) exclusive(pairs [][2]string) error {
	for _, pair := range pairs {
		if v.Has(pair[0]) && v.Has(pair[1]) {
			return Usagef("Options --%s and --%s cannot be specified together.", pair[0], pair[1])
		}
	}
	return nil
}

// deprecated warns, on standard output as Kafka does, of the old names of options.
func (env *Env) deprecated(v *Values, format string, pairs [][2]string) {
	for _, pair := range pairs {
		if v.Has(pair[0]) {
			env.printf(format, pair[0], pair[1])
		}
	}
}

// bootstrapOf is --bootstrap-server, or --broker-list as it was called before.
func bootstrapOf(v *Values) string {
	if !v.Has("bootstrap-server") {
		return v.Value("broker-list")
	}
	return v.Value("bootstrap-server")
}

// configFileOf is --command-config, or the option of that older name.
func configFileOf(v *Values, older string) string {
	return cmp.Or(v.Value("command-config"), v.Value(older))
}

// checkBootstrap refuses, in the producing tools' words, what is no list of HOST:PORT.
func checkBootstrap(list string) error {
	if list == "" {
		return Usage("Error while validating the bootstrap address\n")
	}
	for _, address := range strings.Split(list, ",") {
		colon := strings.LastIndexByte(address, ':')
		port := address[colon+1:]
		if _, err := strconv.Atoi(port); colon < 1 || err != nil {
			return Usage("Please provide valid host:port like host1:9091,host2:9092\n")
		}
	}
	return nil
}

// producerProperties are the producer's settings: file, then properties, then options that were given.
func producerProperties(v *Values) (*Properties, error) {
	p, err := loadProperties(configFileOf(v, "producer.config"))
	if err != nil {
		return nil, err
	}
	p.SetPairs(append(v.All("producer-property"), v.All("command-property")...))
	p.Set("bootstrap.servers", bootstrapOf(v))
	codec := "none"
	if v.Has("compression-codec") {
		if codec = v.Value("compression-codec"); codec == "" {
			codec = "gzip"
		}
	}
	p.Set("compression.type", codec)
	p.Default("client.id", "console-producer")
	// Without --timeout a record waits for company only as long as nobody notices.
	p.Default("linger.ms", "5")
	p.Default("acks", v.Value("request-required-acks"))
	for _, merge := range [][2]string{{"timeout", "linger.ms"}, {"request-required-acks", "acks"},
		{"request-timeout-ms", "request.timeout.ms"}, {"max-memory-bytes", "buffer.memory"}, {"batch-size", "batch.size"},
		{"max-partition-memory-bytes", "batch.size"}, {"metadata-expiry-ms", "metadata.max.age.ms"}} {
		if v.Has(merge[0]) {
			p.Set(merge[1], v.Value(merge[0]))
		}
	}
	// max.block.ms bounds the wait for the topic, delivery.timeout.ms all of a record's life; here one clock serves both.
	p.Default("delivery.timeout.ms", strconv.FormatInt(max(v.Int("max-block-ms"), 1000), 10))
	p.Default("default.api.timeout.ms", v.Value("max-block-ms"))
	return p, nil
}

func consoleReader(env *Env, v *Values) (*lineReader, error) {
	switch class := v.Value("line-reader"); class {
	case "org.apache.kafka.tools.LineMessageReader", "kafka.tools.ConsoleProducer$LineMessageReader", "LineMessageReader":
	default:
		return nil, Exitf(1, "java.lang.ClassNotFoundException: %s: there is only "+
			"org.apache.kafka.tools.LineMessageReader here", class)
	}
	p, err := loadProperties(v.Value("reader-config"))
	if err != nil {
		return nil, err
	}
	p.SetPairs(append(v.All("property"), v.All("reader-property")...))
	return newLineReader(env.Stdin, v.Value("topic"), p)
}

// produceLines sends a record for each line until the input ends.
func (env *Env) produceLines(ctx context.Context, client *kgo.Client, reader *lineReader, v *Values) error {
	prompt := env.StdinTerminal && env.StdoutTerminal
	shown := env.newProgress("records read")
	defer shown.done()
	if env.StdinTerminal {
		shown.w = nil
	}
	sender := &recordSender{client: client, failed: func(r *kgo.Record, err error) {
		if ctx.Err() == nil {
			env.errorf("ERROR Error when sending message to topic %s with key: %s, value: %s with error: %s\n",
				r.Topic, lengthOf(r.Key), lengthOf(r.Value), javaError(fromClient(err)))
		}
	}}
	var failed error
	for read := int64(1); ctx.Err() == nil; read++ {
		shown.step(read)
		if prompt {
			env.printf(">")
		}
		record, err := reader.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			failed = err
			break
		}
		if v.Has("sync") {
			if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
				return Exitf(1, "java.util.concurrent.ExecutionException: %s", javaError(fromClient(err)))
			}
			continue
		}
		sender.send(ctx, record)
	}
	if err := sender.flush(ctx); err != nil && failed == nil {
		failed = err
	}
	return failed
}

func lengthOf(b []byte) string {
	if b == nil {
		return "null"
	}
	return strconv.Itoa(len(b)) + " bytes"
}

// fromClient turns the client library's error for a broker's answer into the tools' own, with Kafka's words.
func fromClient(err error) error {
	var answered *kerr.Error
	switch {
	case errors.As(err, &answered):
		return &apiError{code: answered.Code}
	case errors.Is(err, kgo.ErrRecordTimeout):
		return &timeoutError{"Expiring record: it has not been delivered in the time that delivery.timeout.ms allows"}
	}
	return err
}
