package group

import (
	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"
)

// consumerShare is what the consumer groups of a partition share.
type consumerShare struct {
	// draft is a group that a handler has made: it comes to life when its first record is replayed, with its soft state.
	draft *consumerGroup
	// image is the cluster as it was last looked at. topicsVersion counts the times that new topics were seen in it, from what the
	// records of regular expressions say on.
	image         *metadata.Image
	topicsVersion int64
}

func (s *consumerShare) init(*machine) {}

// look notices what has changed in the cluster since the last time: groups look at their topics again when one of theirs has come, gone
// or changed, and at their regular expressions when there are new ones.
func (m *machine) look() {
	s, image := &m.consumer, m.c.options.Metadata.Image()
	if s.image == image {
		return
	}
	old := s.image
	s.image = image
	if old == nil {
		return
	}
	var changed []string
	created := false
	for name, t := range image.Topics {
		was := old.Topics[name]
		if was == t {
			continue
		}
		changed = append(changed, name)
		created = created || was == nil || was.ID != t.ID
	}
	for name := range old.Topics {
		if image.Topics[name] == nil {
			changed = append(changed, name)
		}
	}
	if created {
		s.topicsVersion++
	}
	if len(changed) == 0 {
		return
	}
	for _, g := range m.groups {
		g, ok := g.(*consumerGroup)
		if !ok {
			continue
		}
		for _, name := range changed {
			if g.subscribedTo(name) {
				g.refreshAtMs = 0
				break
			}
		}
	}
}

// consumerMetadataChanged has the partition's consumer groups look at their subscriptions again, at their members' next heartbeats.
func (m *machine) consumerMetadataChanged() coordinator.Result {
	m.look()
	return coordinator.Result{}
}

// consumerLoaded begins the sessions of members, and the time that they have to give partitions back.
func (m *machine) consumerLoaded() {
	m.consumer.image = m.c.options.Metadata.Image()
	m.consumer.topicsVersion++ // topics may have been made while nobody looked
	for _, g := range m.groups {
		g, ok := g.(*consumerGroup)
		if !ok {
			continue
		}
		for _, member := range g.members {
			g.keepAlive(member)
			if member.state == groupmsg.MemberUnrevokedPartitions && member.classic == nil {
				g.awaitRevocation(member)
			}
		}
	}
}
