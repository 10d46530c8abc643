package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// defaultTimeoutMs is how long Kafka's clients look for a broker before they give up (default.api.timeout.ms).
const defaultTimeoutMs = 60_000

// newClient makes a client of the kind who, from its properties. Warnings about properties go to standard error. more
// comes after what the properties say.
func (env *Env) newClient(who role, p *Properties, more ...kgo.Opt) (*kgo.Client, error) {
	seeds, err := bootstrapSeeds(p.Value("bootstrap.servers", ""))
	if err != nil {
		return nil, err
	}
	if seeds, err = env.resolvable(seeds, net.LookupHost); err != nil {
		return nil, err
	}
	opts, warnings, err := clientOptions(who, p)
	if err != nil {
		return nil, err
	}
	for _, warning := range warnings {
		env.errorf("WARN %s\n", warning)
	}
	timeout := timeoutOf(p)
	base := []kgo.Opt{
		kgo.SeedBrokers(seeds...),
		kgo.SoftwareNameAndVersion("milena", KafkaVersion),
		kgo.DisableClientMetrics(),
		kgo.RetryBackoffFn(func(tries int) time.Duration { return min(time.Duration(tries)*20*time.Millisecond, time.Second) }),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.RetryTimeout(timeout),
		kgo.WithHooks(&reachHook{w: env.Stderr, timeout: timeout}),
	}
	if who != anyClient {
		// A broker may be killed between taking a connection and answering on it: what lasts goes on, as Kafka's clients do. A command that asks
		// once had better say that a listener may want another protocol.
		base = append(base, kgo.AlwaysRetryEOF())
	}
	return kgo.NewClient(append(append(base, opts...), more...)...)
}

// timeoutOf is default.api.timeout.ms of these properties.
func timeoutOf(p *Properties) time.Duration {
	ms, err := strconv.ParseInt(p.Value("default.api.timeout.ms", ""), 10, 64)
	if err != nil || ms <= 0 {
		ms = defaultTimeoutMs
	}
	return time.Duration(ms) * time.Millisecond
}

// reachHook says once, about a second after the first refused connection, that nothing answers: clients try on for a long
// time, and somebody waits before the screen. The client calls it from several goroutines; mu guards the fields below it.
type reachHook struct {
	w       io.Writer
	timeout time.Duration

	mu    sync.Mutex
	first time.Time
	done  bool // said, or a connection came about
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (h *reachHook) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done || errors.Is(err, context.Canceled) {
		return
	}
	if err == nil {
		h.done = true
		return
	}
	if h.first.IsZero() {
		h.first = time.Now()
	}
	if time.Since(h.first) >= time.Second {
		h.done = true
		fmt.Fprintf(h.w, "WARN Connection to %s could not be established (%s). Node may not be available. Trying for up to %s.\n",
			net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port))), dialReason(err), h.timeout)
	}
}

// admin asks a cluster. Its calls block until they are answered or default.api.timeout.ms is over.
type admin struct {
	env     *Env
	client  *kgo.Client
	timeout time.Duration
}

// openAdmin makes an admin client of --bootstrap-server and --command-config.
func (env *Env) openAdmin(bootstrap, commandConfig string, more ...kgo.Opt) (*admin, error) {
	p, err := loadProperties(commandConfig)
	if err != nil {
		return nil, err
	}
	if bootstrap != "" {
		p.Set("bootstrap.servers", bootstrap)
	}
	client, err := env.newClient(anyClient, p, more...)
	if err != nil {
		return nil, err
	}
	return &admin{env: env, client: client, timeout: timeoutOf(p)}, nil
}

func (a *admin) close() { a.client.Close() }

// ask sends one request to whoever must answer it (the controller, partition leaders, any broker) and waits. call is the
// name Kafka's admin client has for it, for the error when no broker is found.
func (a *admin) ask(ctx context.Context, call string, request kmsg.Request) (kmsg.Response, error) {
	response, err := a.retry(ctx, call, func(ctx context.Context) (kmsg.Response, error) { return a.client.Request(ctx, request) })
	return response, namedUnsupported(err, request)
}

// askBroker sends one request to one broker.
func (a *admin) askBroker(ctx context.Context, call string, id int32, request kmsg.Request) (kmsg.Response, error) {
	response, err := a.retry(ctx, call, func(ctx context.Context) (kmsg.Response, error) {
		return a.client.Broker(int(id)).RetriableRequest(ctx, request)
	})
	return response, namedUnsupported(err, request)
}

// retry tries again while nothing answers, or no coordinator does, with pauses that grow from 20 ms to a second.
func (a *admin) retry(ctx context.Context, call string, send func(context.Context) (kmsg.Response, error)) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(pause*2, time.Second) {
		response, err := send(ctx)
		if err == nil {
			return response, nil
		}
		if ctx.Err() == nil && !passing(err) {
			return nil, fromClient(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ctx.Err()
			}
			return nil, &timeoutError{fmt.Sprintf("Timed out waiting for a node assignment. Call: %s", call)}
		}
	}
}

// unreachable tells whether err means that no broker could be spoken to, now: a later try may find one.
func unreachable(err error) bool {
	var op *net.OpError
	var system *os.SyscallError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &system) || errors.As(err, &dns) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// passing tells whether a later try may do better: a broker is out of reach, or a coordinator is being made (the first who asks
// for one has its topic created), loaded or moved.
func passing(err error) bool {
	return unreachable(err) || errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) ||
		errors.Is(err, kerr.NotCoordinator)
}

// call is ask with the response's own type.
func call[R kmsg.Response](ctx context.Context, a *admin, name string, request kmsg.Request) (R, error) {
	response, err := a.ask(ctx, name, request)
	if err != nil {
		var none R
		return none, err
	}
	return response.(R), nil
}

// topicNames lists all topics, sorted; internal ones too where asked.
func (a *admin) topicNames(ctx context.Context, internal bool) ([]string, error) {
	response, err := a.metadata(ctx, "listTopics", nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, topic := range response.Topics {
		if topic.Topic != nil && (internal || !topic.IsInternal) {
			names = append(names, *topic.Topic)
		}
	}
	sort.Strings(names)
	return names, nil
}

// metadata asks about these topics, or about all of them when topics is nil. It creates none.
func (a *admin) metadata(ctx context.Context, name string, topics []string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	if topics != nil {
		request.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(topic)
		request.Topics = append(request.Topics, t)
	}
	return call[*kmsg.MetadataResponse](ctx, a, name, request)
}
