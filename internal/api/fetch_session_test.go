package api

import (
	"fmt"
	"strings"
	"testing"

	"milena/internal/partition"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inSession is a request of a session.
func inSession(version int16, id, epoch int32, partitions ...int32) *kmsg.FetchRequest {
	req := fetchRequest(version, partitions...)
	req.SessionID, req.SessionEpoch = id, epoch
	return req
}

// told prints what a response tells: "error session: partition(bytes)…".
func told(r *kmsg.FetchResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", r.ErrorCode)
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			fmt.Fprintf(&b, " %d(%d", p.Partition, len(p.RecordBatches))
			if p.ErrorCode != 0 {
				fmt.Fprintf(&b, ",%d", p.ErrorCode)
			}
			b.WriteString(")")
		}
	}
	return b.String()
}

func expectTold(t *testing.T, r *kmsg.FetchResponse, want string) {
	t.Helper()
	if got := told(r); got != want {
		t.Fatalf("told %q, want %q", got, want)
	}
}

func TestFetchSession(t *testing.T) {
	for _, version := range []int16{7, 12, 13, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			b := newBench(t)
			var released int
			content := map[int32][]byte{}
			b.serve(content, &released)
			ask := func(id, epoch int32, partitions ...int32) *kmsg.FetchResponse {
				t.Helper()
				return do[*kmsg.FetchResponse](b, inSession(version, id, epoch, partitions...))
			}
			made := ask(0, 0, 0, 1, 2)
			expectTold(t, made, "0: 0(0) 1(0) 2(0)")
			id := made.SessionID
			if id == 0 {
				t.Fatal("no session")
			}
			expectTold(t, ask(id, 1), "0:") // nothing new
			content[1] = []byte("abc")
			expectTold(t, ask(id, 2), "0: 1(3)")
			content[0], content[2] = []byte("a"), []byte("ab")
			expectTold(t, ask(id, 3), "0: 0(1) 2(2) 1(3)") // 1 was served last time and goes behind the others
			expectTold(t, ask(id, 3), "71:")               // an old epoch
			expectTold(t, ask(id, 9), "71:")
			expectTold(t, ask(id+1, 4), "70:")
			clear(content)
			forget := inSession(version, id, 4)
			topic := kmsg.NewFetchRequestForgottenTopic()
			topic.Partitions = []int32{0, 2}
			if version >= 13 {
				topic.TopicID = eventsID
			} else {
				topic.Topic = "events"
			}
			forget.ForgottenTopics = append(forget.ForgottenTopics, topic)
			content[0], content[1] = []byte("x"), []byte("xy")
			expectTold(t, do[*kmsg.FetchResponse](b, forget), "0: 1(2)")
			other := int16(12)
			if version < 13 {
				other = 13
			}
			expectTold(t, do[*kmsg.FetchResponse](b, inSession(other, id, 5)), fmt.Sprintf("%d:", kerr.FetchSessionTopicIDError.Code))
			if ended := ask(id, -1, 1); ended.SessionID != 0 {
				t.Fatalf("an ended session answers with id %d", ended.SessionID)
			}
			expectTold(t, ask(id, 5), "70:")
		})
	}
}

// TestSessionTellsChanges: high watermark, log start, an error and its end are news even without records.
func TestSessionTellsChanges(t *testing.T) {
	b := newBench(t)
	var n int
	result := sliceOf(nil, &n)
	b.data.fetch = func(_ *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		done([]replica.FetchResult{result})
		return nil
	}
	id := do[*kmsg.FetchResponse](b, inSession(12, 0, 0, 0)).SessionID
	epoch := int32(0)
	ask := func(want string) {
		t.Helper()
		epoch++
		expectTold(t, do[*kmsg.FetchResponse](b, inSession(12, id, epoch)), want)
	}
	ask("0:")
	result.HighWatermark++
	ask("0: 0(0)")
	ask("0:")
	result.LogStartOffset++
	ask("0: 0(0)")
	result.Err = partition.ErrNotLeaderOrFollower
	ask("0: 0(0,6)")
	ask("0: 0(0,6)")
	result.Err = nil
	ask("0: 0(0)")
	ask("0:")
}

func TestAnEmptiedSessionEnds(t *testing.T) {
	b := newBench(t)
	var n int
	b.serve(nil, &n)
	id := do[*kmsg.FetchResponse](b, inSession(12, 0, 0, 0)).SessionID
	req := inSession(12, id, 1)
	topic := kmsg.NewFetchRequestForgottenTopic()
	topic.Topic, topic.Partitions = "events", []int32{0}
	req.ForgottenTopics = append(req.ForgottenTopics, topic)
	if resp := do[*kmsg.FetchResponse](b, req); resp.ErrorCode != 0 || resp.SessionID != 0 {
		t.Fatalf("%+v", resp)
	}
	expectTold(t, do[*kmsg.FetchResponse](b, inSession(12, id, 2)), "70:")
}

// TestSessionEviction follows KIP-227's rules in a cache of two slots.
func TestSessionEviction(t *testing.T) {
	nowMs := int64(1_000_000)
	c := newSessionCache(func() int { return 2 })
	create := func(size int, privileged bool) int32 {
		s := &fetchSession{privileged: privileged}
		s.init()
		for n := range size {
			s.set(fetchKey{topic: "t", partition: int32(n)}, fetchWant{})
		}
		return c.create(s, nowMs)
	}
	use := func(id int32) int16 {
		s := c.sessions[id]
		if s == nil {
			return kerr.FetchSessionIDNotFound.Code
		}
		_, code := c.begin(&kmsg.FetchRequest{Version: 12, SessionID: id, SessionEpoch: s.epoch}, nowMs)
		return code
	}
	small, large := create(1, false), create(10, false)
	if id := create(5, false); id != 0 {
		t.Fatal("a client's session took a young one's place")
	}
	follower := create(1, true)
	if follower == 0 || use(small) == 0 || use(large) != 0 {
		t.Fatal("a follower takes the place of the smallest of the clients' sessions")
	}
	nowMs += sessionEvictionMs + 1
	if use(large) != 0 || use(follower) != 0 {
		t.Fatal("sessions in use are gone")
	}
	if id := create(9, false); id != 0 {
		t.Fatal("a smaller session took a larger one's place")
	}
	bigger := create(11, false)
	if bigger == 0 || use(large) == 0 {
		t.Fatal("a larger session takes the place of a smaller one that has lived long enough")
	}
	nowMs += sessionEvictionMs + 1
	if use(bigger) != 0 {
		t.Fatal("gone")
	}
	if id := create(1, false); id == 0 || use(follower) == 0 {
		t.Fatal("a silent session is the first to go, even a follower's")
	}
	if len(c.sessions) != 2 {
		t.Fatalf("%d sessions", len(c.sessions))
	}
}
