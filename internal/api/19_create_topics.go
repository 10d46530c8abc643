package api

import (
	"context"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopics, v0 to v7. From v5 the answer has the topic's configuration, from v7 its id; partitions and replication factor of -1 are
// the broker's defaults.

func (s *Services) createTopicsRow() Row {
	return Row{Key: int16(kmsg.CreateTopics), Min: 0, Max: 7, MaxBytes: listRequestMaxBytes, Handle: s.createTopics}
}

func (s *Services) createTopics(call *Call, r kmsg.Request) {
	req := r.(*kmsg.CreateTopicsRequest)
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		resp := kmsg.NewPtrCreateTopicsResponse()
		twice := repeated(req.Topics, func(t *kmsg.CreateTopicsRequestTopic) string { return t.Topic })
		told := map[string]bool{}
		var topics []admin.NewTopic
		for i := range req.Topics {
			t := &req.Topics[i]
			if !twice[t.Topic] {
				topics = append(topics, newTopic(t))
			} else if !told[t.Topic] {
				told[t.Topic] = true
				text := "Duplicate topic name."
				resp.Topics = append(resp.Topics, kmsg.CreateTopicsResponseTopic{
					Topic: t.Topic, ErrorCode: kerr.InvalidRequest.Code, ErrorMessage: &text, NumPartitions: -1, ReplicationFactor: -1,
					Configs: []kmsg.CreateTopicsResponseTopicConfig{},
				})
			}
		}
		for i, made := range s.Admin.CreateTopics(ctx, topics, req.TimeoutMillis, req.ValidateOnly) {
			resp.Topics = append(resp.Topics, s.createdTopic(topics[i].Name, &made))
		}
		call.Respond(resp)
	}))
}

func newTopic(t *kmsg.CreateTopicsRequestTopic) admin.NewTopic {
	topic := admin.NewTopic{
		Name: t.Topic, Partitions: t.NumPartitions, ReplicationFactor: t.ReplicationFactor, Configs: make(map[string]*string, len(t.Configs)),
	}
	for i := range t.Configs {
		topic.Configs[t.Configs[i].Name] = t.Configs[i].Value
	}
	if len(t.ReplicaAssignment) > 0 {
		topic.Assignment = make(map[int32][]int32, len(t.ReplicaAssignment))
	}
	for i := range t.ReplicaAssignment {
		a := &t.ReplicaAssignment[i]
		if _, assigned := topic.Assignment[a.Partition]; assigned {
			topic.Overlap = &a.Partition
		}
		topic.Assignment[a.Partition] = a.Replicas
	}
	return topic
}

func (s *Services) createdTopic(name string, made *admin.CreatedTopic) kmsg.CreateTopicsResponseTopic {
	t := kmsg.NewCreateTopicsResponseTopic()
	t.Topic, t.Configs = name, []kmsg.CreateTopicsResponseTopicConfig{}
	if t.ErrorCode, t.ErrorMessage = s.adminError(made.Err); t.ErrorCode != 0 {
		return t
	}
	t.TopicID = made.ID
	t.NumPartitions, t.ReplicationFactor = made.Partitions, made.ReplicationFactor
	for i := range made.Configs {
		e := &made.Configs[i]
		t.Configs = append(t.Configs, kmsg.CreateTopicsResponseTopicConfig{
			Name: e.Name, Value: e.Value, ReadOnly: e.ReadOnly, Source: int8(e.Source), IsSensitive: e.Sensitive,
		})
	}
	return t
}
