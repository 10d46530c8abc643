package group

import (
	"sync/atomic"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteGroups removes groups that have no members, of whatever kind, and their offsets.
func (c *Coordinator) DeleteGroups(req *kmsg.DeleteGroupsRequest, reply func(*kmsg.DeleteGroupsResponse)) {
	r := kmsg.NewPtrDeleteGroupsResponse()
	r.Version = req.Version
	seen := make(map[string]bool, len(req.Groups))
	for _, id := range req.Groups {
		if !seen[id] {
			seen[id] = true
			of := kmsg.NewDeleteGroupsResponseGroup()
			of.Group = id
			r.Groups = append(r.Groups, of)
		}
	}
	if len(r.Groups) == 0 {
		reply(r)
		return
	}
	var left atomic.Int64
	left.Store(int64(len(r.Groups)))
	for i := range r.Groups {
		of := &r.Groups[i]
		done := func(code int16) {
			if of.ErrorCode = code; left.Add(-1) == 0 {
				reply(r)
			}
		}
		if code := c.do(of.Group, func(m *machine) coordinator.Result { return m.deleteGroup(of.Group, done) }); code != 0 {
			done(code)
		}
	}
}

// deleteGroup writes the tombstones of a group's offsets, then its own; in several batches, where one does not hold them.
func (m *machine) deleteGroup(id string, done func(code int16)) coordinator.Result {
	g := m.groups[id]
	err := error(kerr.GroupIDNotFound)
	if g != nil {
		err = g.checkDelete()
	}
	if err != nil {
		m.host.Reply(func() { done(codeOf(err)) })
		return coordinator.Result{}
	}
	batch := m.newTombstoneBatch()
	offsets := m.storedTombstones(id)
	full := !addAsFits(batch, offsets) || !batch.add(g.tombstones(nil)...)
	return coordinator.Result{Records: batch.records, Then: func(err error) {
		switch {
		case err == nil && full:
			m.unfinished[&done] = struct{}{}
			m.again(func() coordinator.Result {
				delete(m.unfinished, &done)
				return m.deleteGroup(id, done)
			})
			return
		case err == nil:
			m.host.Logger().Info("group deleted", "group", id, "offsets", len(offsets))
		}
		m.host.Reply(func() { done(codeOf(err)) })
	}}
}
