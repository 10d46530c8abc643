package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const consumerPerfExamples = `
milena consumer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 1000000
milena consumer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 1000000 --group readers
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
			Help: "Consumer group; perf-consumer-NNNNN by itself."},
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

// runConsumerPerf is kafka-consumer-perf-test.sh.
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
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	bytes := newByteCount()
	run := &readRun{env: env, records: v.Int("num-records"), detailed: v.Has("show-detailed-stats"),
		owned:  map[topicPartition]bool{},
		layout: goLayout(v.Value("date-format")), idle: time.Duration(v.Int("timeout")) * time.Millisecond,
		interval: time.Duration(v.Int("reporting-interval")) * time.Millisecond}
	if v.Has("messages") {
		run.records = v.Int("messages")
	}
	if !v.Has("hide-header") {
		run.printHeader()
	}
	run.start = time.Now()
	run.joinBegan = run.start
	choice := topicChoice{topic: v.Value("topic"), include: v.Value("include"), partition: noPartition}
	run.reader, err = env.openConsumer(ctx, p, choice, run.assigned, run.revoked, kgo.WithHooks(bytes))
	if err != nil {
		return errors.New(javaError(err))
	}
	err = run.run(ctx)
	run.reader.close()
	if err == nil && !run.detailed {
		run.summary()
	}
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
	p, err := loadProperties(configFileOf(v, "consumer.config"))
	if err != nil {
		return nil, err
	}
	p.SetPairs(v.All("command-property"))
	p.Set("bootstrap.servers", bootstrapOf(v))
	p.Set("max.partition.fetch.bytes", v.Value("fetch-size"))
	p.Set("check.crcs", "false")
	p.Set("group.id", generatedGroup("perf-consumer-"))
	if v.Has("group") {
		p.Set("group.id", v.Value("group"))
	}
	p.Set("auto.offset.reset", "earliest")
	if v.Has("from-latest") {
		p.Set("auto.offset.reset", "latest")
	}
	p.Default("client.id", "perf-consumer-client")
	p.Default("fetch.max.wait.ms", "500")
	return p, nil
}

// readRun is one measurement.
type readRun struct {
	env            *Env
	reader         *consumer
	records        int64
	detailed       bool
	layout         string
	idle, interval time.Duration

	read, bytes         int64
	lastRead, lastBytes int64
	start, end          time.Time
	reported            time.Time

	// mu guards what callbacks of the group change: what is assigned, since when nothing has been, and how long that took in all
	// and in this interval.
	mu               sync.Mutex
	owned            map[topicPartition]bool
	joinBegan        time.Time
	joined, joinedIn time.Duration
}

// revoked begins to measure a rebalance when no partition is left.
func (r *readRun) revoked(partitions []topicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tp := range partitions {
		delete(r.owned, tp)
	}
	if len(r.owned) == 0 {
		r.joinBegan = time.Now()
	}
}

// assigned ends the measuring of a rebalance.
func (r *readRun) assigned(partitions []topicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.owned) == 0 {
		took := time.Since(r.joinBegan)
		r.joined += took
		r.joinedIn += took
	}
	for _, tp := range partitions {
		r.owned[tp] = true
	}
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
	r.reported = r.start
	for r.read < r.records && ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, r.idle)
		fetches := r.reader.poll(poll, 0)
		cancel()
		if err := r.reader.pollError(fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 && ctx.Err() == nil {
			break
		}
		fetches.EachRecord(func(record *kgo.Record) {
			r.read++
			r.bytes += int64(len(record.Key) + len(record.Value))
			r.reader.used(record)
		})
		r.reader.done()
		if now := time.Now(); now.Sub(r.reported) >= r.interval {
			r.progress(now)
		}
	}
	if r.read < r.records && ctx.Err() == nil {
		r.env.printf("WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. "+
			"You can use the --timeout option to increase the timeout.\n", r.idle.Milliseconds())
	}
	r.end = time.Now()
	return nil
}

// progress prints the interval's line, if such lines are wanted.
func (r *readRun) progress(now time.Time) {
	elapsed := max(now.Sub(r.reported), time.Millisecond)
	r.mu.Lock()
	joined := r.joinedIn
	r.joinedIn = 0
	r.mu.Unlock()
	if r.detailed {
		mb, records := float64(r.bytes-r.lastBytes)/(1<<20), float64(r.read-r.lastRead)
		r.env.printf("%s, 0, %.4f, %.4f, %d, %.4f, %s\n", r.time(now), float64(r.bytes)/(1<<20), mb/elapsed.Seconds(), r.read,
			records/elapsed.Seconds(), fetchColumns(joined, elapsed, mb, records))
	}
	r.reported, r.lastRead, r.lastBytes = now, r.read, r.bytes
}

// fetchColumns are the time that rebalances took, what was left for fetching, and the rates in that.
func fetchColumns(joined, elapsed time.Duration, mb, records float64) string {
	fetching := elapsed - joined
	rate := func(n float64) float64 {
		if fetching.Milliseconds() <= 0 {
			return 0
		}
		return n / fetching.Seconds()
	}
	return fmt.Sprintf("%d, %d, %.4f, %.4f", joined.Milliseconds(), elapsed.Milliseconds()-joined.Milliseconds(), rate(mb), rate(records))
}

// summary prints the last line.
func (r *readRun) summary() {
	elapsed := max(r.end.Sub(r.start), time.Millisecond)
	mb := float64(r.bytes) / (1 << 20)
	r.mu.Lock()
	joined := r.joined
	r.mu.Unlock()
	r.env.printf("%s, %s, %.4f, %.4f, %d, %.4f, %s\n", r.time(r.start), r.time(r.end), mb, mb/elapsed.Seconds(), r.read,
		float64(r.read)/elapsed.Seconds(), fetchColumns(joined, elapsed, mb, float64(r.read)))
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
