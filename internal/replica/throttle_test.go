package replica

import "testing"

// TestThrottleSparesTheISR: a member of the ISR fetches on in a new leader epoch, whatever else the throttle holds back; one that is none waits.
func TestThrottleSparesTheISR(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		b.lead("t", idT, 2, 0)
		b.SetTopicConfig("t", map[string]string{"follower.replication.throttled.replicas": "*"})
		b.throttles.follower.SetLimit(1)
		b.throttles.follower.Record(1 << 20)
		b.followTwo("t", idT, 1, 1)
		b.follow("t", idT, 1)
		s.expect("0/0: t0@0")
		s.answer(5, 0, got{id: idT})
	})
}
