package config

import (
	"strings"
	"testing"
)

// TestWhoCampaigns: with the embedded store its members alone, else every broker.
func TestWhoCampaigns(t *testing.T) {
	const voters = "|controller.listener.names=CONTROLLER|controller.quorum.voters=1@localhost:9093"
	for text, want := range map[string]bool{
		"broker.id=1": true,
		"broker.id=1|zookeeper.connect=localhost:2181":                                                      true,
		"process.roles=broker,controller|node.id=1|listeners=PLAINTEXT://:9092,CONTROLLER://:9093" + voters: true,
		"process.roles=controller|node.id=1|listeners=CONTROLLER://:9093" + voters:                          true,
		"process.roles=broker|node.id=2" + voters:                                                           false,
		"process.roles=broker|node.id=2|milena.coordination.etcd.endpoints=http://localhost:2379" + voters:  true,
	} {
		static := map[string]string{}
		for pair := range strings.SplitSeq(text, "|") {
			key, value, _ := strings.Cut(pair, "=")
			static[key] = value
		}
		b, _, err := FromStatic(static)
		if err != nil || b.Campaigns() != want || b.ControllerOnly != (len(b.Listeners) == 0) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
