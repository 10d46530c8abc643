package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// movingPartition is a partition that is being moved: all its replicas, the old ones and the new ones, and which are which.
type movingPartition struct{ replicas, adding, removing []int32 }

// moving asks what is being moved: everything.
func (r *reassigner) moving(ctx context.Context) (map[topicPartition]movingPartition, error) {
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis, request.Topics = requestTimeoutMs, nil
	response, err := call[*kmsg.ListPartitionReassignmentsResponse](ctx, r.admin, "listPartitionReassignments", request)
	if err != nil {
		return nil, err
	}
	if err := codeError(response.ErrorCode, response.ErrorMessage); err != nil {
		return nil, err
	}
	moving := map[topicPartition]movingPartition{}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			moving[topicPartition{t.Topic, p.Partition}] = movingPartition{p.Replicas, p.AddingReplicas, p.RemovingReplicas}
		}
	}
	return moving, nil
}

// list is --list.
func (r *reassigner) list(ctx context.Context) error {
	moving, err := r.moving(ctx)
	if err != nil {
		return err
	}
	if len(moving) == 0 {
		r.env.println("No partition reassignments found.")
		return nil
	}
	r.env.println("Current partition reassignments:")
	for _, tp := range sortedPartitions(moving) {
		m := moving[tp]
		line := fmt.Sprintf("%s: replicas: %s.", tp, commaList(m.replicas))
		if len(m.adding) > 0 {
			line += fmt.Sprintf(" adding: %s.", commaList(m.adding))
		}
		if len(m.removing) > 0 {
			line += fmt.Sprintf(" removing: %s.", commaList(m.removing))
		}
		r.env.println(line)
	}
	return nil
}

// found tells where the partitions of these topics are; topics that are not there are left out.
func (r *reassigner) found(ctx context.Context, topics []string) (map[topicPartition][]int32, error) {
	assigned := map[topicPartition][]int32{}
	if len(topics) == 0 {
		return assigned, nil
	}
	response, err := r.metadata(ctx, "describeTopics", topics)
	if err != nil {
		return nil, err
	}
	for _, t := range response.Topics {
		if t.ErrorCode == kerr.UnknownTopicOrPartition.Code || t.Topic == nil {
			continue
		}
		if err := codeError(t.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, p := range t.Partitions {
			assigned[topicPartition{*t.Topic, p.Partition}] = p.Replicas
		}
	}
	return assigned, nil
}

// assignments is found; a topic that is not there is an error.
func (r *reassigner) assignments(ctx context.Context, topics []string) (map[topicPartition][]int32, error) {
	assigned, err := r.found(ctx, topics)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for tp := range assigned {
		there[tp.topic] = true
	}
	for _, topic := range topics {
		if !there[topic] {
			return nil, unknownPartition("Topic " + topic + " not found.")
		}
	}
	return assigned, nil
}

func unknownPartition(text string) error {
	return &apiError{code: kerr.UnknownTopicOrPartition.Code, message: text}
}

// topicsOf are the topics of a plan in order of appearance.
func topicsOf(plan []replicaMove) []string {
	var topics []string
	for _, move := range plan {
		if !contains(topics, move.topic) {
			topics = append(topics, move.topic)
		}
	}
	return topics
}

// replicaDirs is where one replica is on its broker's disks, and how large; future is where it is being moved to.
type replicaDirs struct {
	current, future string
	sizeBytes       int64
}

// describeReplicas asks brokers for the directories and sizes of replicas. What is not found is missing in the answer.
func (r *reassigner) describeReplicas(ctx context.Context, replicas []partitionReplica) (map[partitionReplica]replicaDirs, error) {
	byBroker := map[int32]map[string][]int32{}
	for _, replica := range replicas {
		if byBroker[replica.broker] == nil {
			byBroker[replica.broker] = map[string][]int32{}
		}
		byBroker[replica.broker][replica.topic] = append(byBroker[replica.broker][replica.topic], replica.partition)
	}
	described := map[partitionReplica]replicaDirs{}
	for broker, topics := range byBroker {
		request := kmsg.NewPtrDescribeLogDirsRequest()
		for topic, partitions := range topics {
			request.Topics = append(request.Topics, kmsg.DescribeLogDirsRequestTopic{Topic: topic, Partitions: partitions})
		}
		answer, err := r.askBroker(ctx, "describeReplicaLogDirs", broker, request)
		if err != nil {
			return nil, err
		}
		for _, d := range answer.(*kmsg.DescribeLogDirsResponse).Dirs {
			if d.ErrorCode == 0 {
				addReplicaDirs(described, broker, &d)
			}
		}
	}
	return described, nil
}

func addReplicaDirs(described map[partitionReplica]replicaDirs, broker int32, d *kmsg.DescribeLogDirsResponseDir) {
	for _, t := range d.Topics {
		for _, p := range t.Partitions {
			replica := partitionReplica{topicPartition{t.Topic, p.Partition}, broker}
			found := described[replica]
			if p.IsFuture {
				found.future = d.Dir
			} else {
				found.current, found.sizeBytes = d.Dir, p.Size
			}
			described[replica] = found
		}
	}
}

// directories is where replicas are that live brokers have.
func (r *reassigner) directories(ctx context.Context, assigned map[topicPartition][]int32) (map[partitionReplica]string, error) {
	live, err := r.liveBrokers(ctx)
	if err != nil {
		return nil, err
	}
	var replicas []partitionReplica
	for tp, brokers := range assigned {
		for _, broker := range brokers {
			if live[broker] {
				replicas = append(replicas, partitionReplica{tp, broker})
			}
		}
	}
	described, err := r.describeReplicas(ctx, replicas)
	if err != nil {
		return nil, err
	}
	dirs := map[partitionReplica]string{}
	for replica, where := range described {
		dirs[replica] = where.current
	}
	return dirs, nil
}

// brokersOf are all brokers that a plan names, and those of more, sorted.
func brokersOf(plan []replicaMove, more ...int32) []int32 {
	brokers := slices.Clone(more)
	for _, move := range plan {
		brokers = append(brokers, move.replicas...)
	}
	slices.Sort(brokers)
	return slices.Compact(brokers)
}
