package config

import (
	"strings"
	"testing"
)

func TestConsumerGroups(t *testing.T) {
	b, _, err := load(t, "log.dirs=/tmp/x\ngroup.consumer.assignors=range\ngroup.consumer.migration.policy=UPGRADE\ngroup.consumer.max.size=3")
	if err != nil {
		t.Fatal(err)
	}
	g := b.Groups.Consumer
	if g.SessionTimeoutMs != 45000 || g.HeartbeatIntervalMs != 5000 || g.AssignmentIntervalMs != 1000 || g.RegexRefreshIntervalMs != 600000 {
		t.Errorf("defaults: %+v", g)
	}
	if len(g.Assignors) != 1 || g.Assignors[0] != "range" || !g.Upgrade || g.Downgrade || g.MaxSize != 3 {
		t.Errorf("as set: %+v", g)
	}
	refused := map[string]string{
		"group.consumer.session.timeout.ms=30000": "group.consumer.session.timeout.ms must be greater than or equal to " +
			"group.consumer.min.session.timeout.ms",
		"group.consumer.heartbeat.interval.ms=20000":   "must be less than or equal to group.consumer.max.heartbeat.interval.ms",
		"group.consumer.max.session.timeout.ms=100":    "group.consumer.max.session.timeout.ms must be greater than or equal to",
		"group.consumer.assignors=uniform,org.me.Mine": "org.me.Mine",
	}
	for line, want := range refused {
		if _, _, err := load(t, "log.dirs=/tmp/x\n"+line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
