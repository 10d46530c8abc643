package group

import (
	"fmt"
	"strings"
	"time"
)

// consumerStory is what the one line tells that the log has for each time that a group's members share their partitions anew: who came or
// went, and how long it took until all had what they were to have.
type consumerStory struct {
	began  time.Time
	causes []string
	more   int
}

func (s *consumerStory) add(cause string) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	if len(s.causes) < maxCauses {
		s.causes = append(s.causes, cause)
	} else {
		s.more++
	}
}

// settle ends the story when the group is at rest.
func (s *consumerStory) settle(g *consumerGroup) {
	if s.began.IsZero() {
		return
	}
	state := g.state()
	if state != "Stable" && state != "Empty" {
		return
	}
	causes := s.causes
	if s.more > 0 {
		causes = append(causes, fmt.Sprintf("and %d more", s.more))
	}
	partitions := len(g.owners)
	g.m.host.Logger().Info("group rebalanced", "group", g.id, "state", state, "epoch", g.epoch, "members", len(g.members),
		"partitions", partitions, "why", strings.Join(causes, "; "), "tookMs", time.Since(s.began).Milliseconds())
	*s = consumerStory{}
}
