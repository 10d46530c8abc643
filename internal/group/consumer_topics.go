package group

import (
	"maps"
	"math"
	"slices"
	"time"

	"milena/internal/groupmsg"
	"milena/internal/metadata"
)

// metadataRefreshMs is after how long a group's topics are looked at again when no change of theirs was heard of.
const metadataRefreshMs = math.MaxInt32

// subscriptionOf are the names of the topics that a member is subscribed to, by name or by its regular expression as it was last
// resolved; sorted. Not all of them need exist.
func (g *consumerGroup) subscriptionOf(m *consumerMember) []string {
	resolved := g.regexes[m.regex]
	if m.regex == "" || resolved == nil || len(resolved.Topics) == 0 {
		return m.topics
	}
	if len(m.topics) == 0 {
		return resolved.Topics
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(m.topics, resolved.Topics))))
}

// idsOf are the ids of those topics that exist.
func idsOf(image *metadata.Image, names []string) []metadata.TopicID {
	ids := make([]metadata.TopicID, 0, len(names))
	for _, name := range names {
		if t := image.Topics[name]; t != nil && t.ID != (metadata.TopicID{}) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// topicsOf are all topics that members are subscribed to, sorted.
func (g *consumerGroup) topicsOf(members []*consumerMember) []string {
	names := map[string]struct{}{}
	regexes := map[string]bool{}
	for _, m := range members {
		for _, name := range m.topics {
			names[name] = struct{}{}
		}
		if m.regex != "" && !regexes[m.regex] && g.regexes[m.regex] != nil {
			regexes[m.regex] = true
			for _, name := range g.regexes[m.regex].Topics {
				names[name] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// homogeneous tells whether all members are subscribed to the same: the same names, or one regular expression and no names.
func (g *consumerGroup) homogeneous(members []*consumerMember) bool {
	for _, m := range members[min(1, len(members)):] {
		if m.regex != members[0].regex || !slices.Equal(m.topics, members[0].topics) {
			return false
		}
	}
	return len(members) == 0 || members[0].regex == "" || len(members[0].topics) == 0
}

// hashOf is the metadata hash of these topics, of those that exist.
func (g *consumerGroup) hashOf(names []string) int64 {
	image := g.m.c.options.Metadata.Image()
	var hashes []int64
	for _, name := range names {
		t := image.Topics[name]
		if t == nil || t.ID == (metadata.TopicID{}) {
			continue
		}
		h := groupmsg.HashedTopic{ID: t.ID, Name: name, Racks: make([][]string, len(t.Partitions))}
		for i := range t.Partitions {
			for _, id := range t.Partitions[i].Replicas {
				if rack := image.Brokers[id].Rack; rack != nil {
					h.Racks[i] = append(h.Racks[i], *rack)
				}
			}
		}
		hashes = append(hashes, h.Hash())
	}
	return groupmsg.MetadataHash(hashes)
}

// refreshed notes that the group's topics have been looked at, for that group epoch.
func (g *consumerGroup) refreshed(epoch int32) {
	g.refreshAtMs, g.refreshedEpoch = time.Now().UnixMilli()+metadataRefreshMs, epoch
}
