package group

import (
	"time"

	"milena/internal/coordinator"
)

// expiryTimer is the key of the timer of retention.
const expiryTimer = "offsets-expire"

// scheduleExpiry has the offsets looked at after offsets.retention.check.interval.ms.
func (m *machine) scheduleExpiry() {
	interval := time.Duration(m.c.options.Config.Broker().Groups.OffsetsRetentionCheckIntervalMs) * time.Millisecond
	m.host.Schedule(expiryTimer, interval, m.expireOffsets)
}

// expireOffsets removes offsets whose retention is over, and groups that have neither members nor offsets left; as many at a time as a
// batch holds.
func (m *machine) expireOffsets() coordinator.Result {
	batch := m.newTombstoneBatch()
	now, retention := time.Now().UnixMilli(), m.c.options.Config.Broker().Groups.OffsetsRetentionMs
	offsets, groups, full := 0, 0, false
	for id, g := range m.groups {
		records, all := m.expiredOf(id, g, now, retention)
		count := len(records)
		if all && g.empty() {
			records = g.tombstones(records)
		} else {
			all = false
		}
		if full = !addAsFits(batch, records); full {
			break
		}
		if offsets += count; all {
			groups++
		}
	}
	if m.scheduleExpiry(); len(batch.records) == 0 {
		return coordinator.Result{}
	}
	m.host.Logger().Info("offsets expired", "offsets", offsets, "groups", groups)
	return coordinator.Result{Records: batch.records, Then: func(err error) {
		switch {
		case err != nil:
			m.host.Logger().Warn("expired offsets could not be removed; they will be tried again", "error", err)
		case full:
			m.again(m.expireOffsets)
		}
	}}
}

// addAsFits takes as many records as fit; those of a group that is too large for one batch are taken in several, its own record last.
func addAsFits(batch *tombstoneBatch, records []coordinator.Record) bool {
	for _, r := range records {
		if !batch.add(r) {
			return false
		}
	}
	return true
}

// expiredOf gives the tombstones of a group's expired offsets, and tells whether it has no others. Offsets of topics that are consumed, or
// that a transaction is about to change, stay.
func (m *machine) expiredOf(id string, g group, nowMs, retentionMs int64) (records []coordinator.Record, all bool) {
	stored := m.offsets.groups[id]
	if all = m.offsets.open[id] == nil; stored == nil {
		return nil, all
	}
	for i := range stored.topics {
		t := &stored.topics[i]
		if g.subscribedTo(t.name) {
			all = false
			continue
		}
		for j := range t.partitions {
			o := &t.partitions[j]
			if expired(g, o, nowMs, retentionMs) && !m.offsets.unstable(id, t.name, o.partition) {
				records = append(records, offsetTombstone(id, t.name, o.partition))
			} else {
				all = false
			}
		}
	}
	return records, all
}

// expired tells whether an offset's retention is over: the client's own, where it asked for one, or the broker's.
func expired(g group, o *offset, nowMs, retentionMs int64) bool {
	since, expires := g.retentionStart(o)
	switch {
	case !expires:
		return false
	case o.details != nil && o.details.expireMs >= 0:
		return nowMs >= o.details.expireMs
	default:
		return nowMs-since >= retentionMs
	}
}
