package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const producerPerfExamples = `
milena producer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 1000000 --record-size 1024 --throughput -1
milena producer-perf-test --bootstrap-server localhost:9092 --topic load --num-records 60000 --record-size 100 --throughput 2000 --command-property acks=all`

func producerPerfOptions() *Options {
	o := NewArgparse("kafka-producer-perf-test", "This tool measures how fast records are written, and how long each takes.",
		Option{Name: "bootstrap-server", Arg: "BOOTSTRAP-SERVER",
			Help: "Brokers to begin with; comes before bootstrap.servers in properties."},
		Option{Name: "topic", Arg: "TOPIC", Required: true, Help: "The topic to write to."},
		Option{Name: "num-records", Arg: "NUM-RECORDS", Kind: Long, Required: true, Help: "How many records to write."},
		Option{Name: "payload-delimiter", Arg: "PAYLOAD-DELIMITER", Default: `\n`,
			Help: "What stands between the payloads in --payload-file."},
		Option{Name: "throughput", Arg: "THROUGHPUT", Kind: Double, Required: true,
			Help: "Records a second, approximately; -1 for as many as can be."},
		Option{Name: "producer-props", Arg: "PROP-NAME=PROP-VALUE", Plus: true, Help: "Deprecated: --command-property."},
		Option{Name: "command-property", Arg: "PROP-NAME=PROP-VALUE", Plus: true,
			Help: "Settings of the producer, which come before those of --command-config: linger.ms=10 batch.size=32768."},
		Option{Name: "producer.config", Arg: "CONFIG-FILE", Help: "Deprecated: --command-config."},
		Option{Name: "command-config", Arg: "CONFIG-FILE", Help: "Properties file with settings of the producer."},
		Option{Name: "print-metrics", Help: "Print the client's metrics at the end."},
		Option{Name: "transactional-id", Arg: "TRANSACTIONAL-ID", Help: "Write in transactions under this id."},
		Option{Name: "transaction-duration-ms", Arg: "TRANSACTION-DURATION", Kind: Long,
			Help: "How long each transaction is (3000)."},
		Option{Name: "warmup-records", Arg: "WARMUP-RECORDS", Kind: Long, Default: "0",
			Help: "So many records first do not count in a further line of results."},
		Option{Name: "reporting-interval", Arg: "INTERVAL-MS", Kind: Long, Default: "5000",
			Help: "Milliseconds between lines of progress."},
		Option{Name: "record-size", Arg: "RECORD-SIZE", Kind: Int, Help: "Bytes of each record."},
		Option{Name: "payload-file", Arg: "PAYLOAD-FILE", Help: "File with payloads, of which a random one is taken each time."},
		Option{Name: "payload-monotonic", Help: "The payload is the record's number."},
	)
	o.OneOf = [][]string{{"record-size", "payload-file", "payload-monotonic"}}
	return o
}

// runProducerPerf is kafka-producer-perf-test.sh.
func runProducerPerf(ctx context.Context, env *Env, args []string) error {
	options := producerPerfOptions()
	if len(args) == 0 {
		env.printArgparseHelp(env.Stdout, options)
		return nil
	}
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if v.Has("help") {
		env.printArgparseHelp(env.Stdout, options)
		return Exit(1)
	}
	p, err := producerPerfProperties(env, options, v)
	if err != nil {
		return err
	}
	load, err := newPayloads(env, v)
	if err != nil {
		return Exitf(1, "Exception in thread \"main\" java.lang.IllegalArgumentException: %v", err)
	}
	bytes := newByteCount()
	client, err := env.newClient(producerClient, p, perfProducerOpts(v, p, load, bytes)...)
	if err != nil {
		return Exitf(1, "Exception in thread \"main\" %s", javaError(err))
	}
	defer client.Close()
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	run := &perfRun{env: env, client: client, load: load, topic: v.Value("topic"), records: v.Int("num-records"),
		warmup: v.Int("warmup-records"), rate: v.Float("throughput")}
	if p.Value("transactional.id", "") != "" {
		run.transaction = 3 * time.Second
		if v.Has("transaction-duration-ms") {
			run.transaction = time.Duration(v.Int("transaction-duration-ms")) * time.Millisecond
		}
	}
	err = run.run(ctx, time.Duration(v.Int("reporting-interval"))*time.Millisecond)
	if v.Has("print-metrics") {
		bytes.print(env.Stdout, p.Value("client.id", ""))
	}
	if err == nil && ctx.Err() != nil {
		return interrupted(ctx)
	}
	return err
}

// producerPerfProperties checks the options that parse could not and gathers the producer's settings.
func producerPerfProperties(env *Env, o *Options, v *Values) (*Properties, error) {
	positive := []string{"num-records", "record-size", "transaction-duration-ms", "reporting-interval"}
	for _, name := range positive {
		if v.Has(name) && v.Int(name) <= 0 {
			return nil, o.fail("--%s should be greater than zero.", name)
		}
	}
	if v.Has("warmup-records") && (v.Int("warmup-records") < 0 || v.Int("warmup-records") >= v.Int("num-records")) {
		return nil, o.fail("The value for --warmup-records must be strictly fewer than the number of records in " +
			"the test, --num-records.")
	}
	if !v.Has("bootstrap-server") && !v.Has("command-property") && !v.Has("producer-props") && !v.Has("producer.config") &&
		!v.Has("command-config") {
		return nil, o.fail("At least one of --bootstrap-server, --command-property, --producer-props, " +
			"--producer.config or --command-config must be specified.")
	}
	for _, pair := range [][2]string{{"command-property", "producer-props"}, {"command-config", "producer.config"}} {
		if v.Has(pair[0]) && v.Has(pair[1]) {
			return nil, o.fail("--%s and --%s cannot be specified together.", pair[1], pair[0])
		}
		if v.Has(pair[1]) {
			env.printf("Option --%s has been deprecated and will be removed in a future version. Use --%s instead.\n",
				pair[1], pair[0])
		}
	}
	p, err := loadProperties(configFileOf(v, "producer.config"))
	if err != nil {
		return nil, err
	}
	for _, pair := range append(v.All("producer-props"), v.All("command-property")...) {
		if !strings.Contains(pair, "=") {
			return nil, Exitf(1, "Exception in thread \"main\" java.lang.IllegalArgumentException: Invalid property: %s", pair)
		}
		p.SetPairs([]string{pair})
	}
	if v.Has("bootstrap-server") {
		p.Set("bootstrap.servers", v.Value("bootstrap-server"))
	}
	p.Default("client.id", "perf-producer-client")
	p.Default("linger.ms", "5")
	p.Default("buffer.memory", "33554432")
	p.Default("delivery.timeout.ms", "120000")
	if v.Has("transactional-id") {
		p.Set("transactional.id", v.Value("transactional-id"))
	} else if v.Has("transaction-duration-ms") {
		p.Default("transactional.id", "performance-producer-"+rand.Text())
	}
	return p, nil
}

// perfProducerOpts sets what properties cannot: here the records' size is known, so batch.size can be the bound it is.
func perfProducerOpts(v *Values, p *Properties, load *payloads, bytes *byteCount) []kgo.Opt {
	batch, err := strconv.ParseInt(p.Value("batch.size", "16384"), 10, 32)
	if err != nil {
		batch = 16384
	}
	return []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(20), kgo.WithHooks(bytes),
		kgo.ProducerBatchMaxBytes(int32(min(max(batch, int64(load.largest)+128, 1024), 100<<20-4096)))}
}

// perfRun is one measurement.
type perfRun struct {
	env             *Env
	client          *kgo.Client
	load            *payloads
	topic           string
	records, warmup int64
	rate            float64
	transaction     time.Duration // zero: none
}

func (r *perfRun) run(ctx context.Context, interval time.Duration) error {
	start := time.Now()
	stats := newPerfStats(r.env.Stdout, r.records, interval, start)
	var steady *perfStats
	if r.warmup > 0 {
		r.env.printf("Warmup first %d records. Steady state results will print after the complete test summary.\n", r.warmup)
	}
	limit := throttle{perSecond: r.rate, start: start}
	var begun time.Time
	for i := int64(0); i < r.records && ctx.Err() == nil; i++ {
		if r.transaction > 0 && begun.IsZero() {
			if err := r.client.BeginTransaction(); err != nil {
				return err
			}
			begun = time.Now()
		}
		if i == r.warmup && r.warmup > 0 {
			steady = newPerfStats(r.env.Stdout, r.records-r.warmup, interval, time.Now())
			steady.silent, steady.label = true, " steady state"
		}
		r.send(ctx, i, stats, steady)
		if r.transaction > 0 && time.Since(begun) >= r.transaction {
			if err := r.commit(ctx); err != nil {
				return err
			}
			begun = time.Time{}
		}
		limit.wait(ctx, i)
	}
	if !begun.IsZero() {
		if err := r.commit(ctx); err != nil {
			return err
		}
	}
	// An interrupted run still tells what it has done.
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	if ctx.Err() != nil {
		cancel()
	}
	defer cancel()
	_ = r.client.Flush(flush)
	now := time.Now()
	stats.printTotal(now)
	if steady != nil {
		steady.printTotal(now)
	}
	return nil
}

func (r *perfRun) commit(ctx context.Context) error {
	if err := r.client.Flush(ctx); err != nil {
		return err
	}
	return r.client.EndTransaction(ctx, kgo.TryCommit)
}

// send sends record i; its acknowledgement is noted in stats, and in steady where there is one by now.
func (r *perfRun) send(ctx context.Context, i int64, stats, steady *perfStats) {
	payload := r.load.next(i)
	sent := time.Now()
	r.client.Produce(ctx, &kgo.Record{Topic: r.topic, Value: payload}, func(_ *kgo.Record, err error) {
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(r.env.Stderr, javaError(fromClient(err)))
			}
			return
		}
		now := time.Now()
		latency := now.Sub(sent)
		stats.record(now, latency, len(payload))
		if steady != nil {
			steady.record(now, latency, len(payload))
		}
	})
}
