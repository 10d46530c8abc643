package partition

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// replicate runs the commands about followers and being one; false for any other command.
func (s *script) replicate(t *testing.T, d *datadriven.TestData) (out string, ok bool) {
	epoch := int32(number(t, d, "epoch", 0))
	var err error
	s.asked = nil
	switch d.Cmd {
	case "cluster": // of more than this broker; a member may lag 100 ms
		s.dead = numbers(d, "dead")
		s.part.SetReplication(Replication{
			MaxLagMs: func() int64 { return 100 },
			Eligible: func(broker int32, _ int64) bool { return !slices.Contains(s.dead, broker) },
			Propose:  func(_ *Partition, p Proposal) { s.asked = &p },
		})
	case "fetched":
		s.part.Fetched(int32(number(t, d, "by", 2)), int32(number(t, d, "epoch", -1)), number(t, d, "from", 0), number(t, d, "start", 0),
			number(t, d, "broker-epoch", 7))
	case "check-isr":
		s.part.CheckISR()
	case "accepted":
		s.part.Accepted(s.proposed(t, d), numbers(d, "isr"), numbers(d, "elr"), int32(number(t, d, "new-version", 0)))
	case "refused":
		s.part.Refused(s.proposed(t, d))
	case "low-watermark":
		return fmt.Sprintln(s.part.LowWatermark()), true
	case "append-fetched":
		var batches []byte
		for _, e := range numbers(d, "records") {
			batches = append(batches, byte(e))
		}
		err = s.part.AppendFetched(epoch, batches, number(t, d, "hw", 0), number(t, d, "start", 0))
	case "truncate":
		err = s.part.Truncate(epoch, EpochEnd{int32(number(t, d, "leaders", 0)), number(t, d, "end", 0)})
	case "start-at":
		err = s.part.StartAt(epoch, number(t, d, "offset", 0))
	case "position":
		p, err := s.part.FetchPosition(epoch)
		return fmt.Sprintf("%s%+v\n", result(err), p), true
	default:
		return "", false
	}
	if err != nil {
		out = result(err)
	}
	out += s.state()
	if s.asked != nil {
		out += fmt.Sprintf("asks for %v of epochs %v in epoch %d version %d\n", s.asked.ISR, s.asked.BrokerEpochs, s.asked.LeaderEpoch,
			s.asked.PartitionEpoch)
	}
	return out, true
}

func (s *script) proposed(t *testing.T, d *datadriven.TestData) Proposal {
	return Proposal{
		LeaderEpoch: int32(number(t, d, "epoch", 0)), PartitionEpoch: int32(number(t, d, "version", 0)), ISR: numbers(d, "wanted"),
	}
}
