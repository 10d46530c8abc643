package group

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"milena/internal/groupmsg"
	"milena/internal/record"

	"github.com/cockroachdb/datadriven"
)

// records shows what was appended since it was last asked.
func (s *script) records(*datadriven.TestData) {
	data := s.log.data[s.read:]
	s.read = len(s.log.data)
	for len(data) > 0 {
		batch := record.Batch(data[:record.Batch(data).SizeBytes()])
		data = data[len(batch):]
		var texts []string
		for r, err := range record.Records(batch, 1<<20) {
			if err != nil {
				s.t.Fatal(err)
			}
			texts = append(texts, s.recordText(r.Key, r.Value))
		}
		slices.Sort(texts) // groups and their offsets expire in no order
		s.say("batch %s", strings.Join(texts, " "))
	}
}

func (s *script) recordText(key, value []byte) string {
	k, v, err := groupmsg.Decode(key, value)
	if err != nil {
		return err.Error()
	}
	since := func(ms int64) string {
		if ms < 0 {
			return "-"
		}
		return time.UnixMilli(ms).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).String()
	}
	name := fmt.Sprintf("%s(%s", k.Type, k.Group)
	if k.Type == groupmsg.OffsetCommit {
		name += fmt.Sprintf(" %s-%d", k.Topic, k.Partition)
	}
	switch v := v.(type) {
	case nil:
		return name + " gone)"
	case *groupmsg.OffsetCommitValue:
		return name + fmt.Sprintf(" v%d %d epoch=%d %q at=%s expires=%s topic=%d)", v.Version, v.Offset, v.LeaderEpoch, v.Metadata,
			since(v.CommitTimestampMs), since(v.ExpireTimestampMs), v.TopicID[0])
	case *groupmsg.GroupMetadataValue:
		name += fmt.Sprintf(" v%d %q generation=%d protocol=%s leader=%s at=%s", v.Version, v.ProtocolType, v.Generation, text(v.Protocol),
			text(v.Leader), since(v.CurrentStateTimestampMs))
		for _, m := range v.Members {
			name += fmt.Sprintf(" [%s %s %s %s %d %d %s %q]", m.MemberID, text(m.GroupInstanceID), m.ClientID, m.ClientHost,
				m.RebalanceTimeoutMs, m.SessionTimeoutMs, topicsOf(m.Subscription), m.Assignment)
		}
		return name + ")"
	}
	return name + " ?)"
}

// write appends an offset's record to the log behind the coordinator's back, as a transaction or an older broker has written it:
// it is there after the partition has moved.
func (s *script) write(d *datadriven.TestData) {
	v := groupmsg.OffsetCommitValue{
		Version: int16(number(d, "v", 3)), LeaderEpoch: -1, ExpireTimestampMs: int64(number(d, "expires", -1)),
		CommitTimestampMs: time.Now().UnixMilli(),
	}
	v.Offset, _ = strconv.ParseInt(arg(d, "offset", "0"), 10, 64)
	b := record.Builder{ProducerID: int64(number(d, "producer", -1)), ProducerEpoch: -1, BaseSequence: -1}
	if b.ProducerID >= 0 {
		b.Transactional, b.ProducerEpoch, b.BaseSequence = true, 0, 0
	}
	key := groupmsg.OffsetKey(arg(d, "group", "g"), arg(d, "topic", "t"), int32(number(d, "partition", 0)))
	batch, err := b.Build([]record.Record{{Key: key.Bytes(), Value: v.Append(nil)}})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.log.Append(0, s.log.epoch, batch); err != nil {
		s.t.Fatal(err)
	}
}

// endTransaction appends a marker to the log.
func (s *script) endTransaction(d *datadriven.TestData) {
	kind := record.ControlAbort
	if arg(d, "commit", "") == "yes" {
		kind = record.ControlCommit
	}
	if _, err := s.log.Append(0, s.log.epoch, record.EndMarker(int64(number(d, "producer", 0)), 0, kind, 0, 1)); err != nil {
		s.t.Fatal(err)
	}
}
