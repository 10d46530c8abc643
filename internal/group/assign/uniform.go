package assign

import "slices"

// topicPartition is one partition.
type topicPartition struct {
	topic     TopicID
	partition int32
}

// assignEvenly is the uniform assignor for members that are all subscribed to the same topics: the members' numbers of partitions differ
// by one at most, and as many partitions as possible stay where they are.
func assignEvenly(s *Spec) map[string]Partitions {
	members := membersInOrder(s)
	targets := make(map[string]Partitions, len(members))
	if len(members) == 0 || len(members[0].Topics) == 0 {
		return targets
	}
	subscribed := map[TopicID]bool{}
	for _, t := range members[0].Topics {
		subscribed[t] = true
	}
	free, total := freePartitions(s, members[0].Topics)

	// Every member keeps what it has up to its share. The first ones to have more than the least share keep one more, until there are
	// no more such places; those who are left over at the end get the places that remain.
	least, places := total/len(members), total%len(members)
	wants := make([]int, len(members))
	for i, m := range members {
		room, extra := least, places > 0
		if extra {
			room++
		}
		target := Partitions{}
		for _, t := range targetInOrder(m.Target) {
			if !subscribed[t] {
				continue
			}
			existing := slices.DeleteFunc(slices.Clone(m.Target[t]), func(p int32) bool { return p >= s.NumPartitions[t] })
			kept, excess := keep(existing, room)
			room -= len(kept)
			if len(kept) > 0 {
				target[t] = kept
			}
			for _, p := range excess {
				free = append(free, topicPartition{t, p})
			}
		}
		if room > 0 && extra && len(members)-i > places {
			room, extra = room-1, false
		}
		if extra {
			places--
		}
		wants[i] = room
		targets[m.ID] = target
	}
	for i, m := range members {
		n := min(wants[i], len(free))
		for _, f := range free[:n] {
			targets[m.ID][f.topic] = append(targets[m.ID][f.topic], f.partition)
		}
		free = free[n:]
	}
	return targets
}

// freePartitions are the topics' partitions that are in no member's target, in order, and the number of all partitions.
func freePartitions(s *Spec, topics []TopicID) (free []topicPartition, total int) {
	taken := map[topicPartition]bool{}
	for i := range s.Members {
		for t, partitions := range s.Members[i].Target {
			for _, p := range partitions {
				taken[topicPartition{t, p}] = true
			}
		}
	}
	for _, t := range hashOrder(slices.Clone(topics), copiedCapacity(len(topics)), hashOfTopic) {
		for p := range s.NumPartitions[t] {
			if at := (topicPartition{t, p}); !taken[at] {
				free = append(free, at)
			}
		}
		total += int(s.NumPartitions[t])
	}
	return free, total
}

// keep splits partitions, which it reorders, into as many as there is room for and the rest.
func keep(partitions []int32, room int) (kept, excess []int32) {
	if len(partitions) <= room {
		return partitions, nil
	}
	all := hashOrder(partitions, copiedCapacity(len(partitions)), hashOfPartition)
	return all[:room:room], all[room:]
}
