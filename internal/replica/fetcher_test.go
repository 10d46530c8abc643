package replica

import (
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// scripted runs a test with a broker that follows a scripted leader.
func scripted(t *testing.T, test func(t *testing.T, b *broker, s *scriptedLeader)) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New(), "num.replica.fetchers=1")
		s := followScripted(t, b)
		defer b.stop()
		defer s.close()
		test(t, b, s)
	})
}

// TestFetcherTriesAgainSoon: a leader that does not know yet that it leads is asked again after milliseconds, and less and less often as long
// as it does not.
func TestFetcherTriesAgainSoon(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0)
		notLeader := got{id: idT, code: kerr.NotLeaderForPartition.Code}
		asked := func() time.Time { s.expect("0/0: t0@0"); return time.Now() }
		last := asked()
		failed := func(want time.Duration) {
			t.Helper()
			s.answer(0, 0, notLeader)
			now := asked()
			if got := now.Sub(last); got != want {
				t.Errorf("asked again after %v, want %v", got, want)
			}
			last = now
		}
		for _, want := range []time.Duration{10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
			failed(want * time.Millisecond)
		}
		s.answer(0, 0, got{id: idT})
		last = asked()
		failed(firstBackoff)
	})
}

// TestFetcherSession: a request names what has changed since the one before.
func TestFetcherSession(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0, 1, 2)
		req := s.expect("0/0: t0@0 t1@0 t2@0")
		if req.Version != fetchByID || req.ReplicaState.ID != 1 || req.ReplicaState.Epoch != 77 {
			t.Errorf("%+v", req)
		}
		s.answer(5, 0, got{id: idT}, got{id: idT, partition: 1}, got{id: idT, partition: 2, records: at(t, 0, 0, "a", "b")})
		s.expect("5/1: t2@2")
		s.answer(5, 0)
		s.expect("5/2:")
		s.answer(5, 0, got{id: idT, partition: 0, records: at(t, 0, 0, "a")}, got{id: idT, partition: 2, high: 2})
		s.expect("5/3: t0@1") // the high watermark is not a position
		if p, _ := b.Partition("t", 2); p.HighWatermark() != 2 {
			t.Errorf("high watermark %d", p.HighWatermark())
		}
		s.answer(5, 0, got{id: idT, partition: 1, code: kerr.UnknownLeaderEpoch.Code})
		s.expect("5/4: -t1") // it waits
		<-time.After(firstBackoff)
		s.answer(5, 0)
		s.expect("5/5: t1@0")
		s.answer(5, 0, got{id: idT, partition: 1, records: at(t, 0, 0, "a")})
		s.expect("5/6: t1@1")
		b.stopFetching("t", 2)
		s.answer(5, 0)
		s.expect("5/7: -t2")
	})
}

// TestStoppedFollowerGoesOn: a controller that has stopped a replica, as one whose disk was full, and finds it back, tells it the same again.
func TestStoppedFollowerGoesOn(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 3, 0, 1)
		s.expect("0/0: t0@0 t1@0")
		req := kmsg.NewPtrStopReplicaRequest()
		req.Version, req.ControllerEpoch = 3, 1
		topic := kmsg.NewStopReplicaRequestTopic()
		topic.Topic, topic.PartitionStates = "t", []kmsg.StopReplicaRequestTopicPartitionState{{Partition: 1, LeaderEpoch: 3}}
		req.Topics = append(req.Topics, topic)
		if resp := b.StopReplicas(req); resp.ErrorCode != 0 || resp.Partitions[0].ErrorCode != 0 {
			t.Fatalf("%+v", resp)
		}
		s.answer(5, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("5/1: -t1")
		b.followTwo("t", idT, 3, 0, 1)
		s.expect("5/0: t0@0 t1@0")
	})
}

// TestFetcherWaitsNoLongerThanAPartitionDoes: the leader is not let wait for records of some partitions when another one is due again before.
func TestFetcherWaitsNoLongerThanAPartitionDoes(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0, 1)
		longest := s.expect("0/0: t0@0 t1@0").MaxWaitMillis
		s.answer(5, 0, got{id: idT}, got{id: idT, partition: 1, code: kerr.NotLeaderForPartition.Code})
		if wait := s.expect("5/1: -t1").MaxWaitMillis; wait != int32(firstBackoff.Milliseconds()) {
			t.Errorf("the leader may wait %d ms", wait)
		}
		<-time.After(firstBackoff)
		s.answer(5, 0)
		if wait := s.expect("5/2: t1@0").MaxWaitMillis; wait != longest {
			t.Errorf("the leader may wait %d ms where nothing is due, want %d", wait, longest)
		}
	})
}

// stopFetching is what a StopReplica begins with.
func (b *broker) stopFetching(topic string, index int32) {
	b.unfollow(tpOf(topic, index))
}

// TestFetcherSessionIsLost: whatever the leader says of the session, the next request begins another one; only a broken connection costs
// more than that.
func TestFetcherSessionIsLost(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0, 1)
		s.expect("0/0: t0@0 t1@0")
		s.answer(5, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("5/1:")
		s.answer(0, kerr.FetchSessionIDNotFound.Code)
		s.expect("0/0: t0@0 t1@0")
		s.answer(6, 0, got{id: idT, records: at(t, 0, 0, "a")}, got{id: idT, partition: 1})
		s.expect("6/1: t0@1")
		s.answer(0, kerr.InvalidFetchSessionEpoch.Code)
		s.expect("6/0: t0@1 t1@0") // in the place of the old one
		s.answer(7, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("7/1:")
		s.answer(0, kerr.FetchSessionTopicIDError.Code)
		s.expect("0/0: t0@1 t1@0")
		s.answer(8, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("8/1:")
		s.answer(0, 0) // it has forgotten the session
		s.expect("0/0: t0@1 t1@0")
		s.answer(0, 0, got{id: idT}, got{id: idT, partition: 1}) // and has no room for another
		s.expect("0/0: t0@1 t1@0")
		s.answer(9, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("9/1:")
		s.answer(0, kerr.UnknownServerError.Code)
		s.expect("9/0: t0@1 t1@0")
		s.answer(10, 0, got{id: idT}, got{id: idT, partition: 1})
		s.expect("10/1:")
		b.followTwo("u", idU, 0, 0, 1, 2) // ends the request, once: nobody knows whether the leader has counted it
		s.expect("10/0: t0@1 t1@0 u0@0 u1@0 u2@0")
	})
}

// TestFetcherOfATopicMadeAnew: the session forgets the old topic's partition, not its namesake's.
func TestFetcherOfATopicMadeAnew(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0)
		b.followTwo("v", [16]byte{3}, 0, 0)
		for spell(s.next()) != "0/0: t0@0 v0@0" { // the first may have been asked for alone
		}
		s.answer(5, 0, got{id: idT}, got{id: [16]byte{3}})
		s.expect("5/1:")
		if code := b.remove("t", epochDuringDelete); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		b.followTwo("t", idU, 0, 0)
		s.expect("5/0: u0@0 v0@0")
		s.answer(6, 0, got{id: idU, records: at(t, 0, 0, "a")}, got{id: [16]byte{3}})
		s.expect("6/1: u0@1")
		s.answer(6, 0, got{id: idT, records: at(t, 1, 0, "of the old topic")})
		s.expect("6/2:")
	})
}

// TestFetcherFollowsTheStartOfTheLog: nobody tells that retention has moved it.
func TestFetcherFollowsTheStartOfTheLog(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0)
		s.expect("0/0: t0@0")
		s.answer(5, 0, got{id: idT, high: 2, records: at(t, 0, 0, "a", "b")})
		s.expect("5/1: t0@2")
		s.answer(5, 0, got{id: idT, high: 2})
		p, err := b.Partition("t", 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Log().AdvanceLogStartOffset(1); err != nil {
			t.Fatal(err)
		}
		for epoch := int32(2); ; epoch++ {
			req := s.next()
			if len(req.Topics) > 0 {
				if got := req.Topics[0].Partitions[0].LogStartOffset; got != 1 {
					t.Errorf("start %d", got)
				}
				break
			}
			if epoch > 20 {
				t.Fatal("it is never told")
			}
			<-time.After(500 * time.Millisecond)
			s.answer(5, 0)
		}
	})
}

// TestFetcherByName: while a topic's id is not known, names are used, and ids when it is.
func TestFetcherByName(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.followTwo("t", idT, 0, 0)
		s.expect("0/0: t0@0")
		s.answer(5, 0, got{id: idT})
		s.expect("5/1:")
		b.followTwo("u", [16]byte{}, 0, 0)
		req := s.expect("5/0: t0@0 u0@0")
		if req.Version != fetchByName || req.ReplicaID != 1 {
			t.Errorf("version %d of %d", req.Version, req.ReplicaID)
		}
		s.answer(6, 0, got{id: idT}, got{id: idU})
		s.expect("6/1:")
		b.followTwo("u", idU, 1, 0)
		s.expect("6/0: t0@0 u0@0")
		s.answer(7, 0, got{id: idT}, got{id: idU})
		s.expect("7/1:")
	})
}
