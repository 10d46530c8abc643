package config

import (
	"strings"
	"testing"
)

func TestReplicaSelector(t *testing.T) {
	for class, want := range map[string]bool{"": false, leaderSelector: false, rackAwareSelector: true} {
		b, warnings, err := FromStatic(map[string]string{"broker.id": "1", "replica.selector.class": class})
		if err != nil || b.RackAwareSelector != want || len(warnings) > 0 {
			t.Errorf("%q: %v, %v, %v", class, b, warnings, err)
		}
	}
	_, _, err := FromStatic(map[string]string{"broker.id": "1", "replica.selector.class": "com.example.Nearest"})
	if err == nil || !strings.Contains(err.Error(), "com.example.Nearest") || !strings.Contains(err.Error(), rackAwareSelector) {
		t.Error(err)
	}
}
