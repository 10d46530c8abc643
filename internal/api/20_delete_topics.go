package api

import (
	"context"

	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteTopics, v0 to v6. Topics by name, from v6 by name or id. The answer waits until the topic is gone, and may be made again.

func (s *Services) deleteTopicsRow() Row {
	return Row{Key: int16(kmsg.DeleteTopics), Min: 0, Max: 6, MaxBytes: listRequestMaxBytes, Handle: s.deleteTopics}
}

// deletion is one topic of the request on its way.
type deletion struct {
	answer kmsg.DeleteTopicsResponseTopic
	name   string
}

func (s *Services) deleteTopics(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DeleteTopicsRequest)
	if call.Header.Version < 6 {
		for i := range req.TopicNames {
			req.Topics = append(req.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &req.TopicNames[i]})
		}
	}
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		var names []string
		var accepted []int
		all := s.resolveDeletions(req, call.Header.Version)
		for i := range all {
			if all[i].answer.ErrorCode == 0 {
				names, accepted = append(names, all[i].name), append(accepted, i)
			}
		}
		for n, err := range s.Admin.DeleteTopics(ctx, names, req.TimeoutMillis) {
			answer := &all[accepted[n]].answer
			if answer.ErrorCode, answer.ErrorMessage = s.adminError(err); err != nil && answer.Topic != nil {
				answer.TopicID = metadata.TopicID{}
			}
		}
		resp := kmsg.NewPtrDeleteTopicsResponse()
		for i := range all {
			resp.Topics = append(resp.Topics, all[i].answer)
		}
		call.Respond(resp)
	}))
}

// resolveDeletions finds the topics and refuses what cannot be deleted.
func (s *Services) resolveDeletions(req *kmsg.DeleteTopicsRequest, version int16) []deletion {
	image := s.Metadata.Image()
	type key struct {
		name string
		id   metadata.TopicID
	}
	keyOf := func(t *kmsg.DeleteTopicsRequestTopic) key {
		if t.Topic == nil {
			return key{id: t.TopicID}
		}
		return key{*t.Topic, t.TopicID}
	}
	twice, told := repeated(req.Topics, keyOf), map[key]bool{}
	var all []deletion
	for i := range req.Topics {
		t := &req.Topics[i]
		k := keyOf(t)
		if told[k] {
			continue
		}
		told[k] = true
		d := deletion{name: k.name, answer: kmsg.DeleteTopicsResponseTopic{Topic: t.Topic, TopicID: t.TopicID}}
		refuse := func(code int16, text string) { d.answer.ErrorCode, d.answer.ErrorMessage = code, &text }
		switch {
		case t.Topic == nil && t.TopicID == metadata.TopicID{}:
			refuse(kerr.InvalidRequest.Code, "Neither topic name nor id were specified.")
		case t.Topic != nil && t.TopicID != metadata.TopicID{}:
			refuse(kerr.InvalidRequest.Code, "You may not specify both topic name and topic id.")
		case twice[k] && t.Topic != nil:
			refuse(kerr.InvalidRequest.Code, "Duplicate topic name.")
		case twice[k]:
			refuse(kerr.InvalidRequest.Code, "Duplicate topic id.")
		case !s.Config.Broker().DeleteTopicEnable && version < 3:
			refuse(kerr.InvalidRequest.Code, "This version does not support deletion being disabled.")
		case !s.Config.Broker().DeleteTopicEnable:
			refuse(kerr.TopicDeletionDisabled.Code, "Topic deletion is disabled.")
		case t.Topic == nil:
			if topic := image.ByID[t.TopicID]; topic != nil {
				d.name, d.answer.Topic = topic.Name, &topic.Name
			} else {
				refuse(kerr.UnknownTopicID.Code, "This server does not host this topic ID.")
			}
		default:
			if topic := image.Topics[d.name]; topic != nil {
				d.answer.TopicID = topic.ID
			}
		}
		all = append(all, d)
	}
	return all
}
