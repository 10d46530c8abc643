package replica

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ISRChanger carries an AlterPartition to the controller.
type ISRChanger func(ctx context.Context, req *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error)

// proposals gathers what the leaders here want changed: one request is under way at a time, and takes all that came meanwhile.
type proposals struct {
	mu      sync.Mutex
	waiting map[logdir.TopicPartition]wish // a partition has one proposal at a time
	wake    chan struct{}
}

// wish is one partition's proposal.
type wish struct {
	part     *partition.Partition
	topicID  metadata.TopicID
	proposal partition.Proposal
}

// replication is what a hosted partition needs to lead followers.
func (r *Replicas) replication(l *logdir.Log) partition.Replication {
	if r.options.Cluster.AlterPartition == nil {
		return partition.Replication{}
	}
	return partition.Replication{
		MaxLagMs: func() int64 { return r.options.Config.Broker().ReplicaLagTimeMaxMs },
		Eligible: func(broker int32, _ int64) bool { // whether its epoch still stands is the controller's to know
			return r.lives(broker)
		},
		Propose: func(p *partition.Partition, proposal partition.Proposal) {
			r.proposals.mu.Lock()
			r.proposals.waiting[l.TopicPartition] = wish{p, l.TopicID(), proposal} // which has its id by now, though it had none
			r.proposals.mu.Unlock()
			select {
			case r.proposals.wake <- struct{}{}:
			default:
			}
		},
	}
}

// keepISRs looks for members that lag, twice in replica.lag.time.max.ms.
func (r *Replicas) keepISRs() {
	for {
		every := r.options.Config.Broker().ReplicaLagTimeMaxMs / 2
		timer := time.NewTimer(time.Duration(min(max(1, every), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond)
		select {
		case <-r.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		r.checkISRs(func(string) bool { return true })
	}
}

// disputeELR has a leader that goes by a smaller min.insync.replicas than the controller say so.
func (r *Replicas) disputeELR(tp logdir.TopicPartition) {
	h := r.at(tp)
	if st := h.part.State(); st.Role == partition.Leader && len(st.ELR) > 0 {
		h.part.CheckISR()
	}
}

// checkISRs has the leaders of some topics look after their ISRs.
func (r *Replicas) checkISRs(of func(topic string) bool) {
	r.mu.RLock()
	parts := make([]*partition.Partition, 0, len(r.hosted))
	for tp, h := range r.hosted {
		if h.part != nil && of(tp.Topic) {
			parts = append(parts, h.part)
		}
	}
	r.mu.RUnlock()
	for _, p := range parts {
		p.CheckISR()
	}
}

// proposalRetry is waited after the controller could not be asked.
const proposalRetry = 50 * time.Millisecond

// sendProposals asks the controller, again and again until it answers or the proposals are overtaken.
func (r *Replicas) sendProposals() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-r.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-r.stop:
			return
		case <-r.proposals.wake:
		}
		if again := r.sendWaiting(ctx); again {
			timer := time.NewTimer(proposalRetry)
			select {
			case <-r.stop:
				timer.Stop()
				return
			case <-timer.C:
			}
			select {
			case r.proposals.wake <- struct{}{}:
			default:
			}
		}
	}
}

// sendWaiting sends one request with all that waits. again: some of it is to be sent anew.
func (r *Replicas) sendWaiting(ctx context.Context) (again bool) {
	p := &r.proposals
	p.mu.Lock()
	sent := p.waiting
	p.waiting = map[logdir.TopicPartition]wish{}
	p.mu.Unlock()
	for tp, w := range sent { // overtaken by a LeaderAndIsr
		if st := w.part.State(); st.Role != partition.Leader || st.PartitionEpoch != w.proposal.PartitionEpoch {
			delete(sent, tp)
		}
	}
	if len(sent) == 0 {
		return false
	}
	reqCtx, cancel := context.WithTimeout(ctx, time.Duration(r.options.Config.Broker().RequestTimeoutMs)*time.Millisecond)
	defer cancel()
	resp, err := r.options.Cluster.AlterPartition(reqCtx, r.alterRequest(sent))
	if err == nil {
		err = codeError(resp.ErrorCode)
	}
	if err != nil {
		r.options.Logger.Debug("the controller did not change ISRs; asking again", "partitions", len(sent), "error", err)
	} else {
		r.takeAnswers(sent, resp)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for tp, w := range sent {
		if _, newer := p.waiting[tp]; !newer {
			p.waiting[tp], again = w, true
		}
	}
	return again
}

func (r *Replicas) alterRequest(sent map[logdir.TopicPartition]wish) *kmsg.AlterPartitionRequest {
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = 3, r.options.BrokerID, r.options.Cluster.BrokerEpoch()
	topics := map[metadata.TopicID]int{}
	for tp, w := range sent {
		at, ok := topics[w.topicID]
		if !ok {
			at = len(req.Topics)
			topics[w.topicID] = at
			topic := kmsg.NewAlterPartitionRequestTopic()
			topic.Topic, topic.TopicID = tp.Topic, w.topicID
			req.Topics = append(req.Topics, topic)
		}
		one := kmsg.NewAlterPartitionRequestTopicPartition()
		one.Partition, one.LeaderEpoch, one.PartitionEpoch = tp.Partition, w.proposal.LeaderEpoch, w.proposal.PartitionEpoch
		for i, id := range w.proposal.ISR {
			member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
			member.BrokerID, member.BrokerEpoch = id, w.proposal.BrokerEpochs[i]
			if id == r.options.BrokerID {
				member.BrokerEpoch = req.BrokerEpoch
			}
			one.NewEpochISR = append(one.NewEpochISR, member)
		}
		metadata.SetMinInsync(&one.UnknownTags, w.proposal.MinInsync)
		req.Topics[at].Partitions = append(req.Topics[at].Partitions, one)
	}
	return req
}

// takeAnswers settles what was answered; what is to be asked again stays in sent.
func (r *Replicas) takeAnswers(sent map[logdir.TopicPartition]wish, resp *kmsg.AlterPartitionResponse) {
	names := map[metadata.TopicID]string{}
	for tp, w := range sent {
		names[w.topicID] = tp.Topic
	}
	for _, topic := range resp.Topics {
		for _, answer := range topic.Partitions {
			tp := logdir.TopicPartition{Topic: names[topic.TopidID], Partition: answer.Partition}
			w, ok := sent[tp]
			if !ok {
				continue
			}
			switch err := codeError(answer.ErrorCode); {
			case err == nil:
				elr, _ := metadata.ELR(&answer.UnknownTags)
				w.part.Accepted(w.proposal, answer.ISR, elr, answer.PartitionEpoch)
				r.options.Logger.Info("ISR changed", "topic", tp.Topic, "partition", tp.Partition, "isr", answer.ISR)
			case errors.Is(err, kerr.IneligibleReplica), errors.Is(err, kerr.InvalidRequest), errors.Is(err, kerr.OperationNotAttempted):
				w.part.Refused(w.proposal)
			case errors.Is(err, kerr.NotController), errors.Is(err, kerr.UnknownServerError):
				continue // asked again
			default:
				// FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION, an unknown topic: the state is another one, which a LeaderAndIsr brings. Until
				// then the proposal may be in force, and its members count.
			}
			delete(sent, tp)
		}
	}
}

// lives tells whether the controller counts a broker among the live ones.
func (r *Replicas) lives(broker int32) bool {
	_, ok := r.options.Metadata.Image().Brokers[broker]
	return ok
}
