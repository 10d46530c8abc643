package api

import (
	"testing"

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
	want := func(when string, e *kerr.Error) {
		t.Helper()
		if code := outOfRange(); code != e.Code {
			t.Errorf("%s: %v, want %v", when, kerr.ErrorForCode(code), e)
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
	want("told again", kerr.OffsetOutOfRange)
	registered = false
	want("the session over", kerr.NotLeaderForPartition)
}
