//go:build chaos

package chaos

import (
	"time"

	"milena/test/history"
)

// story is a cluster with a load, whose history is looked at in the end.
type story struct {
	*cluster
	to      *history.Topic
	load    *history.Load
	along   *history.Reader
	members *history.Group
}

func startStory(c *cluster) *story {
	c.t.Helper()
	c.createTopic()
	to := &history.Topic{Name: topic, Partitions: partitions, Client: c.client}
	s := &story{cluster: c, to: to, load: to.Load(c.t), along: to.Reader(c.t), members: to.Group(c.t)}
	c.t.Cleanup(func() {
		if c.t.Failed() {
			out, err := c.command("topics", "--describe").CombinedOutput()
			c.t.Logf("in the end: %s, %v", out, err)
		}
	})
	s.load.GoesOn()
	c.whole()
	return s
}

// goesOn waits until each partition takes records from now on.
func (s *story) goesOn(when string) {
	s.t.Helper()
	s.load.Mark()
	s.waited(when)
}

// waited tells how long producers waited since the last mark, when each partition takes records.
func (s *story) waited(when string) {
	s.t.Helper()
	pause := s.load.GoesOn()
	s.t.Logf("%s %s: a pause of %d ms; %d records", time.Now().UTC().Format("15:04:05.000"), when, pause.Milliseconds(), s.load.Acked())
	if pause > longestPause {
		s.t.Errorf("%s: producers paused for %v", when, pause)
	}
}

// end holds the history against what is there, and the files of the running brokers' replicas of topics against each other.
func (s *story) end(topics ...string) {
	s.t.Helper()
	s.load.End()
	s.whole()
	ends := s.to.Ends(s.t)
	final := s.to.Reader(s.t).Reach(ends)
	read := s.along.Reach(ends)
	s.members.Reach(ends)
	history.Verify(s.t, s.load, final, read, s.members)
	var dirs []string
	for i, b := range s.brokers {
		if s.running[i] {
			dirs = append(dirs, b.DataDir())
		}
	}
	s.stopAll()
	if n := history.EqualLogs(s.t, topics, dirs...); n < partitions {
		s.t.Errorf("%d partitions only in %s", n, dirs[0])
	}
}
