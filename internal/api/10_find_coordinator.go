package api

import (
	"sync"
	"time"

	"milena/internal/group"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FindCoordinator, v0 to v6: the leader of the partition of an internal topic that a group or transactional id belongs to; from v4 on for many
// keys. A topic that is not there yet is made, whatever auto.create.topics.enable says, and the client asks again. There are no share
// groups (v6): their keys are refused as a Kafka without them does.

// Key types.
const (
	coordinatorOfGroup       int8 = 0
	coordinatorOfTransaction int8 = 1
	coordinatorOfShare       int8 = 2
)

const transactionTopic = "__transaction_state"

func (s *Services) findCoordinatorRow() Row {
	return Row{Key: int16(kmsg.FindCoordinator), Min: 0, Max: 6, MaxBytes: listRequestMaxBytes, Handle: s.findCoordinator}
}

func (s *Services) findCoordinator(call *Call, r kmsg.Request) {
	req := r.(*kmsg.FindCoordinatorRequest)
	resp := kmsg.NewPtrFindCoordinatorResponse()
	if call.Header.Version < 4 {
		c := s.coordinatorOf(call, req.CoordinatorType, req.CoordinatorKey)
		resp.ErrorCode, resp.NodeID, resp.Host, resp.Port = c.ErrorCode, c.NodeID, c.Host, c.Port
		resp.ErrorMessage = messageOf(c.ErrorCode)
		call.Respond(resp)
		return
	}
	for _, key := range req.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, s.coordinatorOf(call, req.CoordinatorType, key))
	}
	call.Respond(resp)
}

// messageOf is what Kafka says beside a code to clients before v4.
func messageOf(code int16) *string {
	text := "NONE"
	switch code {
	case 0:
	case kerr.CoordinatorNotAvailable.Code:
		text = "The coordinator is not available."
	case kerr.InvalidRequest.Code:
		text = "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible " +
			"broker. See the broker logs for more details."
	default:
		text = kerr.TypedErrorForCode(code).Description
	}
	return &text
}

// coordinatorOf finds the coordinator of one key.
func (s *Services) coordinatorOf(call *Call, kind int8, key string) kmsg.FindCoordinatorResponseCoordinator {
	c := kmsg.NewFindCoordinatorResponseCoordinator()
	c.Key, c.NodeID, c.Port = key, -1, -1
	none := ""
	c.ErrorMessage = &none
	var topic string
	switch kind {
	case coordinatorOfGroup:
		topic = group.Topic
	case coordinatorOfTransaction:
		topic = transactionTopic
	default:
		c.ErrorCode = kerr.InvalidRequest.Code
		if kind != coordinatorOfShare {
			c.ErrorMessage = messageOf(c.ErrorCode)
		}
		return c
	}
	image := s.Metadata.Image()
	if image.Topics[topic] == nil {
		s.makeInternal(topic)
		c.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return c
	}
	broker, endpoint, ok := s.coordinatorIn(image, call.Client, topic, key)
	if !ok {
		c.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return c
	}
	c.NodeID, c.Host, c.Port = broker, endpoint.Host, endpoint.Port
	return c
}

// coordinatorIn is the leader of the key's partition, where it is alive and has the client's listener.
func (s *Services) coordinatorIn(image *metadata.Image, client *Client, topic, key string) (int32, metadata.Endpoint, bool) {
	leader, _ := leaderOf(image, topic, group.PartitionFor(key, int32(len(image.Topics[topic].Partitions))))
	broker, ok := image.Brokers[leader]
	if !ok {
		return -1, metadata.Endpoint{}, false
	}
	endpoint, ok := s.endpoint(&broker, client)
	return leader, endpoint, ok
}

// internalTopics keeps the log short while clients ask for a coordinator whose topic cannot be made.
type internalTopics struct {
	mu   sync.Mutex
	told map[string]time.Time // when its failure was last logged
}

// tellAgainAfter is how long the log is silent about a topic that still cannot be made.
const tellAgainAfter = time.Minute

// makeInternal starts to make an internal topic.
func (s *Services) makeInternal(topic string) {
	if s.AutoCreate == nil {
		return
	}
	err := s.AutoCreate.AutoCreate([]string{topic})[0]
	if err == nil {
		return
	}
	s.internal.mu.Lock()
	defer s.internal.mu.Unlock()
	if at, ok := s.internal.told[topic]; ok && time.Since(at) < tellAgainAfter {
		return
	}
	if s.internal.told == nil {
		s.internal.told = map[string]time.Time{}
	}
	s.internal.told[topic] = time.Now()
	setting := "offsets.topic.replication.factor"
	if topic == transactionTopic {
		setting = "transaction.state.log.replication.factor"
	}
	s.Logger.Error("a coordinator's topic cannot be made; its clients wait", "topic", topic, "error", err, "setting", setting)
}
