package group

import (
	"fmt"
	"strings"
	"time"
)

// maxCauses bounds how many causes of one rebalance are told.
const maxCauses = 8

// cause is why a rebalance is, or one more reason for it.
type cause struct {
	memberID string
	what     string
	reason   *string // the client's (KIP-800)
	more     int     // other members of whom the same is true
}

func (c *cause) String() string {
	s := c.memberID + " " + c.what
	if c.more > 0 {
		s += fmt.Sprintf(", and so %d more", c.more)
	}
	if c.reason != nil && *c.reason != "" {
		s += fmt.Sprintf(" (%.255s)", *c.reason)
	}
	return s
}

// rebalanceStory is what a rebalance's one line of the log tells.
type rebalanceStory struct {
	began  time.Time
	causes []string
	more   int
}

// begin is called when members are asked to join again; a rebalance that is begun anew before it ended goes on.
func (s *rebalanceStory) begin(g *classicGroup, why *cause) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	s.add(g, why)
	g.m.host.Logger().Debug("rebalance", "group", g.id, "state", g.now, "generation", g.generation, "cause", why)
}

func (s *rebalanceStory) add(g *classicGroup, why *cause) {
	if why == nil {
		return
	}
	if len(s.causes) == maxCauses {
		s.more++
		return
	}
	s.causes = append(s.causes, why.String())
}

// end is called when the group is stable, or empty.
func (s *rebalanceStory) end(g *classicGroup) {
	causes := s.causes
	if s.more > 0 {
		causes = append(causes, fmt.Sprintf("and %d more", s.more))
	}
	protocol := ""
	if g.protocol != nil {
		protocol = *g.protocol
	}
	var took time.Duration
	if !s.began.IsZero() {
		took = time.Since(s.began)
	}
	g.m.host.Logger().Info("group rebalanced", "group", g.id, "state", g.now, "generation", g.generation, "members", len(g.members),
		"protocol", protocol, "why", strings.Join(causes, "; "), "tookMs", took.Milliseconds())
	*s = rebalanceStory{}
}
