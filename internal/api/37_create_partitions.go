package api

import (
	"context"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreatePartitions, v0 to v3.

func (s *Services) createPartitionsRow() Row {
	return Row{Key: int16(kmsg.CreatePartitions), Min: 0, Max: 3, MaxBytes: listRequestMaxBytes, Handle: s.createPartitions}
}

func (s *Services) createPartitions(call *Call, r kmsg.Request) {
	req := r.(*kmsg.CreatePartitionsRequest)
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		resp := kmsg.NewPtrCreatePartitionsResponse()
		twice := repeated(req.Topics, func(t *kmsg.CreatePartitionsRequestTopic) string { return t.Topic })
		told := map[string]bool{}
		var topics []admin.Growth
		for i := range req.Topics {
			t := &req.Topics[i]
			if !twice[t.Topic] {
				topics = append(topics, growth(t))
			} else if !told[t.Topic] {
				told[t.Topic] = true
				text := "Duplicate topic name."
				resp.Topics = append(resp.Topics, kmsg.CreatePartitionsResponseTopic{
					Topic: t.Topic, ErrorCode: kerr.InvalidRequest.Code, ErrorMessage: &text,
				})
			}
		}
		for i, err := range s.Admin.CreatePartitions(ctx, topics, req.TimeoutMillis, req.ValidateOnly) {
			t := kmsg.CreatePartitionsResponseTopic{Topic: topics[i].Topic}
			t.ErrorCode, t.ErrorMessage = s.adminError(err)
			resp.Topics = append(resp.Topics, t)
		}
		call.Respond(resp)
	}))
}

func growth(t *kmsg.CreatePartitionsRequestTopic) admin.Growth {
	g := admin.Growth{Topic: t.Topic, Count: t.Count}
	if t.Assignment != nil {
		g.Assignment = make([][]int32, 0, len(t.Assignment))
	}
	for i := range t.Assignment {
		g.Assignment = append(g.Assignment, t.Assignment[i].Replicas)
	}
	return g
}
