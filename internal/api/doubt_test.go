package api

import (
	"testing"

	"milena/internal/commitlog"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestJudgementInDoubt: a broker that registered anew, or whose registration has ended, does not tell clients what its logs lack until a
// controller has told what it leads.
func TestJudgementInDoubt(t *testing.T) {
	b := newHosted(t)
	outOfRange := func() int16 {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Version = 2
		req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "events", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: 9}}}}
		return do[*kmsg.DeleteRecordsResponse](b, req).Topics[0].Partitions[0].ErrorCode
	}
	// epochEnd asks, as a consumer that believes in epoch 5, where an epoch ended.
	epochEnd := func(replica, epoch int32) (int64, int16) {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.Version, req.ReplicaID = 4, replica
		req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{
			Topic: "events", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: 5, LeaderEpoch: epoch}},
		}}
		got := do[*kmsg.OffsetForLeaderEpochResponse](b, req).Topics[0].Partitions[0]
		return got.EndOffset, got.ErrorCode
	}
	want := func(when string, e *kerr.Error) {
		t.Helper()
		if code := outOfRange(); code != e.Code {
			t.Errorf("%s: %v, want %v", when, kerr.ErrorForCode(code), e)
		}
		if end, code := epochEnd(-1, 4); (code != 0) != (e == kerr.NotLeaderForPartition) || code != 0 && (code != e.Code || end != -1) {
			t.Errorf("%s: an earlier epoch ended at %d, %v", when, end, kerr.ErrorForCode(code))
		}
		if end, code := epochEnd(-1, 5); end != 3 || code != 0 {
			t.Errorf("%s: the leader's own epoch ended at %d, %v", when, end, kerr.ErrorForCode(code))
		}
		if _, code := epochEnd(2, 4); code != 0 {
			t.Errorf("%s: a follower was refused: %v", when, kerr.ErrorForCode(code))
		}
	}
	want("told by the controller", kerr.OffsetOutOfRange)
	registered := true
	b.services.Registered = func() bool { return registered }
	b.services.BrokerEpoch = func() int64 { return 41 }
	want("registered anew", kerr.NotLeaderForPartition)
	isr := kmsg.NewPtrLeaderAndISRRequest()
	isr.Version, isr.ControllerEpoch, isr.BrokerEpoch = 7, 1, 41
	if code := do[*kmsg.LeaderAndISRResponse](b, isr).ErrorCode; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	want("told what it leads, not what others do", kerr.NotLeaderForPartition)
	others := clusterState()
	others.BrokerEpoch = 41
	if code := do[*kmsg.UpdateMetadataResponse](b, others).ErrorCode; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	want("told again", kerr.OffsetOutOfRange)
	registered = false
	want("the session over", kerr.NotLeaderForPartition)
}

// TestJudgementOfThen: what was refused while the broker was in doubt is no judgement, though the doubt is over when the other partitions of the
// request are answered.
func TestJudgementOfThen(t *testing.T) {
	for _, c := range []struct {
		before, after int64 // registrations
		want          *kerr.Error
	}{{7, 7, kerr.OutOfOrderSequenceNumber}, {8, 7, kerr.NotLeaderForPartition}, {7, 8, kerr.NotLeaderForPartition}} {
		b := newBench(t)
		epoch := c.before
		b.services.BrokerEpoch = func() int64 { return epoch }
		told := func(epoch int64) {
			b.services.told(&b.services.leaderships.named, epoch)
			b.services.told(&b.services.leaderships.pictured, epoch)
		}
		told(7)
		b.data.append = func(req *replica.AppendRequest, done func([]replica.AppendResult)) {
			epoch = c.after
			told(c.after)
			results := make([]replica.AppendResult, len(req.Partitions))
			for i := range results {
				results[i].Err = commitlog.ErrOutOfOrderSequence
			}
			done(results)
		}
		resp := do[*kmsg.ProduceResponse](b, produceRequest(9, -1, batchOf(t, nil), 0))
		if code := resp.Topics[0].Partitions[0].ErrorCode; code != c.want.Code {
			t.Errorf("%+v: %v", c, kerr.ErrorForCode(code))
		}
	}
}

// TestDivergenceInDoubt: nor does it tell a consumer that what it has read is no part of the log.
func TestDivergenceInDoubt(t *testing.T) {
	b := newBench(t)
	b.data.fetch = func(_ *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		var released int
		r := sliceOf(nil, &released)
		r.Diverging = &replica.EpochEnd{Epoch: 4, EndOffset: 2}
		done([]replica.FetchResult{r})
		return nil
	}
	registered := true
	b.services.BrokerEpoch = func() int64 { return 0 }
	b.services.Registered = func() bool { return registered }
	for _, want := range []*kerr.Error{nil, kerr.NotLeaderForPartition} {
		p := do[*kmsg.FetchResponse](b, fetchRequest(16, 0)).Topics[0].Partitions[0]
		if got := kerr.ErrorForCode(p.ErrorCode); want == nil && got != nil || want != nil && got != want {
			t.Errorf("registered %v: %v, want %v", registered, got, want)
		}
		if told := p.DivergingEpoch.Epoch == 4; told != registered {
			t.Errorf("registered %v: divergence told %v", registered, told)
		}
		registered = false
	}
}
