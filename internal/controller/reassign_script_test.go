package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// reassign plays the verbs of reassignments.
func (s *script) reassign(t *testing.T, verb string, args []string) string {
	t.Helper()
	synctest.Wait()
	store := s.any(t).store
	var out strings.Builder
	switch verb {
	case "move":
		return s.move(t, args)
	case "moves":
		return s.moves()
	case "tool":
		targets := map[PartitionID][]int32{}
		for _, a := range args {
			id, target, _ := strings.Cut(a, "=")
			targets[partitionID(t, id)] = numbers(t, target)
		}
		if err := store.RequestReassignment(ctx, targets); err != nil {
			return err.Error() + "\n"
		}
	case "asked":
		asked, err := store.Reassignments(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if asked == nil {
			return "nothing\n"
		}
		asked.Each(func(id PartitionID, target []int32) { fmt.Fprintf(&out, "%s: %v\n", id, target) })
	case "assigned":
		topic, err := store.Topic(ctx, args[0])
		if err != nil {
			return err.Error() + "\n"
		}
		for n, a := range topic.Partitions {
			fmt.Fprintf(&out, "%s-%d: %v", args[0], n, a.Replicas)
			if a.Moving() {
				fmt.Fprintf(&out, " adding=%v removing=%v", a.Adding, a.Removing)
			}
			out.WriteString("\n")
		}
	case "topics":
		topics, err := store.Topics(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range topics {
			out.WriteString(topic.Name + "\n")
		}
	case "join":
		return s.join(t, number(t, args[0]), partitionID(t, args[1]))
	}
	synctest.Wait()
	return out.String()
}

func (s *script) move(t *testing.T, args []string) string {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.Version = 1
	for _, a := range args {
		if a == "same-factor" {
			req.AllowReplicationFactorChange = false
			continue
		}
		name, target, _ := strings.Cut(a, "=")
		id := partitionID(t, name)
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition = id.Partition
		switch target {
		case "":
		case "none":
			p.Replicas = []int32{}
		default:
			p.Replicas = numbers(t, target)
		}
		topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		topic.Topic, topic.Partitions = id.Topic, append(topic.Partitions, p)
		req.Topics = append(req.Topics, topic)
	}
	answer := make(chan *kmsg.AlterPartitionAssignmentsResponse, 1)
	s.cluster.active().controller.AlterReassignments(req, func(r *kmsg.AlterPartitionAssignmentsResponse) { answer <- r })
	r := <-answer
	if r.ErrorCode != 0 {
		return errorName(r.ErrorCode) + "\n"
	}
	var out strings.Builder
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			fmt.Fprintf(&out, "%s-%d: %s", topic.Topic, p.Partition, errorName(p.ErrorCode))
			if p.ErrorMessage != nil {
				fmt.Fprintf(&out, " (%s)", *p.ErrorMessage)
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

func (s *script) moves() string {
	answer := make(chan *kmsg.ListPartitionReassignmentsResponse, 1)
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	s.cluster.active().controller.ListReassignments(req, func(r *kmsg.ListPartitionReassignmentsResponse) { answer <- r })
	var out strings.Builder
	for _, topic := range (<-answer).Topics {
		for _, p := range topic.Partitions {
			fmt.Fprintf(&out, "%s-%d: %v adding=%v removing=%v\n", topic.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas)
		}
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

// join has the leader propose the ISR with one more member, as it does once that has caught up.
func (s *script) join(t *testing.T, member int32, id PartitionID) string {
	state, err := s.any(t).store.PartitionState(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var isr []string
	for _, broker := range append(slices.Clone(state.ISR), member) {
		isr = append(isr, fmt.Sprint(broker))
	}
	out := s.alter(t, []string{fmt.Sprint(state.Leader), id.String(), fmt.Sprintf("leader-epoch=%d", state.LeaderEpoch),
		fmt.Sprintf("epoch=%d", state.Version), "isr=" + strings.Join(isr, ",")})
	synctest.Wait()
	return out
}
