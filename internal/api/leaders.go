package api

import (
	"milena/internal/metadata"
	"milena/internal/wire"
)

// adminClientID is the client id that may write internal topics.
const adminClientID = "__admin_client"

// isInternal tells whether a topic is Kafka's own: clients may read it, not write it.
func isInternal(topic string) bool {
	return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state"
}

// leaderOf is a partition's leader and its epoch as the image has it, -1 where unknown.
func leaderOf(image *metadata.Image, topic string, partition int32) (leader, epoch int32) {
	t := image.Topics[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.Partitions) {
		return -1, -1
	}
	p := &t.Partitions[partition]
	return p.Leader, p.LeaderEpoch
}

// leaderNodes gathers the endpoints of leaders, each broker once (KIP-951).
type leaderNodes struct{ list []wire.Node }

func (l *leaderNodes) add(s *Services, image *metadata.Image, id int32, client *Client) {
	for _, n := range l.list {
		if n.ID == id {
			return
		}
	}
	if broker, ok := image.Brokers[id]; ok {
		if endpoint, ok := s.endpoint(&broker, client); ok {
			l.list = append(l.list, wire.Node{ID: id, Host: endpoint.Host, Port: endpoint.Port, Rack: broker.Rack})
		}
	}
}
