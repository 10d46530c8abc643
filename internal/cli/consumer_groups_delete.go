package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteGroups is --delete.
func (g *groupClient) deleteGroups(ctx context.Context, v *Values) error {
	ids, err := g.chosenGroups(ctx, v)
	if err != nil {
		return failedInCall(err)
	}
	failed := map[string]error{}
	if len(ids) > 0 {
		request := kmsg.NewPtrDeleteGroupsRequest()
		request.Groups = ids
		shards, err := g.sharded(ctx, "deleteConsumerGroups(api=FIND_COORDINATOR)", request)
		for _, id := range ids {
			failed[id] = err
		}
		for _, shard := range shards {
			if err != nil || shard.Err != nil {
				for _, id := range shard.Req.(*kmsg.DeleteGroupsRequest).Groups {
					failed[id] = firstError(err, shard.Err)
				}
				continue
			}
			for _, group := range shard.Resp.(*kmsg.DeleteGroupsResponse).Groups {
				failed[group.Group] = codeError(group.ErrorCode, group.ErrorMessage)
			}
		}
	}
	printDeleted(g.env, javaHashOrder(ids), failed)
	return nil
}

// firstError is the first of two errors that is one, in the words of Kafka's client.
func firstError(first, second error) error {
	if first != nil {
		return first
	}
	return fromClient(second)
}

func printDeleted(env *Env, ids []string, failed map[string]error) {
	var deleted, failures []string
	for _, id := range ids {
		if err := failed[id]; err != nil {
			failures = append(failures, fmt.Sprintf("* Group '%s' could not be deleted due to: %s\n", id, javaError(err)))
		} else {
			deleted = append(deleted, "'"+id+"'")
		}
	}
	if len(failures) == 0 {
		env.printf("Deletion of requested consumer groups (%s) was successful.\n", strings.Join(deleted, ", "))
		return
	}
	env.printf("\nError: Deletion of some consumer groups failed:\n%s", strings.Join(failures, ""))
	if len(deleted) > 0 {
		env.printf("\nThese consumer groups were deleted successfully: %s\n", strings.Join(deleted, ", "))
	}
}

// deleteOffsets is --delete-offsets.
func (g *groupClient) deleteOffsets(ctx context.Context, id string, specs []string) error {
	results := map[topicPartition]error{}
	var partitions []topicPartition
	for _, spec := range specs {
		if strings.Contains(spec, ":") {
			named, err := partitionSpec(spec)
			if err != nil {
				return err
			}
			partitions = append(partitions, named...)
			continue
		}
		found, err := g.partitionsOfTopic(ctx, spec)
		if err != nil {
			results[topicPartition{spec, -1}] = err
		}
		partitions = append(partitions, found...)
	}
	slices.SortFunc(partitions, topicPartition.compare)
	partitions = slices.Compact(partitions)
	whole := g.deletePartitions(ctx, id, partitions, results)
	g.env.println(deletionHead(id, whole))
	printDeletedOffsets(g.env, results)
	return nil
}

func (g *groupClient) partitionsOfTopic(ctx context.Context, topic string) ([]topicPartition, error) {
	response, err := g.metadata(ctx, "describeTopics", []string{topic})
	if err != nil {
		return nil, err
	}
	var partitions []topicPartition
	for i := range response.Topics {
		if err := codeError(response.Topics[i].ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, p := range response.Topics[i].Partitions {
			partitions = append(partitions, topicPartition{topic, p.Partition})
		}
	}
	return partitions, nil
}

// deletePartitions deletes a group's offsets of these partitions, puts what came of each into results, and returns the error of
// the whole, which may be that of one partition.
func (g *groupClient) deletePartitions(ctx context.Context, id string, partitions []topicPartition, results map[topicPartition]error) error {
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = id
	for _, tp := range partitions {
		last := len(request.Topics) - 1
		if last < 0 || request.Topics[last].Topic != tp.topic {
			topic := kmsg.NewOffsetDeleteRequestTopic()
			topic.Topic = tp.topic
			request.Topics = append(request.Topics, topic)
			last++
		}
		p := kmsg.NewOffsetDeleteRequestTopicPartition()
		p.Partition = tp.partition
		request.Topics[last].Partitions = append(request.Topics[last].Partitions, p)
	}
	response, err := call[*kmsg.OffsetDeleteResponse](ctx, g.admin, "deleteConsumerGroupOffsets(api=FIND_COORDINATOR)", request)
	if err == nil {
		err = codeError(response.ErrorCode, nil)
	}
	for _, tp := range partitions {
		results[tp] = err
	}
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if wrong := codeError(p.ErrorCode, nil); wrong != nil {
				results[topicPartition{topic.Topic, p.Partition}] = wrong
				if err == nil {
					err = wrong
				}
			}
		}
	}
	return err
}

// deletionHead is the line above the table.
func deletionHead(id string, err error) string {
	var answered *apiError
	var late *timeoutError
	switch {
	case err == nil:
		return fmt.Sprintf("Request succeeded for deleting offsets from group %s.", id)
	case isCode(err, kerr.InvalidGroupID), isCode(err, kerr.GroupIDNotFound), isCode(err, kerr.GroupAuthorizationFailed),
		isCode(err, kerr.NonEmptyGroup):
		return "\nError: " + err.Error()
	case isCode(err, kerr.GroupSubscribedToTopic), isCode(err, kerr.TopicAuthorizationFailed), isCode(err, kerr.UnknownTopicOrPartition):
		return "\nError: Encountered some partition-level error, see the follow-up details."
	case errors.As(err, &late):
		return "\nError: Encountered some unknown error: REQUEST_TIMED_OUT"
	case errors.As(err, &answered):
		return "\nError: Encountered some unknown error: " + kerr.TypedErrorForCode(answered.code).Message
	}
	return "\nError: Encountered some unknown error: UNKNOWN_SERVER_ERROR"
}

func printDeletedOffsets(env *Env, results map[topicPartition]error) {
	columns := []column{{"TOPIC", 15}, {"PARTITION", 10}, {"STATUS", 15}}
	partitions := make([]topicPartition, 0, len(results))
	for tp := range results {
		partitions = append(partitions, tp)
		widen(columns, []string{tp.topic}, 0)
	}
	key := func(tp topicPartition) string { return tp.topic + strconv.Itoa(int(tp.partition)) }
	sort.Slice(partitions, func(i, j int) bool { return key(partitions[i]) < key(partitions[j]) })
	var text strings.Builder
	text.WriteByte('\n')
	writeRow(&text, columns, heads(columns))
	for _, tp := range partitions {
		cells := []string{tp.topic, "-", "Successful"}
		if tp.partition >= 0 {
			cells[1] = strconv.Itoa(int(tp.partition))
		}
		if err := results[tp]; err != nil {
			cells[2] = "Error: " + javaError(err)
		}
		text.WriteByte('\n')
		writeRow(&text, columns, cells)
	}
	env.println(text.String())
}
