package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kinds of election that a client may ask for.
const (
	preferredElection int8 = 0 // the first assigned replica leads, if it is in sync
	uncleanElection   int8 = 1 // any live replica leads where none in sync does: records may be lost
)

// electLeaders is an operator's wish for elections (KIP-183, KIP-460). done is called once.
type electLeaders struct {
	req  *kmsg.ElectLeadersRequest
	done func(*kmsg.ElectLeadersResponse)
}

// refuse answers for every partition that was named.
func (e electLeaders) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.ElectLeadersResponse)
	resp.ErrorCode = code
	for _, t := range e.req.Topics {
		for _, number := range t.Partitions {
			addElected(resp, PartitionID{Topic: t.Topic, Partition: number}, kerr.TypedErrorForCode(code))
		}
	}
	e.done(resp)
}

// handle elects, and answers what came of it for each partition. Where all partitions were meant, those that need no election are left out.
func (e electLeaders) handle(r *reign) error {
	all := e.req.Topics == nil
	ids := e.wanted(r)
	elected := map[PartitionID]int32{} // leader before
	var candidates []*partition
	results := map[PartitionID]*kerr.Error{}
	for _, id := range ids {
		p := r.state.partition(id)
		if results[id] = e.refusal(r, id, p); results[id] == nil {
			elected[id] = p.state.Leader
			candidates = append(candidates, p)
		}
	}
	if err := r.partitionsOnline(candidates, e.election(r)); err != nil {
		e.refuse(kerr.NotController.Code)
		return err
	}
	resp := e.req.ResponseKind().(*kmsg.ElectLeadersResponse)
	for _, id := range ids {
		if before, ok := elected[id]; ok && r.state.partition(id).state.Leader == before {
			results[id] = e.unavailable()
		}
		if !all || results[id] != kerr.ElectionNotNeeded {
			addElected(resp, id, results[id])
		}
	}
	e.done(resp)
	return nil
}

// wanted lists the partitions that are meant, once each.
func (e electLeaders) wanted(r *reign) []PartitionID {
	var ids []PartitionID
	for _, t := range e.req.Topics {
		for _, number := range t.Partitions {
			if id := (PartitionID{Topic: t.Topic, Partition: number}); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if e.req.Topics == nil {
		for _, p := range r.state.allPartitions(func(t *topic, _ *partition) bool { return t.deletion == notDeleted }) {
			ids = append(ids, p.id)
		}
	}
	return ids
}

// refusal is why a partition gets no election; nil where it gets one.
func (e electLeaders) refusal(r *reign, id PartitionID, p *partition) *kerr.Error {
	switch {
	case r.state.topics[id.Topic] == nil:
		return because(kerr.UnknownTopicOrPartition, "No such topic as %s", id.Topic)
	case p == nil || p.state == nil:
		return because(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", id.Topic, id.Partition)
	case r.state.topics[p.id.Topic].deletion != notDeleted:
		return kerr.InvalidTopicException
	case e.req.ElectionType == uncleanElection:
		if r.state.online(p.id, p.state.Leader) {
			return kerr.ElectionNotNeeded
		}
	case len(p.assignment.Replicas) > 0 && p.state.Leader == p.assignment.Replicas[0]:
		return kerr.ElectionNotNeeded
	}
	return nil
}

func (e electLeaders) election(r *reign) election {
	if e.req.ElectionType == preferredElection {
		return r.preferredElection
	}
	return func(p *partition) (choice, bool) {
		return electAny(p.assignment.Replicas, p.state, func(b int32) bool { return r.state.online(p.id, b) })
	}
}

func (e electLeaders) unavailable() *kerr.Error {
	if e.req.ElectionType == preferredElection {
		return kerr.PreferredLeaderNotAvailable
	}
	return kerr.EligibleLeadersNotAvailable
}

func addElected(resp *kmsg.ElectLeadersResponse, id PartitionID, err *kerr.Error) {
	p := kmsg.NewElectLeadersResponseTopicPartition()
	p.Partition = id.Partition
	if err != nil {
		p.ErrorCode, p.ErrorMessage = err.Code, kmsg.StringPtr(electionText(err))
	}
	at := slices.IndexFunc(resp.Topics, func(t kmsg.ElectLeadersResponseTopic) bool { return t.Topic == id.Topic })
	if at < 0 {
		at = len(resp.Topics)
		t := kmsg.NewElectLeadersResponseTopic()
		t.Topic = id.Topic
		resp.Topics = append(resp.Topics, t)
	}
	resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, p)
}

// electionText is Kafka's text of an error: kerr leaves out the full stop of those that are of elections.
func electionText(err *kerr.Error) string {
	switch err {
	case kerr.ElectionNotNeeded, kerr.PreferredLeaderNotAvailable, kerr.EligibleLeadersNotAvailable:
		return err.Description + "."
	}
	return err.Description
}
