package api

import (
	"maps"
	"slices"

	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Metadata, v0 to v13. Topics by name, from v12 by id; an empty list is all topics in v0 and none from v1 on, null is all topics.
// A topic that does not exist is created where request (from v4) and auto.create.topics.enable allow it.

// AutoCreator makes topics that a client asked for by name.
type AutoCreator interface {
	// AutoCreate starts to make topics with the broker's defaults; it does not wait until they have leaders. It answers an error for each
	// topic, at the same index: nil where the topic is being made or has been made by another.
	AutoCreate(topics []string) []error
}

// listRequestMaxBytes bounds requests that are lists of names: hundreds of thousands of them.
const listRequestMaxBytes = 16 << 20

func (s *Services) metadataRow() Row {
	return Row{Key: int16(kmsg.Metadata), Min: 0, Max: 13, MaxBytes: listRequestMaxBytes, Handle: s.metadata}
}

func (s *Services) metadata(call *Call, r kmsg.Request) {
	req, version := r.(*kmsg.MetadataRequest), call.Header.Version
	image := s.Metadata.Image()
	resp := kmsg.NewPtrMetadataResponse()
	for _, n := range s.nodes(image, call.Client) {
		resp.Brokers = append(resp.Brokers, kmsg.MetadataResponseBroker{
			NodeID: n.id, Host: n.endpoint.Host, Port: n.endpoint.Port, Rack: n.rack,
		})
	}
	resp.ClusterID, resp.ControllerID = &image.ClusterID, s.controllerID(image)
	resp.AuthorizedOperations = operations(req.IncludeClusterAuthorizedOperations, clusterOperations)
	m := metadataAnswer{services: s, call: call, image: image, req: req, resp: resp}
	switch {
	case req.Topics == nil, version == 0 && len(req.Topics) == 0:
		for _, name := range slices.Sorted(maps.Keys(image.Topics)) {
			m.topic(image.Topics[name])
		}
	case version < 12 && slices.ContainsFunc(req.Topics, namelessTopic):
		for i := range req.Topics {
			m.failed(req.Topics[i].Topic, req.Topics[i].TopicID, kerr.InvalidRequest.Code)
		}
	default:
		m.asked()
	}
	call.Respond(resp)
}

// namelessTopic is what only v12 allows.
func namelessTopic(t kmsg.MetadataRequestTopic) bool {
	return t.Topic == nil || t.TopicID != metadata.TopicID{}
}

// metadataAnswer is one answer in the making.
type metadataAnswer struct {
	services *Services
	call     *Call
	image    *metadata.Image
	req      *kmsg.MetadataRequest
	resp     *kmsg.MetadataResponse
}

// asked answers for the topics that the request names, each once.
func (m *metadataAnswer) asked() {
	var missing []string
	byID := slices.ContainsFunc(m.req.Topics, func(t kmsg.MetadataRequestTopic) bool { return t.TopicID != metadata.TopicID{} })
	seen := make(map[string]bool, len(m.req.Topics))
	for i := range m.req.Topics {
		t := &m.req.Topics[i]
		if byID && t.TopicID == (metadata.TopicID{}) {
			continue // names beside ids are not answered, as in Kafka
		}
		if byID || t.Topic == nil {
			if topic := m.image.ByID[t.TopicID]; topic != nil {
				m.topic(topic)
			} else {
				m.failed(nil, t.TopicID, kerr.UnknownTopicID.Code)
			}
			continue
		}
		if seen[*t.Topic] {
			continue
		}
		seen[*t.Topic] = true
		if topic := m.image.Topics[*t.Topic]; topic != nil {
			m.topic(topic)
		} else {
			missing = append(missing, *t.Topic)
		}
	}
	if len(missing) > 0 {
		m.missing(missing)
	}
}

// missing answers for topics that do not exist, having them made where that is allowed.
func (m *metadataAnswer) missing(names []string) {
	var create []string
	s := m.services
	allowed := s.AutoCreate != nil && s.Config.Broker().AutoCreateTopics && (m.req.AllowAutoTopicCreation || m.call.Header.Version < 4)
	for _, name := range names {
		switch {
		case !validTopicName(name):
			m.failed(&name, metadata.TopicID{}, kerr.InvalidTopicException.Code)
		case allowed:
			create = append(create, name)
		default:
			m.failed(&name, metadata.TopicID{}, kerr.UnknownTopicOrPartition.Code)
		}
	}
	if len(create) == 0 {
		return
	}
	for i, err := range s.AutoCreate.AutoCreate(create) {
		code := kerr.LeaderNotAvailable.Code
		if err != nil {
			code = s.code(err)
		}
		m.failed(&create[i], metadata.TopicID{}, code)
	}
}

func (m *metadataAnswer) failed(name *string, id metadata.TopicID, code int16) {
	t := kmsg.NewMetadataResponseTopic()
	t.ErrorCode, t.Topic, t.TopicID = code, name, id
	if name == nil && m.call.Header.Version < 12 {
		t.Topic = new(string)
	}
	if name != nil && code != kerr.InvalidRequest.Code {
		t.IsInternal = isInternal(*name)
		t.AuthorizedOperations = operations(m.req.IncludeTopicAuthorizedOperations, topicOperations)
	}
	m.resp.Topics = append(m.resp.Topics, t)
}

func (m *metadataAnswer) topic(topic *metadata.Topic) {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic, t.TopicID, t.IsInternal = &topic.Name, topic.ID, isInternal(topic.Name)
	t.AuthorizedOperations = operations(m.req.IncludeTopicAuthorizedOperations, topicOperations)
	t.Partitions = make([]kmsg.MetadataResponseTopicPartition, 0, len(topic.Partitions))
	for n := range topic.Partitions {
		if topic.Partitions[n].Known() {
			t.Partitions = append(t.Partitions, m.partition(int32(n), &topic.Partitions[n]))
		}
	}
	m.resp.Topics = append(m.resp.Topics, t)
}

func (m *metadataAnswer) partition(number int32, p *metadata.Partition) kmsg.MetadataResponseTopicPartition {
	out := kmsg.NewMetadataResponseTopicPartition()
	out.Partition, out.Leader, out.LeaderEpoch = number, p.Leader, p.LeaderEpoch
	out.Replicas, out.ISR, out.OfflineReplicas = p.Replicas, p.ISR, p.OfflineReplicas
	if m.call.Header.Version == 0 {
		out.Replicas, out.ISR = m.live(p.Replicas), m.live(p.ISR)
	}
	listener := m.call.Client.Listener
	switch leader, alive := m.image.Brokers[p.Leader]; {
	case !alive:
		out.ErrorCode, out.Leader = kerr.LeaderNotAvailable.Code, -1
	case leader.Endpoints[listener] == (metadata.Endpoint{}):
		out.ErrorCode, out.Leader = kerr.LeaderNotAvailable.Code, -1
		if m.call.Header.Version >= 6 {
			out.ErrorCode = kerr.ListenerNotFound.Code
		}
	case len(out.Replicas) < len(p.Replicas) || len(out.ISR) < len(p.ISR):
		out.ErrorCode = kerr.ReplicaNotAvailable.Code
	}
	return out
}

// live filters what a client of v0 can reach; later ones are told of all.
func (m *metadataAnswer) live(replicas []int32) []int32 {
	var live []int32
	for _, id := range replicas {
		if _, ok := m.image.Brokers[id].Endpoints[m.call.Client.Listener]; ok {
			live = append(live, id)
		}
	}
	return live
}
