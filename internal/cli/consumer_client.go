package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicChoice is what a consumer reads: topics by one name or by a regular expression, or one partition.
type topicChoice struct {
	topic     string
	include   string // a regular expression in Kafka's form; used where topic is empty
	partition int32  // of topic, from offset on; noPartition: all of them
	offset    kgo.Offset
}

const noPartition = -1

// consumer reads records, alone or as a member of a group. The tool polls, says which records it has used, and
// calls done; what is used is committed now and then, when partitions go to others, and at the end.
type consumer struct {
	env    *Env
	client *kgo.Client
	group  string // empty: none
	auto   bool   // commits by itself
	every  time.Duration
	// assigned, revoked and lost are told of changes, in order, while the tool waits in poll; nil: nobody.
	assigned, revoked func(partitions []topicPartition)

	// mu guards what is below: callbacks and the timer run in goroutines of the client's.
	mu        sync.Mutex
	positions map[topicPartition]kgo.EpochOffset // the next record to use, of partitions that are assigned
	dirty     bool                               // positions have changed since the last commit
	stop      func()                             // ends the timer
}

// consumerSettings are the properties that have to do with groups, checked.
type consumerSettings struct {
	group string
	reset kgo.Offset
	exact bool // reset is the first or the next offset
	opts  []kgo.Opt
	auto  bool
	every time.Duration
	next  bool // the new protocol (KIP-848)
}

// openConsumer makes a consumer of these properties. Without group.id it reads all partitions and commits nothing.
func (env *Env) openConsumer(ctx context.Context, p *Properties, s topicChoice, assigned, revoked func([]topicPartition),
	more ...kgo.Opt) (*consumer, error) {
	settings, err := groupSettings(p)
	if err != nil {
		return nil, err
	}
	if settings.group != "" {
		p.Default("client.id", "consumer-"+settings.group+"-1")
	}
	topics, err := s.options(p)
	if err != nil {
		return nil, err
	}
	c := &consumer{env: env, group: settings.group, auto: settings.auto, every: settings.every, assigned: assigned, revoked: revoked,
		positions: map[topicPartition]kgo.EpochOffset{}, stop: func() {}}
	opts := append(topics, kgo.ConsumeResetOffset(settings.reset))
	if s.partition == noPartition {
		opts = append(opts, kgo.ConsumeStartOffset(settings.reset))
	}
	if c.group != "" {
		opts = append(opts, settings.opts...)
		opts = append(opts, kgo.ConsumerGroup(c.group), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
			kgo.OnPartitionsAssigned(c.onAssigned), kgo.OnPartitionsRevoked(c.onRevoked), kgo.OnPartitionsLost(c.onLost),
			kgo.AdjustFetchOffsetsFn(func(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
				return c.begin(ctx, offsets, settings.exact), nil
			}))
	}
	if c.client, err = env.newClient(consumerClient, p, append(opts, more...)...); err != nil {
		return nil, err
	}
	if settings.next {
		if err := c.requireNextProtocol(ctx, timeoutOf(p)); err != nil {
			c.client.Close()
			return nil, err
		}
	}
	if c.group != "" && c.auto {
		c.startTimer()
	}
	return c, nil
}

// options tell the client what to read.
func (s *topicChoice) options(p *Properties) ([]kgo.Opt, error) {
	if s.topic == "" {
		filter, err := topicFilter(s.include)
		if err != nil {
			return nil, err
		}
		opts := []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(filter.String())}
		if p.True("exclude.internal.topics", true) {
			opts = append(opts, kgo.ConsumeExcludeTopics("^__consumer_offsets$", "^__transaction_state$", "^__share_group_state$"))
		}
		return opts, nil
	}
	var opts []kgo.Opt
	if p.True("allow.auto.create.topics", true) {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	if s.partition != noPartition {
		return append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {s.partition: s.offset}})), nil
	}
	return append(opts, kgo.ConsumeTopics(s.topic)), nil
}

// generatedGroup is a group id that a tool makes up for one run.
func generatedGroup(prefix string) string { return prefix + strconv.Itoa(rand.IntN(100_000)) }

// requireNextProtocol refuses brokers that do not know the new protocol, as Kafka's consumer does: this client would fall back.
func (c *consumer) requireNextProtocol(ctx context.Context, timeout time.Duration) error {
	a := &admin{env: c.env, client: c.client, timeout: timeout}
	response, err := call[*kmsg.ApiVersionsResponse](ctx, a, "apiVersions", kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		return err
	}
	for _, key := range response.ApiKeys {
		if key.ApiKey == kmsg.ConsumerGroupHeartbeat.Int16() && key.MaxVersion >= 1 {
			return nil
		}
	}
	return &apiError{kerr.UnsupportedVersion.Code, "The cluster does not support the new CONSUMER group protocol. Set " +
		"group.protocol=classic on the consumer configs to revert to the CLASSIC protocol until the cluster is upgraded."}
}

// poll waits for records, at most for as long as ctx lasts. Rebalances wait from its return until done is called. Errors of the
// group that pass by themselves are left out.
func (c *consumer) poll(ctx context.Context, most int) kgo.Fetches {
	return c.client.PollRecords(ctx, most)
}

// done lets rebalances go on after a poll whose records are used.
func (c *consumer) done() { c.client.AllowRebalance() }

// pollError is the error that a poll came back with and that the tool has to end by, in Kafka's words; nil: there is none.
func (c *consumer) pollError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		var session *kgo.ErrGroupSession
		switch {
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled), errors.Is(e.Err, kgo.ErrClientClosed):
		case errors.As(e.Err, &session) && !fatalToGroup(e.Err):
			c.env.errorf("WARN %v\n", e.Err)
		case errors.As(e.Err, &session):
			return errors.New(javaError(fromClient(e.Err)))
		default:
			return fmt.Errorf("%s-%d: %s", e.Topic, e.Partition, javaError(fromClient(e.Err)))
		}
	}
	return nil
}

// fatalToGroup tells errors of a group that no further try mends.
func fatalToGroup(err error) bool {
	for _, fatal := range []*kerr.Error{kerr.InvalidGroupID, kerr.GroupAuthorizationFailed, kerr.GroupMaxSizeReached,
		kerr.InconsistentGroupProtocol, kerr.InvalidSessionTimeout, kerr.FencedInstanceID, kerr.UnsupportedAssignor,
		kerr.UnreleasedInstanceID, kerr.UnsupportedVersion, kerr.TopicAuthorizationFailed, kerr.InvalidRequest} {
		if errors.Is(err, fatal) {
			return true
		}
	}
	return strings.Contains(err.Error(), "too old")
}

// close commits what is used, leaves the group (but for a static member, which keeps its place) and ends the client.
func (c *consumer) close() {
	c.stop()
	if c.group != "" {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		c.autoCommit(ctx)
		cancel()
		c.client.CloseAllowingRebalance()
		return
	}
	c.client.Close()
}
