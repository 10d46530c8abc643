package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// reign is one term of office. Only the event loop touches it.
type reign struct {
	ctx   context.Context
	store *clusterstore.Store
	epoch clusterstore.Epoch
	cfg   *Config
	log   *slog.Logger
	state *clusterState
	batch batch
	told  map[PartitionID]int // min.insync.replicas, as the leaders tell whose wishes are being written
	out   outbox
	// movesWanted: there was a tool's request for reassignments when last looked.
	movesWanted bool
	// post puts an event into the queue: for replies of brokers.
	post func(event)
}

// outbox takes requests to brokers, in order for each broker.
type outbox interface {
	open(b *clusterstore.Broker)
	close(broker int32)
	send(broker int32, req kmsg.Request, done func(kmsg.Response))
}

// begin reads the cluster's state and brings the brokers in line with it.
func (r *reign) begin() error {
	brokers, err := r.store.Brokers(r.ctx)
	if err != nil {
		return err
	}
	// Before the topics: a request for one that was made since would be taken for one for a topic that there is not.
	deletions, err := r.store.TopicDeletions(r.ctx)
	if err != nil {
		return err
	}
	topics, err := r.store.Topics(r.ctx)
	if err != nil {
		return err
	}
	states, err := r.store.PartitionStates(r.ctx, topics)
	if err != nil {
		return err
	}
	for _, b := range brokers {
		r.state.live[b.ID] = b
		r.out.open(b)
	}
	for _, t := range topics {
		if err := r.ensureTopicID(t); err != nil {
			return err
		}
		r.load(t, states)
	}
	dropped, err := r.acceptDeletions(deletions)
	if err != nil {
		return err
	}
	// Brokers first learn of each other, so that no follower is told of a leader it cannot reach.
	r.batch.metadata(nil)
	r.flush()
	if err := r.takeInUnclean(brokers); err != nil {
		return err
	}
	if err := r.leaveAfterBounce(); err != nil {
		return err
	}
	if err := r.dropStrays(); err != nil {
		return err
	}
	if err := r.startReplicas(); err != nil {
		return err
	}
	if err := r.electWhereNeeded(); err != nil {
		return err
	}
	r.batch.everything(r.state.liveBrokers())
	r.flush()
	if err := r.resumeMoves(); err != nil {
		return err
	}
	if err := (preferredWanted{}).handle(r); err != nil {
		return err
	}
	if err := r.completeElected(); err != nil {
		return err
	}
	r.flush()
	if err := r.advanceDeletions(); err != nil {
		return err
	}
	r.flush()
	r.log.Info("controller elected", "broker", r.cfg.BrokerID, "epoch", r.epoch.Number, "brokers", len(brokers), "topics", len(topics),
		"deletions", len(deletions)-dropped)
	return nil
}

// ensureTopicID gives an id to a topic that a Kafka before 2.8 made.
func (r *reign) ensureTopicID(t *clusterstore.Topic) error {
	if t.ID != ([16]byte{}) {
		return nil
	}
	t.ID = r.cfg.NewID()
	return r.store.UpdateTopic(r.ctx, r.epoch, t)
}

// load takes a topic into memory with the phases that its nodes and the live brokers tell.
func (r *reign) load(stored *clusterstore.Topic, states map[PartitionID]*clusterstore.PartitionState) {
	t := r.state.addTopic(stored)
	for _, p := range t.partitions {
		p.state = states[p.id]
		switch {
		case p.state == nil:
			p.phase = partitionNew
		case r.state.online(p.id, p.state.Leader):
			p.phase = partitionOnline
		default:
			p.phase = partitionOffline
		}
		for _, broker := range p.assignment.Replicas {
			p.replicas[broker] = replicaOnline
			if !r.state.online(p.id, broker) {
				// What is to be deleted and was not confirmed cannot be deleted while its broker is away.
				p.replicas[broker] = replicaDeletionIneligible
			}
		}
	}
}

// leaveAfterBounce takes replicas out of their ISRs whose brokers registered after the ISR was last written, so that no controller has noticed
// their death: a leader must not lead on in an epoch of which it remembers nothing, and a broker of Kafka's does not say what it may have lost.
// Where no other member lives that stayed, the ISR is as good as can be had.
func (r *reign) leaveAfterBounce() error {
	var bounced []replicaID
	for _, p := range r.state.allPartitions(nil) {
		if p.state == nil {
			continue
		}
		came := func(id int32) bool { return r.state.live[id] != nil && r.state.live[id].Epoch > p.state.ModID }
		stayed := keep(p.state.ISR, func(id int32) bool { return r.state.online(p.id, id) && !came(id) })
		if len(stayed) == 0 {
			continue
		}
		for _, id := range keep(p.state.ISR, came) {
			bounced = append(bounced, replicaID{p.id, id})
		}
	}
	return r.leaveISR(bounced)
}

// startReplicas tells every live replica of its role.
func (r *reign) startReplicas() error {
	var ids []replicaID
	for _, p := range r.state.allPartitions(nil) {
		for _, id := range p.allReplicas() {
			if r.state.online(p.id, id.Broker) {
				ids = append(ids, id)
			}
		}
	}
	r.replicasOnline(ids)
	// Replicas of dead brokers leave the ISRs.
	var gone []replicaID
	for _, p := range r.state.allPartitions(nil) {
		for _, id := range p.allReplicas() {
			if !r.state.online(p.id, id.Broker) {
				gone = append(gone, id)
			}
		}
	}
	return r.replicasOffline(gone)
}

// electWhereNeeded gives a leader to every partition that has none and can have one.
func (r *reign) electWhereNeeded() error {
	waiting := r.state.allPartitions(func(t *topic, p *partition) bool {
		return t.deletion == notDeleted && (p.phase == partitionNew || p.phase == partitionOffline)
	})
	return r.partitionsOnline(waiting, r.offlineElection)
}

// refresh reads a partition's state again, after another wrote it.
func (r *reign) refresh(p *partition) error {
	state, err := r.store.PartitionState(r.ctx, p.id)
	if errors.Is(err, coord.ErrNoNode) {
		return fmt.Errorf("controller: the state of %s is gone: %w", p.id, err)
	}
	if err == nil {
		p.state = state
	}
	return err
}

// flush sends what has gathered.
func (r *reign) flush() { r.batch.send(r) }

// refuse logs a change of phase that must not be: a defect here, or nodes changed by hand.
func (r *reign) refuse(text string) {
	r.log.Error("controller: invalid transition refused", "transition", text)
}
