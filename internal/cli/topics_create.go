package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestTimeoutMs is what a request to the controller allows it (request.timeout.ms).
const requestTimeoutMs = 30_000

func (a *admin) createTopic(ctx context.Context, v *Values) error {
	topic, err := newTopic(v)
	if err != nil {
		return err
	}
	if strings.ContainsAny(topic.Topic, "._") {
		a.env.println("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could " +
			"collide. To avoid issues it is best to use either, but not both.")
	}
	if err := checkTopicNumbers(v); err != nil {
		return err
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = requestTimeoutMs
	request.Topics = append(request.Topics, topic)
	response, err := call[*kmsg.CreateTopicsResponse](ctx, a, "createTopics", request)
	if err != nil {
		return err
	}
	for _, created := range response.Topics {
		err := codeError(created.ErrorCode, created.ErrorMessage)
		if isCode(err, kerr.TopicAlreadyExists) && v.Has("if-not-exists") {
			return nil
		}
		if err != nil {
			return err
		}
	}
	a.env.printf("Created topic %s.\n", topic.Topic)
	return nil
}

func checkTopicNumbers(v *Values) error {
	if factor := v.Int("replication-factor"); v.Has("replication-factor") && (factor < 1 || factor > 32767) {
		return errors.New("The replication factor must be between 1 and 32767 inclusive")
	}
	if v.Has("partitions") && v.Int("partitions") < 1 {
		return errors.New("The partitions must be greater than 0")
	}
	return nil
}

// newTopic reads what --create says.
func newTopic(v *Values) (kmsg.CreateTopicsRequestTopic, error) {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = v.Value("topic")
	topic.NumPartitions, topic.ReplicationFactor = -1, -1
	if v.Has("partitions") {
		topic.NumPartitions = int32(v.Int("partitions"))
	}
	if v.Has("replication-factor") {
		topic.ReplicationFactor = int16(v.Int("replication-factor"))
	}
	assignment, err := replicaAssignment(v.Value("replica-assignment"))
	if err != nil {
		return topic, err
	}
	for partition, replicas := range assignment {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(partition), replicas
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
	}
	for _, pair := range v.All("config") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || strings.TrimSpace(value) == "" || strings.Contains(value, "=") {
			return topic, errors.New("requirement failed: Invalid topic config: all configs to be added must be " +
				"in the format \"key=val\".")
		}
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = strings.TrimSpace(key), kmsg.StringPtr(strings.TrimSpace(value))
		topic.Configs = append(topic.Configs, c)
	}
	return topic, nil
}

// replicaAssignment reads "1:2,2:3": brokers of partition 0, brokers of partition 1.
func replicaAssignment(text string) ([][]int32, error) {
	if text == "" {
		return nil, nil
	}
	var assignment [][]int32
	for i, list := range strings.Split(text, ",") {
		var brokers []int32
		var repeated []string
		for _, word := range strings.Split(list, ":") {
			id, err := strconv.ParseInt(strings.TrimSpace(word), 10, 32)
			if err != nil {
				return nil, errors.New("For input string: \"" + strings.TrimSpace(word) + "\"")
			}
			for _, other := range brokers {
				if other == int32(id) && !contains(repeated, strconv.Itoa(int(id))) {
					repeated = append(repeated, strconv.Itoa(int(id)))
				}
			}
			brokers = append(brokers, int32(id))
		}
		if len(repeated) > 0 {
			return nil, errors.New("Partition replica lists may not contain duplicate entries: " + strings.Join(repeated, ","))
		}
		assignment = append(assignment, brokers)
		if len(brokers) != len(assignment[0]) {
			return nil, errors.New("Partition " + strconv.Itoa(i) + " has different replication factor: " + javaList(brokers))
		}
	}
	return assignment, nil
}

// javaList prints numbers as Java prints a list: [1, 2].
func javaList(numbers []int32) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(int(n))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// newPartitions is what a request says of the partitions that a topic with so many of them gets: the list names all. It is
// never nil, which would leave the choice to the controller: a list that is too short is for it to refuse.
func newPartitions(assignment [][]int32, existing int) []kmsg.CreatePartitionsRequestTopicAssignment {
	added := []kmsg.CreatePartitionsRequestTopicAssignment{}
	for _, brokers := range assignment[min(existing, len(assignment)):] {
		part := kmsg.NewCreatePartitionsRequestTopicAssignment()
		part.Replicas = brokers
		added = append(added, part)
	}
	return added
}

// alterTopics gives topics more partitions.
func (a *admin) alterTopics(ctx context.Context, v *Values) error {
	assignment, err := replicaAssignment(v.Value("replica-assignment"))
	if err != nil {
		return err
	}
	names, err := a.existingTopics(ctx, v)
	if err != nil || len(names) == 0 {
		return err
	}
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = requestTimeoutMs
	for _, name := range names {
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, int32(v.Int("partitions"))
		if len(assignment) > 0 {
			described, err := a.metadata(ctx, "describeTopics", []string{name})
			if err != nil {
				return err
			}
			topic.Assignment = newPartitions(assignment, len(described.Topics[0].Partitions))
		}
		request.Topics = append(request.Topics, topic)
	}
	response, err := call[*kmsg.CreatePartitionsResponse](ctx, a, "createPartitions", request)
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		if err := codeError(topic.ErrorCode, topic.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
