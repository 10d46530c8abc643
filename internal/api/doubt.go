package api

import "sync/atomic"

// leaderships knows under which registration a controller has last told this broker what it leads. A broker whose registration has ended (it
// was frozen, or cut off) goes on as the leader that it was until a controller speaks to it again, while others may lead. What it appends then
// is never committed; but what it refuses because its log lacks it, and where it says that an earlier epoch ended, clients would take for final.
// (Where the registration stands and yet the controller's word does not come, package replica asks the store.)
//
// It takes both requests: LeaderAndIsr names what this broker is a replica of, UpdateMetadata what is led by others, and what it is no replica of any
// more.
type leaderships struct{ named, pictured atomic.Int64 }

// told notes in which registration a controller has spoken, by its broker epoch; below 0: in the present one.
func (s *Services) told(when *atomic.Int64, brokerEpoch int64) {
	if brokerEpoch < 0 && s.BrokerEpoch != nil {
		brokerEpoch = s.BrokerEpoch()
	}
	when.Store(brokerEpoch)
}

// inDoubt tells that this broker may not lead any more what it believes to lead.
func (s *Services) inDoubt() bool {
	if s.BrokerEpoch == nil {
		return false
	}
	epoch := s.BrokerEpoch()
	return s.leaderships.named.Load() != epoch || s.leaderships.pictured.Load() != epoch || s.Registered != nil && !s.Registered()
}

// standing is the registration under which a controller has told this broker what it leads; noStanding where it is in doubt.
func (s *Services) standing() int64 {
	if s.inDoubt() {
		return noStanding
	}
	return s.leaderships.named.Load()
}

const noStanding = -1
