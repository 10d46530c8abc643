package replica

import (
	"cmp"
	"slices"

	"milena/internal/metadata"
	"milena/internal/partition"
)

// reader is a consumer that may be sent to a replica near it (KIP-392); without a rack it reads from the leader.
type reader struct {
	rack, listener string
	image          *metadata.Image
}

// reader gives who reads by a fetch.
func (r *Replicas) reader(req *FetchRequest) reader {
	if req.ReplicaID >= 0 || !req.AnyReplica || req.Rack == "" || !r.options.Config.Broker().RackAwareSelector {
		return reader{}
	}
	return reader{rack: req.Rack, listener: req.Listener, image: r.options.Metadata.Image()}
}

// preferred is the replica that a consumer should read from instead of this leader, as Kafka's RackAwareReplicaSelector has it: in the
// consumer's rack, in sync, live, its log covering the offset; of several the one that has most, then the one that had all most recently,
// then the one with the highest id. -1: none, or this one is in that rack itself.
func (r *Replicas) preferred(from reader, h *hosted, offset int64) int32 {
	if from.rack == "" || from.holds(r.options.BrokerID) {
		return -1
	}
	views := h.part.Readable(offset)
	views = slices.DeleteFunc(views, func(v partition.ReplicaView) bool { return !from.holds(v.Broker) })
	if len(views) == 0 {
		return -1
	}
	return slices.MaxFunc(views, func(a, b partition.ReplicaView) int {
		return cmp.Or(cmp.Compare(a.LogEndOffset, b.LogEndOffset), cmp.Compare(b.BehindSinceMs, a.BehindSinceMs), cmp.Compare(a.Broker, b.Broker))
	}).Broker
}

// holds tells whether a live broker that the consumer can reach stands in its rack.
func (from reader) holds(broker int32) bool {
	b, lives := from.image.Brokers[broker]
	if !lives || b.Rack == nil || *b.Rack != from.rack {
		return false
	}
	_, reachable := b.Endpoints[from.listener]
	return reachable
}

// propagates tells whether followers are told at once of a high watermark that has moved: where consumers read from them, these would wait
// for the follower's next fetch else.
func (r *Replicas) propagates() bool { return r.options.Config.Broker().RackAwareSelector }
