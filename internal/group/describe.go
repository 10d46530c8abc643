package group

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeGroups describes classic groups. One that is not there, or is of another kind, is dead; since version 6 also
// GROUP_ID_NOT_FOUND.
func (c *Coordinator) DescribeGroups(req *kmsg.DescribeGroupsRequest, reply func(*kmsg.DescribeGroupsResponse)) {
	r := kmsg.NewPtrDescribeGroupsResponse()
	r.Version, r.Groups = req.Version, make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	if len(req.Groups) == 0 {
		reply(r)
		return
	}
	var left atomic.Int64
	left.Store(int64(len(req.Groups)))
	done := func() {
		if left.Add(-1) == 0 {
			reply(r)
		}
	}
	for i, id := range req.Groups {
		d := &r.Groups[i]
		fail := func(code int16) {
			*d = kmsg.NewDescribeGroupsResponseGroup()
			d.Group, d.ErrorCode = id, code
		}
		code := c.do(id, func(m *machine) coordinator.Result {
			*d = m.describeClassic(id, req.Version)
			return coordinator.Result{Then: func(err error) {
				if err != nil {
					fail(codeOf(err))
				}
				m.host.Reply(done)
			}}
		})
		if code != 0 {
			fail(code)
			done()
		}
	}
}

func (m *machine) describeClassic(id string, version int16) kmsg.DescribeGroupsResponseGroup {
	d := kmsg.NewDescribeGroupsResponseGroup()
	d.Group = id
	g, ok := m.groups[id].(*classicGroup)
	if !ok {
		if d.State = classicDead.String(); version >= 6 {
			text := fmt.Sprintf("Group %s not found.", id)
			if m.groups[id] != nil {
				text = fmt.Sprintf("Group %s is not a classic group.", id)
			}
			d.ErrorCode, d.ErrorMessage = kerr.GroupIDNotFound.Code, &text
		}
		return d
	}
	d.State, d.ProtocolType = g.state(), g.typ
	if g.now == classicStable && g.protocol != nil {
		d.Protocol = *g.protocol
	}
	d.Members = make([]kmsg.DescribeGroupsResponseGroupMember, len(g.members))
	for i, member := range g.members {
		of := &d.Members[i]
		*of = kmsg.NewDescribeGroupsResponseGroupMember()
		of.MemberID, of.InstanceID, of.ClientID, of.ClientHost = member.id, member.instanceID, member.clientID, member.clientHost
		of.MemberAssignment = member.assignment
		if g.now == classicStable {
			of.ProtocolMetadata = member.metadataOf(g.protocol)
		}
	}
	return d
}

// ListGroups lists the groups that this broker coordinates, of the states and types asked for.
func (c *Coordinator) ListGroups(req *kmsg.ListGroupsRequest, reply func(*kmsg.ListGroupsResponse)) {
	l := &listing{states: wordsOf(req.StatesFilter), types: wordsOf(req.TypesFilter)}
	l.r = kmsg.NewPtrListGroupsResponse()
	l.r.Version, l.r.Groups, l.reply, l.left = req.Version, []kmsg.ListGroupsResponseGroup{}, reply, 1
	loading := c.runtime.Each(func(_ int32, m *machine) coordinator.Result {
		groups := l.of(m)
		l.wait()
		return coordinator.Result{Then: func(err error) {
			// A partition that has moved away is another broker's to list.
			if err != nil {
				groups = nil
			}
			m.host.Reply(func() { l.add(groups, 0) })
		}}
	})
	if loading {
		l.add(nil, kerr.CoordinatorLoadInProgress.Code)
	} else {
		l.add(nil, 0)
	}
}

// listing gathers the groups of all partitions.
type listing struct {
	states, types map[string]bool
	reply         func(*kmsg.ListGroupsResponse)

	mu   sync.Mutex // guards what follows
	left int
	r    *kmsg.ListGroupsResponse
}

// of lists a partition's groups, by their ids.
func (l *listing) of(m *machine) []kmsg.ListGroupsResponseGroup {
	var groups []kmsg.ListGroupsResponseGroup
	for _, id := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[id]
		state, kind := g.state(), g.kind()
		if len(l.states) > 0 && !l.states[strings.ToLower(state)] || len(l.types) > 0 && !l.types[strings.ToLower(kind)] {
			continue
		}
		of := kmsg.NewListGroupsResponseGroup()
		of.Group, of.ProtocolType, of.GroupState, of.GroupType = id, g.protocolType(), state, kind
		groups = append(groups, of)
	}
	return groups
}

func (l *listing) wait() {
	l.mu.Lock()
	l.left++
	l.mu.Unlock()
}

// add takes a partition's groups, or an error, which leaves none; the last one has the answer sent.
func (l *listing) add(groups []kmsg.ListGroupsResponseGroup, code int16) {
	l.mu.Lock()
	l.r.Groups = append(l.r.Groups, groups...)
	if l.left--; code != 0 {
		l.r.ErrorCode = code
	}
	last := l.left == 0
	l.mu.Unlock()
	if !last {
		return
	}
	if l.r.ErrorCode != 0 {
		l.r.Groups = nil
	}
	l.reply(l.r)
}

// wordsOf makes a set of a filter, in lower case.
func wordsOf(filter []string) map[string]bool {
	words := make(map[string]bool, len(filter))
	for _, w := range filter {
		words[strings.ToLower(strings.TrimSpace(w))] = true
	}
	return words
}
