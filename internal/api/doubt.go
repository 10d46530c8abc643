package api

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
)

// leaderships knows under which registration a controller has last told this broker what it leads. A broker whose registration has ended (it
// was frozen, or cut off) goes on as the leader that it was until a controller speaks to it again, while others may lead. What it appends then
// is never committed; but what it refuses because its log lacks it, and where it says that an earlier epoch ended, clients would take for final.
type leaderships struct{ told atomic.Int64 }

// tell notes that a controller spoke to the registration of that broker epoch; below 0: to the present one.
func (s *Services) tell(brokerEpoch int64) {
	if brokerEpoch < 0 && s.BrokerEpoch != nil {
		brokerEpoch = s.BrokerEpoch()
	}
	s.leaderships.told.Store(brokerEpoch)
}

// inDoubt tells that this broker may not lead any more what it believes to lead.
func (s *Services) inDoubt() bool {
	return s.BrokerEpoch != nil && (s.leaderships.told.Load() != s.BrokerEpoch() || s.Registered != nil && !s.Registered())
}

// standing is the registration under which a controller has told this broker what it leads; noStanding where it is in doubt.
func (s *Services) standing() int64 {
	if s.inDoubt() {
		return noStanding
	}
	return s.leaderships.told.Load()
}

const noStanding = -1

// judgesLog tells the errors that say what the leader's log holds, and that a client takes for final.
func judgesLog(e *kerr.Error) bool {
	return e == kerr.OutOfOrderSequenceNumber || e == kerr.InvalidProducerEpoch || e == kerr.OffsetOutOfRange
}
