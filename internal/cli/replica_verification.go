package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const replicaVerificationExamples = `
milena replica-verification --broker-list localhost:9092
milena replica-verification --broker-list localhost:9092 --topics-include 'orders.*' --time -2 --report-interval-ms 5000`

// debuggingReplica is the replica id of a reader that any replica answers, to the end of its log.
const debuggingReplica = -2

func replicaVerificationOptions() *Options {
	return NewOptions(
		Option{Name: "broker-list", Arg: "hostname:port,...,hostname:port", Required: true, Help: "Brokers to begin with."},
		Option{Name: "fetch-size", Arg: "bytes", Kind: Int, Default: "1048576", Help: "How much is read of a partition at once."},
		Option{Name: "max-wait-ms", Arg: "ms", Kind: Int, Default: "1000", Help: "How long a read may wait for records."},
		Option{Name: "report-interval-ms", Arg: "ms", Kind: Long, Default: "30000", Help: "How often to report."},
		Option{Name: "time", Arg: "timestamp/-1(latest)/-2(earliest)", Kind: Long, Default: "-1", Help: "Where to begin."},
		Option{Name: "topics-include", Arg: "Java regex (String)", Default: ".*", Help: "Topics to look at."},
	)
}

// runReplicaVerification is kafka-replica-verification.sh: it reads all replicas side by side, until it is stopped or they are not even at the
// same offsets.
func runReplicaVerification(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("Validate that all replicas for a set of topics have the same data."); err != nil {
		return err
	}
	if err := v.Require("broker-list"); err != nil {
		return err
	}
	a, err := env.openAdmin(v.Value("broker-list"), "")
	if err != nil {
		return err
	}
	defer a.close()
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	c := &replicaCheck{admin: a, fetchBytes: int32(v.Int("fetch-size")), waitMs: int32(v.Int("max-wait-ms")),
		interval: time.Duration(v.Int("report-interval-ms")) * time.Millisecond, reported: time.Now()}
	if err := c.find(ctx, v.Value("topics-include"), v.Int("time")); err != nil {
		return err
	}
	env.printf("%s: verification process is started\n", logTime(time.Now()))
	for {
		if err := c.round(ctx); err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return err
		}
	}
}

func logTime(t time.Time) string { return t.Format("2006-01-02 15:04:05,000") }

// replicaCheck compares replicas, round by round: each broker is read from the same offsets on, then what came is compared.
type replicaCheck struct {
	*admin
	fetchBytes, waitMs int32
	behind             bool // the last round left something to read
	interval           time.Duration
	reported           time.Time
	parts              map[topicPartition]*checkedPartition
	brokers            map[int32][]*checkedPartition
}

// checkedPartition is a partition whose replicas are compared from offset on.
type checkedPartition struct {
	topicPartition
	topicID  [16]byte
	replicas []int32
	offset   int64
}

// fetchedReplica is what one replica has in a round.
type fetchedReplica struct {
	highWatermark int64
	records       []byte
}

// find chooses topics, and where to begin in each partition.
func (c *replicaCheck) find(ctx context.Context, pattern string, at int64) error {
	filter, err := topicFilter(pattern)
	if err != nil {
		return err
	}
	response, err := c.metadata(ctx, "describeTopics", nil)
	if err != nil {
		return err
	}
	c.parts, c.brokers = map[topicPartition]*checkedPartition{}, map[int32][]*checkedPartition{}
	var names []string
	for _, t := range response.Topics {
		if t.Topic == nil || !filter.MatchString(*t.Topic) {
			continue
		}
		names = append(names, *t.Topic)
		for _, p := range t.Partitions {
			part := &checkedPartition{topicPartition: topicPartition{*t.Topic, p.Partition}, topicID: t.TopicID, replicas: p.Replicas}
			c.parts[part.topicPartition] = part
			for _, broker := range p.Replicas {
				c.brokers[broker] = append(c.brokers[broker], part)
			}
		}
	}
	if len(names) == 0 {
		return errors.New("No topics found. Option topics-include, if specified, is either filtering out all topics or there is no topic.")
	}
	return c.begin(ctx, at)
}

// begin asks leaders for the first offsets.
func (c *replicaCheck) begin(ctx context.Context, at int64) error {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	for _, tp := range sortedPartitions(c.parts) {
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Topic != tp.topic {
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = tp.topic
			request.Topics = append(request.Topics, topic)
		}
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp, partition.CurrentLeaderEpoch = tp.partition, at, -1
		topic := &request.Topics[len(request.Topics)-1]
		topic.Partitions = append(topic.Partitions, partition)
	}
	response, err := call[*kmsg.ListOffsetsResponse](ctx, c.admin, "listOffsets", request)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if err := codeError(p.ErrorCode, nil); err != nil {
				return fmt.Errorf("%s-%d: %w", t.Topic, p.Partition, err)
			}
			if part := c.parts[topicPartition{t.Topic, p.Partition}]; part != nil {
				part.offset = p.Offset
			}
		}
	}
	return nil
}

// round reads once from all brokers, compares, and reports when it is time. A broker that does not answer has nothing this time.
func (c *replicaCheck) round(ctx context.Context) error {
	fetched := make(map[topicPartition]map[int32]fetchedReplica, len(c.parts))
	for tp := range c.parts {
		fetched[tp] = map[int32]fetchedReplica{}
	}
	var mu sync.Mutex // fetched
	var all sync.WaitGroup
	answered := 0
	for broker, parts := range c.brokers {
		all.Go(func() {
			got, err := c.fetch(ctx, broker, parts)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				answered++
			}
			for tp, replica := range got {
				if fetched[tp] != nil {
					fetched[tp][broker] = replica
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	lag, lagging := int64(-1), (*checkedPartition)(nil)
	for _, tp := range sortedPartitions(c.parts) {
		part := c.parts[tp]
		highest, complaints, err := part.compare(fetched[tp])
		for _, line := range complaints {
			c.env.printf("%s: partition %s%s\n", logTime(time.Now()), tp, line)
		}
		if err != nil {
			return err
		}
		if highest-part.offset > lag {
			lag, lagging = highest-part.offset, part
		}
	}
	c.behind = lag > 0
	if now := time.Now(); now.Sub(c.reported) > c.interval && lagging != nil {
		c.reported = now
		c.env.printf("%s: max lag is %d for partition %s at offset %d among %d partitions\n", logTime(now), lag, lagging.topicPartition,
			lagging.offset, len(c.parts))
	}
	if answered == 0 {
		return pause(ctx, time.Second)
	}
	return nil
}

// fetch reads what one broker has of its partitions.
func (c *replicaCheck) fetch(ctx context.Context, broker int32, parts []*checkedPartition) (map[topicPartition]fetchedReplica, error) {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.ReplicaState.ID, request.ReplicaState.Epoch = debuggingReplica, debuggingReplica, -1
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes, request.SessionEpoch = c.waitMs, 1, 1<<31-1, -1
	if c.behind {
		request.MaxWaitMillis = 0 // a broker that has nothing more shall not hold up the others
	}
	names := map[[16]byte]string{}
	for _, part := range parts {
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Topic != part.topic {
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic, topic.TopicID = part.topic, part.topicID
			request.Topics = append(request.Topics, topic)
			names[part.topicID] = part.topic
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = part.partition, part.offset, c.fetchBytes, -1
		topic := &request.Topics[len(request.Topics)-1]
		topic.Partitions = append(topic.Partitions, p)
	}
	answer, err := c.client.Broker(int(broker)).Request(ctx, request)
	if err != nil {
		return nil, err
	}
	got := map[topicPartition]fetchedReplica{}
	for _, t := range answer.(*kmsg.FetchResponse).Topics {
		name := t.Topic
		if name == "" {
			name = names[t.TopicID]
		}
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 {
				got[topicPartition{name, p.Partition}] = fetchedReplica{p.HighWatermark, p.RecordBatches}
			}
		}
	}
	return got, nil
}

// compare goes through the batches of all replicas side by side, up to the first that is not everywhere or not committed, and moves on to
// there. The error tells that replicas are not at the same offsets: then nothing more can be compared.
func (p *checkedPartition) compare(fetched map[int32]fetchedReplica) (highest int64, complaints []string, err error) {
	highest = -1
	for _, replica := range fetched {
		highest = max(highest, replica.highWatermark)
	}
	rest := map[int32][]byte{}
	for id, replica := range fetched {
		rest[id] = replica.records
	}
	for len(fetched) == len(p.replicas) {
		var first record.Batch
		var firstID int32
		for _, id := range slices.Sorted(maps.Keys(rest)) {
			batch, after, err := record.Next(rest[id])
			if err != nil || batch.LastOffset() >= fetched[id].highWatermark {
				return highest, complaints, nil
			}
			rest[id] = after
			switch {
			case first == nil:
				first, firstID = batch, id
			case first.LastOffset() != batch.LastOffset():
				line := fmt.Sprintf(": replica %d's offset %d doesn't match replica %d's offset %d", firstID, first.LastOffset(), id, batch.LastOffset())
				return highest, append(complaints, line), Exit(1)
			case first.CRC() != batch.CRC():
				complaints = append(complaints, fmt.Sprintf(" has unmatched checksum at offset %d; replica %d's checksum %d; replica %d's checksum %d",
					batch.LastOffset(), firstID, first.CRC(), id, batch.CRC()))
			}
		}
		if first == nil {
			break
		}
		p.offset = first.NextOffset()
	}
	return highest, complaints, nil
}
