package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const verifiableProducerExamples = `
milena verifiable-producer --bootstrap-server localhost:9092 --topic checked --max-messages 1000 --throughput 100`

func verifiableProducerOptions() *Options {
	o := NewArgparse("verifiable-producer", "This tool writes increasing numbers and prints, as JSON, which "+
		"were acknowledged and which were not.",
		Option{Name: "topic", Arg: "TOPIC", Required: true, Help: "The topic to write to."},
		Option{Name: "max-messages", Arg: "MAX-MESSAGES", Kind: Int, Default: "-1",
			Help: "How many records to write; -1: until stopped."},
		Option{Name: "throughput", Arg: "THROUGHPUT", Kind: Int, Default: "-1",
			Help: "Records a second, approximately; -1 for as many as can be."},
		Option{Name: "acks", Arg: "ACKS", Kind: Int, Default: "-1", Choices: []string{"0", "1", "-1"},
			Help: "Who must have a record before it counts as written."},
		Option{Name: "producer.config", Arg: "CONFIG-FILE", Help: "Deprecated: --command-config."},
		Option{Name: "message-create-time", Arg: "CREATE-TIME", Kind: Long, Default: "-1",
			Help: "Timestamp of the first record, in milliseconds since 1970."},
		Option{Name: "value-prefix", Arg: "VALUE-PREFIX", Kind: Int, Help: "Number that stands before each value, with a dot."},
		Option{Name: "repeating-keys", Arg: "REPEATING-KEYS", Kind: Int,
			Help: "Keys from 0 up to, not with, this number, again and again."},
		Option{Name: "command-config", Arg: "CONFIG-FILE", Help: "Properties file with settings of the producer."},
		Option{Name: "bootstrap-server", Arg: "HOST1:PORT1[,HOST2:PORT2[...]]", Required: true, Help: "Brokers to begin with."},
		Option{Name: "broker-list", Arg: "HOST1:PORT1[,HOST2:PORT2[...]]", Hidden: true,
			Help: "The older name of --bootstrap-server."},
	)
	o.OneOf = [][]string{{"bootstrap-server"}}
	return o
}

// jsonLines prints one JSON object a line; any goroutine may use it. Lines leave at once: whoever checks waits for them.
type jsonLines struct {
	mu  sync.Mutex
	out *bufio.Writer
}

func newJSONLines(env *Env) *jsonLines { return &jsonLines{out: env.Buffered()} }

func (j *jsonLines) print(event any) {
	j.printQuietly(event)
	j.flush()
}

// printQuietly leaves the line in the buffer, for one of many.
func (j *jsonLines) printQuietly(event any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	encoder := json.NewEncoder(j.out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(event)
}

func (j *jsonLines) flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.out.Flush()
}

// event is what all lines begin with.
type event struct {
	Timestamp int64  `json:"timestamp"`
	Name      string `json:"name"`
}

func newEvent(name string) event { return event{time.Now().UnixMilli(), name} }

// sendSuccess and its kin are the producer's lines, their fields in Kafka's order.
type sendSuccess struct {
	event
	Key       *string `json:"key"`
	Value     string  `json:"value"`
	Offset    int64   `json:"offset"`
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
}

type sendError struct {
	event
	Exception string  `json:"exception"`
	Key       *string `json:"key"`
	Value     string  `json:"value"`
	Message   string  `json:"message"`
	Topic     string  `json:"topic"`
}

type toolData struct {
	event
	Sent             int64           `json:"sent"`
	Acked            int64           `json:"acked"`
	TargetThroughput int64           `json:"target_throughput"`
	AvgThroughput    json.RawMessage `json:"avg_throughput"` // with a fraction, always
}

// runVerifiableProducer is kafka-verifiable-producer.sh.
func runVerifiableProducer(ctx context.Context, env *Env, args []string) error {
	v, err := env.parseVerifiable(verifiableProducerOptions(), args)
	if v == nil {
		return err
	}
	p, err := loadProperties(configFileOf(v, "producer.config"))
	if err != nil {
		return err
	}
	p.Default("acks", v.Value("acks"))
	p.Set("bootstrap.servers", bootstrapOf(v))
	p.Default("linger.ms", "5")
	if v.Int("message-create-time") < 0 {
		// The client measures a record's life by its timestamp.
		p.Default("delivery.timeout.ms", "120000")
	}
	client, err := env.newClient(producerClient, p, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(20))
	if err != nil {
		return Exitf(1, "Exception in thread \"main\" %s", javaError(err))
	}
	defer client.Close()
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	run := &verifiableRun{client: client, lines: newJSONLines(env), v: v}
	return run.run(ctx)
}

// parseVerifiable parses the options of the verifiable tools. No values and no error: help has been printed.
func (env *Env) parseVerifiable(o *Options, args []string) (*Values, error) {
	if len(args) == 0 {
		env.printArgparseHelp(env.Stdout, o)
		return nil, nil
	}
	for i, arg := range args {
		// The name it had before Kafka 2.5.
		if arg == "--broker-list" {
			args = append(append(append([]string{}, args[:i]...), "--bootstrap-server"), args[i+1:]...)
		}
	}
	v, err := o.parse(args)
	if err != nil {
		return nil, err
	}
	if v.Has("help") {
		env.printArgparseHelp(env.Stdout, o)
		return nil, Exit(1)
	}
	return v, nil
}

// verifiableRun is one run of the producer.
type verifiableRun struct {
	client      *kgo.Client
	lines       *jsonLines
	v           *Values
	sent, acked atomic.Int64
	unprinted   atomic.Int64 // records on their way: the last of them flushes the lines
}

func (r *verifiableRun) run(ctx context.Context) error {
	r.lines.print(newEvent("startup_complete"))
	start := time.Now()
	most := r.v.Int("max-messages")
	if most < 0 {
		most = math.MaxInt64
	}
	created := r.v.Int("message-create-time")
	keys := r.v.Int("repeating-keys")
	limit := throttle{perSecond: float64(r.v.Int("throughput")), start: start}
	for i := int64(0); i < most && ctx.Err() == nil; i++ {
		record := &kgo.Record{Topic: r.v.Value("topic"), Value: []byte(r.value(i))}
		if keys > 0 {
			record.Key = []byte(strconv.FormatInt(i%keys, 10))
		}
		if created >= 0 {
			record.Timestamp = time.UnixMilli(created)
			created += time.Since(start).Milliseconds()
		}
		r.send(record)
		limit.wait(ctx, i)
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = r.client.Flush(flush)
	r.lines.print(newEvent("shutdown_complete"))
	elapsedMs := max(float64(time.Since(start).Microseconds())/1000, 1)
	r.lines.print(toolData{newEvent("tool_data"), r.sent.Load(), r.acked.Load(), r.v.Int("throughput"),
		json.RawMessage(javaDouble(1000 * float64(r.acked.Load()) / elapsedMs))})
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	return nil
}

func (r *verifiableRun) value(i int64) string {
	text := strconv.FormatInt(i, 10)
	if r.v.Has("value-prefix") {
		return r.v.Value("value-prefix") + "." + text
	}
	return text
}

// send sends one record; what becomes of it is printed. An interrupted run does not give up what is on its way.
func (r *verifiableRun) send(record *kgo.Record) {
	r.sent.Add(1)
	r.unprinted.Add(1)
	r.client.Produce(context.Background(), record, func(record *kgo.Record, err error) {
		var key *string
		if record.Key != nil {
			text := string(record.Key)
			key = &text
		}
		if err == nil {
			r.acked.Add(1)
			r.lines.printQuietly(sendSuccess{newEvent("producer_send_success"), key, string(record.Value), record.Offset,
				record.Topic, record.Partition})
		} else {
			err = fromClient(err)
			r.lines.printQuietly(sendError{newEvent("producer_send_error"), "class " + exceptionOf(err), key, string(record.Value),
				err.Error(), record.Topic})
		}
		if r.unprinted.Add(-1) == 0 || r.acked.Load()%1000 == 0 {
			r.lines.flush()
		}
	})
}
