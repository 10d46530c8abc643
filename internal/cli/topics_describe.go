package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicDescription is what --describe shows of a topic.
type topicDescription struct {
	name       string
	id         [16]byte
	partitions []partitionDescription
}

// partitionDescription is one partition; elr and lastElr are nil where the broker does not tell (before Kafka 4).
type partitionDescription struct {
	partition, leader           int32
	replicas, isr, elr, lastElr []int32
	adding, removing            []int32 // of a reassignment; both nil: none
}

// factor is the replication factor without what a reassignment adds.
func (p *partitionDescription) factor() int { return len(p.replicas) - len(p.adding) }

// describeTopics is --describe.
func (a *admin) describeTopics(ctx context.Context, v *Values) error {
	topics, err := a.chosenTopics(ctx, v)
	if err != nil {
		return err
	}
	var names []string
	for i := range topics {
		names = append(names, topics[i].name)
	}
	configs, err := a.topicConfigs(ctx, names)
	if err != nil {
		return err
	}
	live, err := a.liveBrokers(ctx)
	if err != nil {
		return err
	}
	if err := a.addReassignments(ctx, topics); err != nil {
		return err
	}
	out := a.env.Buffered()
	for i := range topics {
		printTopic(out, v, &topics[i], configs[topics[i].name], live)
	}
	return out.Flush()
}

// chosenTopics describes what --topic-id or --topic names, everything without them.
func (a *admin) chosenTopics(ctx context.Context, v *Values) ([]topicDescription, error) {
	if v.Has("topic-id") {
		id, err := parseUUID(v.Value("topic-id"))
		if err != nil {
			return nil, err
		}
		if id != ([16]byte{}) {
			topic, err := a.topicByID(ctx, id)
			if errors.Is(err, errNoTopic) && v.Has("if-exists") {
				return nil, nil
			}
			if errors.Is(err, errNoTopic) {
				return nil, fmt.Errorf("TopicId '%s' does not exist as expected", formatUUID(id))
			}
			return topic, err
		}
	}
	names, err := a.existingTopics(ctx, v)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	limit := int32(2000)
	if v.Has("partition-size-limit-per-response") {
		limit = int32(v.Int("partition-size-limit-per-response"))
	}
	return a.topicsByName(ctx, names, limit)
}

var errNoTopic = errors.New("no such topic")

// topicByID describes one topic by its id.
func (a *admin) topicByID(ctx context.Context, id [16]byte) ([]topicDescription, error) {
	all, err := a.metadata(ctx, "listTopics", nil)
	if err != nil {
		return nil, err
	}
	for i := range all.Topics {
		if all.Topics[i].TopicID == id && all.Topics[i].Topic != nil {
			return a.topicsByName(ctx, []string{*all.Topics[i].Topic}, 2000)
		}
	}
	return nil, errNoTopic
}

// topicsByName describes topics with DescribeTopicPartitions (KIP-966), page by page, or with Metadata where the broker
// does not know it. The order is that of Kafka's tool.
func (a *admin) topicsByName(ctx context.Context, names []string, limit int32) ([]topicDescription, error) {
	found := map[string]*topicDescription{}
	var cursor *kmsg.DescribeTopicPartitionsRequestCursor
	for {
		request := kmsg.NewPtrDescribeTopicPartitionsRequest()
		request.ResponsePartitionLimit, request.Cursor = limit, cursor
		for _, name := range names {
			if cursor == nil || name >= cursor.Topic {
				topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
				topic.Topic = name
				request.Topics = append(request.Topics, topic)
			}
		}
		response, err := call[*kmsg.DescribeTopicPartitionsResponse](ctx, a, "describeTopics", request)
		if err != nil && unsupportedRequest(err) {
			return a.topicsByMetadata(ctx, names)
		}
		if err != nil {
			return nil, err
		}
		for i := range response.Topics {
			if err := addTopicPage(found, &response.Topics[i]); err != nil {
				return nil, err
			}
		}
		if response.NextCursor == nil {
			break
		}
		next := kmsg.NewDescribeTopicPartitionsRequestCursor()
		next.Topic, next.Partition = response.NextCursor.Topic, response.NextCursor.Partition
		cursor = &next
	}
	var topics []topicDescription
	for _, name := range javaSizedOrder(names) {
		if topic := found[name]; topic != nil {
			topics = append(topics, *topic)
		}
	}
	return topics, nil
}

func addTopicPage(found map[string]*topicDescription, page *kmsg.DescribeTopicPartitionsResponseTopic) error {
	if page.Topic == nil {
		return nil
	}
	if page.ErrorCode == kerr.UnknownTopicOrPartition.Code {
		return &apiError{code: page.ErrorCode}
	}
	if err := codeError(page.ErrorCode, nil); err != nil {
		return err
	}
	topic := found[*page.Topic]
	if topic == nil {
		topic = &topicDescription{name: *page.Topic, id: page.TopicID}
		found[*page.Topic] = topic
	}
	for i := range page.Partitions {
		p := &page.Partitions[i]
		topic.partitions = append(topic.partitions, partitionDescription{partition: p.Partition, leader: p.LeaderID,
			replicas: p.Replicas, isr: p.ISR, elr: present(p.EligibleLeaderReplicas), lastElr: present(p.LastKnownELR)})
	}
	return nil
}

// present makes an empty list of a missing one: the broker does know, and there is none.
func present(list []int32) []int32 {
	if list == nil {
		return []int32{}
	}
	return list
}

// topicsByMetadata describes topics as brokers before Kafka 4 can.
func (a *admin) topicsByMetadata(ctx context.Context, names []string) ([]topicDescription, error) {
	response, err := a.metadata(ctx, "describeTopics", names)
	if err != nil {
		return nil, err
	}
	found := map[string]*topicDescription{}
	for i := range response.Topics {
		t := &response.Topics[i]
		if err := codeError(t.ErrorCode, nil); err != nil {
			return nil, err
		}
		topic := &topicDescription{name: *t.Topic, id: t.TopicID, partitions: make([]partitionDescription, len(t.Partitions))}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			topic.partitions[j] = partitionDescription{partition: p.Partition, leader: p.Leader, replicas: p.Replicas, isr: p.ISR}
		}
		found[topic.name] = topic
	}
	var topics []topicDescription
	for _, name := range javaSizedOrder(names) {
		if topic := found[name]; topic != nil {
			topics = append(topics, *topic)
		}
	}
	return topics, nil
}

// liveBrokers are the ids of the brokers that are up.
func (a *admin) liveBrokers(ctx context.Context) (map[int32]bool, error) {
	response, err := a.metadata(ctx, "describeCluster", []string{})
	if err != nil {
		return nil, err
	}
	live := map[int32]bool{}
	for _, broker := range response.Brokers {
		live[broker.NodeID] = true
	}
	return live, nil
}

// addReassignments notes which partitions are being moved; a broker that does not tell moves none.
func (a *admin) addReassignments(ctx context.Context, topics []topicDescription) error {
	if len(topics) == 0 {
		return nil
	}
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis = requestTimeoutMs
	byName := map[string]*topicDescription{}
	for i := range topics {
		byName[topics[i].name] = &topics[i]
	}
	response, err := call[*kmsg.ListPartitionReassignmentsResponse](ctx, a, "listPartitionReassignments", request)
	if err != nil {
		if unsupportedRequest(err) {
			return nil
		}
		return err
	}
	if err := codeError(response.ErrorCode, response.ErrorMessage); err != nil && !isCode(err, kerr.ClusterAuthorizationFailed) {
		return err
	}
	for _, t := range response.Topics {
		topic := byName[t.Topic]
		for _, moved := range t.Partitions {
			for i := 0; topic != nil && i < len(topic.partitions); i++ {
				if p := &topic.partitions[i]; p.partition == moved.Partition {
					p.adding, p.removing = present(moved.AddingReplicas), present(moved.RemovingReplicas)
				}
			}
		}
	}
	return nil
}

// printTopic prints one topic as far as the options ask for it.
func printTopic(w io.Writer, v *Values, topic *topicDescription, configs []configEntry, live map[int32]bool) {
	reports := v.Has("unavailable-partitions") || v.Has("under-replicated-partitions") ||
		v.Has("under-min-isr-partitions") || v.Has("at-min-isr-partitions")
	var own []string
	minISR := 1
	for _, entry := range configs {
		if entry.source != kmsg.ConfigSourceDefaultConfig {
			own = append(own, entry.name+"="+entry.text())
		}
		if entry.name == "min.insync.replicas" {
			minISR, _ = strconv.Atoi(entry.text())
		}
	}
	if !reports && (!v.Has("topics-with-overrides") || len(own) > 0) && len(topic.partitions) > 0 {
		fmt.Fprintf(w, "Topic: %s", topic.name)
		if topic.id != ([16]byte{}) {
			fmt.Fprintf(w, "\tTopicId: %s", formatUUID(topic.id))
		}
		fmt.Fprintf(w, "\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s\n", len(topic.partitions),
			topic.partitions[0].factor(), strings.Join(own, ","))
	}
	if v.Has("topics-with-overrides") {
		return
	}
	for i := range topic.partitions {
		p := &topic.partitions[i]
		if !reports || v.Has("under-replicated-partitions") && p.factor() > len(p.isr) ||
			v.Has("unavailable-partitions") && !live[p.leader] ||
			v.Has("under-min-isr-partitions") && (p.leader < 0 || len(p.isr) < minISR) ||
			v.Has("at-min-isr-partitions") && len(p.isr) == minISR {
			printPartition(w, topic.name, p)
		}
	}
}

func printPartition(w io.Writer, topic string, p *partitionDescription) {
	leader := "none"
	if p.leader >= 0 {
		leader = strconv.Itoa(int(p.leader))
	}
	fmt.Fprintf(w, "\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s", topic, p.partition, leader,
		commaList(p.replicas), commaList(p.isr))
	if p.adding != nil || p.removing != nil {
		fmt.Fprintf(w, "\tAdding Replicas: %s\tRemoving Replicas: %s", commaList(p.adding), commaList(p.removing))
	}
	for _, list := range []struct {
		name    string
		brokers []int32
	}{{"Elr", p.elr}, {"LastKnownElr", p.lastElr}} {
		text := "N/A"
		if list.brokers != nil {
			text = commaList(list.brokers)
		}
		fmt.Fprintf(w, "\t%s: %s", list.name, text)
	}
	fmt.Fprintln(w)
}

// commaList prints 1,2,3.
func commaList(numbers []int32) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ",")
}

// parseUUID reads an id as Kafka prints it: 16 bytes in URL-safe base64 without padding.
func parseUUID(text string) (id [16]byte, err error) {
	if len(text) > 24 {
		return id, fmt.Errorf("Input string with prefix `%s` is too long to be decoded as a base64 UUID", text[:24])
	}
	if len(text) == 1 {
		return id, errors.New("Input byte[] should at least have 2 bytes for base64 bytes")
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return id, fmt.Errorf("Illegal base64 character in `%s`", text)
	}
	if len(raw) != 16 {
		return id, fmt.Errorf("Input string `%s` decoded as %d bytes, which is not equal to the expected 16 bytes of a "+
			"base64-encoded UUID", text, len(raw))
	}
	return [16]byte(raw), nil
}

// formatUUID is the inverse of parseUUID.
func formatUUID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }
