package controller

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// alterReassignments is an operator's wish to move partitions, or to give moves up (KIP-455). done is called once.
type alterReassignments struct {
	req  *kmsg.AlterPartitionAssignmentsRequest
	done func(*kmsg.AlterPartitionAssignmentsResponse)
}

func (e alterReassignments) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resp.ErrorCode, resp.AllowReplicationFactorChange = code, e.req.AllowReplicationFactorChange
	e.done(resp)
}

// handle starts what can be started; the answer does not wait for data to be moved. Of a partition named twice the last wish counts.
func (e alterReassignments) handle(r *reign) error {
	results := map[PartitionID]*kerr.Error{}
	wanted := map[PartitionID]move{}
	for i := range e.req.Topics {
		t := &e.req.Topics[i]
		for j := range t.Partitions {
			id := PartitionID{Topic: t.Topic, Partition: t.Partitions[j].Partition}
			m, refusal := e.move(r, id, t.Partitions[j].Replicas)
			if results[id] = refusal; refusal == nil {
				wanted[id] = m
			} else {
				delete(wanted, id)
			}
		}
	}
	var moves []move
	for _, id := range sortedIDs(wanted) {
		if m := wanted[id]; !m.next.Equal(m.p.assignment) {
			moves = append(moves, m)
		}
	}
	// The latest wish counts, whichever way it came.
	err := r.forgetWanted(func(id PartitionID, _ []int32) bool { return wanted[id].p != nil })
	if err == nil {
		err = r.startMoves(moves)
	}
	if err != nil {
		e.refuse(kerr.NotController.Code)
		return err
	}
	e.done(e.answer(results))
	return nil
}

// move gives the assignment that a wish leads to; replicas nil: back to where the partition was.
func (e alterReassignments) move(r *reign, id PartitionID, target []int32) (move, *kerr.Error) {
	t, p := r.state.topics[id.Topic], r.state.partition(id)
	if t == nil || t.deletion != notDeleted {
		return move{}, because(kerr.UnknownTopicOrPartition, "Unable to find a topic named %s.", id.Topic)
	}
	if p == nil {
		return move{}, because(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", id.Topic, id.Partition)
	}
	if target == nil {
		if !p.assignment.Moving() {
			return move{}, because(kerr.NoReassignmentInProgress, "") // Kafka says no more than the code
		}
		next := p.assignment.MoveTo(p.assignment.Origin())
		return move{p, next}, r.refuseLoss(p, next)
	}
	if refusal := r.refuseTarget(p, id, target); refusal != nil {
		return move{}, refusal
	}
	sorted := slices.Clone(target)
	slices.Sort(sorted)
	for _, broker := range sorted {
		if r.state.live[broker] == nil && !slices.Contains(p.assignment.Replicas, broker) {
			return move{}, because(kerr.InvalidReplicaAssignment,
				"The manual partition assignment includes broker %d, but no such broker is registered.", broker)
		}
	}
	if now := len(p.assignment.Target()); e.req.Version >= 1 && !e.req.AllowReplicationFactorChange && now != len(target) {
		return move{}, because(kerr.InvalidReplicationFactor, "The replication factor is changed from %d to %d", now, len(target))
	}
	return move{p, p.assignment.MoveTo(target)}, nil
}

func (e alterReassignments) answer(results map[PartitionID]*kerr.Error) *kmsg.AlterPartitionAssignmentsResponse {
	resp := e.req.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resp.AllowReplicationFactorChange = e.req.AllowReplicationFactorChange
	if len(e.req.Topics) == 0 {
		resp.ErrorMessage = new(string) // as Kafka answers who asks for nothing
	}
	for i := range e.req.Topics {
		t := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		t.Topic = e.req.Topics[i].Topic
		for j := range e.req.Topics[i].Partitions {
			p := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			p.Partition = e.req.Topics[i].Partitions[j].Partition
			if err := results[PartitionID{Topic: t.Topic, Partition: p.Partition}]; err != nil {
				if p.ErrorCode = err.Code; err.Description != "" {
					p.ErrorMessage = &err.Description
				}
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

// because is one of Kafka's errors with a text of its own.
func because(err *kerr.Error, format string, args ...any) *kerr.Error {
	return &kerr.Error{Message: err.Message, Code: err.Code, Retriable: err.Retriable, Description: fmt.Sprintf(format, args...)}
}

// listReassignments asks which partitions are being moved. done is called once.
type listReassignments struct {
	req  *kmsg.ListPartitionReassignmentsRequest
	done func(*kmsg.ListPartitionReassignmentsResponse)
}

func (e listReassignments) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	resp.ErrorCode = code
	e.done(resp)
}

// handle answers for the partitions named, or for all; those that do not move, or do not exist, are left out.
func (e listReassignments) handle(r *reign) error {
	named := map[PartitionID]bool{}
	for _, t := range e.req.Topics {
		for _, number := range t.Partitions {
			named[PartitionID{Topic: t.Topic, Partition: number}] = true
		}
	}
	resp := e.req.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	for _, p := range r.state.movingPartitions(func(p *partition) bool { return e.req.Topics == nil || named[p.id] }) {
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].Topic != p.id.Topic {
			t := kmsg.NewListPartitionReassignmentsResponseTopic()
			t.Topic = p.id.Topic
			resp.Topics = append(resp.Topics, t)
		}
		moving := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		moving.Partition, moving.Replicas = p.id.Partition, p.assignment.Replicas
		moving.AddingReplicas, moving.RemovingReplicas = p.assignment.Adding, p.assignment.Removing
		last := &resp.Topics[len(resp.Topics)-1]
		last.Partitions = append(last.Partitions, moving)
	}
	e.done(resp)
	return nil
}
