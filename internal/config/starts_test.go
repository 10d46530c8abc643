package config

import (
	"os"
	"strings"
	"testing"
)

// TestStartsAsKafka runs testdata/starts.txt: a configuration, keys separated by "|", and below it what Kafka 3.9.2 (broker.id, its
// zookeeper.connect left out) or 4.3.1 (process.roles) says to it at start; where Milena says something else, that in a third line.
func TestStartsAsKafka(t *testing.T) {
	script, err := os.ReadFile("testdata/starts.txt")
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(script)), "\n\n") {
		lines := strings.Split(block, "\n")
		static := map[string]string{}
		for pair := range strings.SplitSeq(lines[0], "|") {
			k, v, _ := strings.Cut(pair, "=")
			static[k] = v
		}
		want := strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "Milena: ")
		got := "OK"
		if _, _, err := FromStatic(static); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n  Milena: %s\nwant %s", lines[0], got, want)
		}
	}
}
