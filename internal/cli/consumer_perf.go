package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const consumerPerfExamples = `
milena consumer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 1000000
milena consumer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 1000000 --show-detailed-stats`

func consumerPerfOptions() *Options {
	return NewOptions(
		Option{Name: "bootstrap-server", Arg: "server to connect to", Required: true,
			Help: "Brokers to begin with: HOST1:PORT1,HOST2:PORT2."},
		Option{Name: "broker-list", Arg: "broker-list", Hidden: true, Help: "The older name of --bootstrap-server."},
		Option{Name: "command-config", Arg: "config file", Help: "Properties file with settings of the consumer."},
		Option{Name: "command-property", Arg: "prop1=val1", Many: true,
			Help: "Setting of the consumer, which comes before those of --command-config."},
		Option{Name: "consumer.config", Arg: "config file", Help: "Deprecated: --command-config."},
		Option{Name: "date-format", Arg: "date format", Default: "yyyy-MM-dd HH:mm:ss:SSS",
			Help: "How times are printed, as Java's SimpleDateFormat has it."},
		Option{Name: "fetch-size", Arg: "size", Kind: Int, Default: "1048576", Help: "Bytes of one partition in one fetch."},
		Option{Name: "from-latest", Help: "Begin with the next record, not with the oldest one."},
		Option{Name: "group", Arg: "gid",
			Help: "Consumer group; not supported by this release: all partitions are read without one."},
		Option{Name: "hide-header", Help: "Print no header."},
		Option{Name: "include", Arg: "Java regex (String)", Help: "Topics to read, as a regular expression."},
		Option{Name: "messages", Arg: "count", Kind: Long, Help: "Deprecated: --num-records."},
		Option{Name: "num-records", Arg: "count", Kind: Long, Required: true, Help: "How many records to read."},
		Option{Name: "num-fetch-threads", Arg: "count", Kind: Int, Hidden: true, Help: "Was how many threads to use."},
		Option{Name: "threads", Arg: "count", Kind: Int, Hidden: true, Help: "Was how many threads to use."},
		Option{Name: "print-metrics", Help: "Print the client's metrics at the end."},
		Option{Name: "reporting-interval", Arg: "interval_ms", Kind: Long, Default: "5000",
			Help: "Milliseconds between lines of progress."},
		Option{Name: "show-detailed-stats", Help: "Print a line for each reporting interval."},
		Option{Name: "socket-buffer-size", Arg: "size", Kind: Int, Default: "2097152", Help: "Receive buffer of the connection."},
		Option{Name: "timeout", Arg: "milliseconds", Kind: Long, Optional: true, Default: "10000",
			Help: "Stop when no record comes for so long."},
		Option{Name: "topic", Arg: "topic", Help: "The topic to read."},
	)
}

// runConsumerPerf is kafka-consumer-perf-test.sh, over all partitions, without a group.
func runConsumerPerf(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool is used to verify the consumer performance."); err != nil {
		return err
	}
	p, err := consumerPerfProperties(env, v)
	if err != nil {
		return err
	}
	reset := kgo.NewOffset().AtStart()
	if v.Has("from-latest") {
		reset = kgo.NewOffset().AtEnd()
	}
	bytes := newByteCount()
	opts := []kgo.Opt{kgo.ConsumeResetOffset(reset), kgo.WithHooks(bytes)}
	if v.Has("topic") {
		opts = append(opts, kgo.ConsumeTopics(v.Value("topic")), kgo.AllowAutoTopicCreation())
	} else {
		filter, err := topicFilter(v.Value("include"))
		if err != nil {
			return err
		}
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(filter.String()))
	}
	client, err := env.newClient(consumerClient, p, opts...)
	if err != nil {
		return errors.New(javaError(err))
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	run := &readRun{env: env, client: client, records: v.Int("num-records"), detailed: v.Has("show-detailed-stats"),
		layout: goLayout(v.Value("date-format")), idle: time.Duration(v.Int("timeout")) * time.Millisecond,
		interval: time.Duration(v.Int("reporting-interval")) * time.Millisecond}
	if v.Has("messages") {
		run.records = v.Int("messages")
	}
	if !v.Has("hide-header") {
		run.printHeader()
	}
	err = run.run(ctx)
	client.Close()
	if v.Has("print-metrics") {
		bytes.print(env.Stdout, p.Value("client.id", ""))
	}
	if err == nil && ctx.Err() != nil {
		return interrupted(ctx)
	}
	return err
}

// consumerPerfProperties checks the options and gathers the consumer's settings.
func consumerPerfProperties(env *Env, v *Values) (*Properties, error) {
	if v.Has("messages") == v.Has("num-records") {
		return nil, Usage("Exactly one of the following arguments is required: [messages], [num-records]")
	}
	if v.Has("topic") == v.Has("include") {
		return nil, Usage("Exactly one of the following arguments is required: [topic], [include]")
	}
	if err := v.exclusive([][2]string{{"command-config", "consumer.config"}}); err != nil {
		return nil, err
	}
	if bootstrapOf(v) == "" {
		return nil, v.Require("bootstrap-server")
	}
	env.deprecated(v, "Warning: --%s is deprecated. Use --%s instead.\n", [][2]string{{"messages", "num-records"},
		{"consumer.config", "command-config"}})
	if v.Has("group") {
		return nil, errNoGroups
	}
	file := v.Value("command-config")
	if file == "" {
		file = v.Value("consumer.config")
	}
	p, err := loadProperties(file)
	if err != nil {
		return nil, err
	}
	p.SetPairs(v.All("command-property"))
	p.Set("bootstrap.servers", bootstrapOf(v))
	p.Set("max.partition.fetch.bytes", v.Value("fetch-size"))
	p.Set("check.crcs", "false")
	p.Default("client.id", "perf-consumer-client")
	p.Default("fetch.max.wait.ms", "500")
	return p, nil
}

// readRun is one measurement.
type readRun struct {
	env            *Env
	client         *kgo.Client
	records        int64
	detailed       bool
	layout         string
	idle, interval time.Duration

	read, bytes         int64
	lastRead, lastBytes int64
	start, reported     time.Time
}

func (r *readRun) printHeader() {
	head := "start.time, end.time"
	if r.detailed {
		head = "time, threadId"
	}
	r.env.println(head + ", data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, " +
		"rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec")
}

func (r *readRun) run(ctx context.Context) error {
	r.start = time.Now()
	r.reported = r.start
	for r.read < r.records && ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, r.idle)
		fetches := r.client.PollFetches(poll)
		cancel()
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
				return fmt.Errorf("%s-%d: %s", e.Topic, e.Partition, javaError(fromClient(e.Err)))
			}
		}
		if fetches.NumRecords() == 0 && ctx.Err() == nil {
			break
		}
		fetches.EachRecord(func(record *kgo.Record) {
			r.read++
			r.bytes += int64(len(record.Key) + len(record.Value))
		})
		if now := time.Now(); now.Sub(r.reported) >= r.interval {
			r.progress(now)
		}
	}
	if r.read < r.records && ctx.Err() == nil {
		r.env.printf("WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. "+
			"You can use the --timeout option to increase the timeout.\n", r.idle.Milliseconds())
	}
	if !r.detailed {
		r.summary(time.Now())
	}
	return nil
}

// progress prints the interval's line, if such lines are wanted.
func (r *readRun) progress(now time.Time) {
	elapsed := now.Sub(r.reported)
	if r.detailed {
		mb := float64(r.bytes-r.lastBytes) / (1 << 20) / elapsed.Seconds()
		records := float64(r.read-r.lastRead) / elapsed.Seconds()
		r.env.printf("%s, 0, %.4f, %.4f, %d, %.4f, 0, %d, %.4f, %.4f\n", r.time(now), float64(r.bytes)/(1<<20), mb, r.read, records,
			elapsed.Milliseconds(), mb, records)
	}
	r.reported, r.lastRead, r.lastBytes = now, r.read, r.bytes
}

// summary prints the last line. Without a group nothing is spent on rebalances.
func (r *readRun) summary(end time.Time) {
	elapsed := max(end.Sub(r.start), time.Millisecond)
	mb := float64(r.bytes) / (1 << 20)
	r.env.printf("%s, %s, %.4f, %.4f, %d, %.4f, 0, %d, %.4f, %.4f\n", r.time(r.start), r.time(end), mb, mb/elapsed.Seconds(), r.read,
		float64(r.read)/elapsed.Seconds(), elapsed.Milliseconds(), mb/elapsed.Seconds(), float64(r.read)/elapsed.Seconds())
}

// time prints t; milliseconds stand in the layout as the mark that goLayout left.
func (r *readRun) time(t time.Time) string {
	return strings.ReplaceAll(t.Format(r.layout), millisMark, fmt.Sprintf("%03d", t.Nanosecond()/1e6))
}

const millisMark = "\x00"

// goLayout turns a Java SimpleDateFormat into Go's, as far as letters go that a clock has.
func goLayout(java string) string {
	replacer := strings.NewReplacer("yyyy", "2006", "yy", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1",
		"dd", "02", "d", "2",
		"HH", "15", "hh", "03", "h", "3", "mm", "04", "m", "4", "ss", "05", "SSS", millisMark, "s", "5", "a", "PM", "EEEE", "Monday",
		"EEE", "Mon", "Z", "-0700", "XXX", "Z07:00", "z", "MST", "''", "'", "'", "")
	return replacer.Replace(java)
}
