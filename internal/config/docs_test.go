package config

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewriteDocs = flag.Bool("rewrite", false, "write the tables of docs/configuration.md anew")

// TestDocsNameEveryKey holds the lists of docs/configuration.md to the keys of our own and to those of Kafka's that are honoured.
func TestDocsNameEveryKey(t *testing.T) {
	var own strings.Builder
	own.WriteString("| key | default | dynamic | |\n|---|---|---|---|\n")
	for _, k := range milenaKeys() {
		dynamic, value := "", "none"
		if k.Dynamic != ReadOnly {
			dynamic = "yes"
		}
		if k.Default != "" {
			value = "`" + k.Default + "`"
		}
		fmt.Fprintf(&own, "| `%s` | %s | %s | %s |\n", k.Name, value, dynamic, k.Doc)
	}
	const file = "../../docs/configuration.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, list := range []struct{ name, want string }{
		{"milena", own.String()},
		{"broker", honouredList(tables().broker.names, tables().broker.rows, "")},
		{"topic", honouredList(tables().topic.names, tables().topic.rows, "yes")},
	} {
		mark := "<!-- " + list.name + ": written by a test -->\n"
		before, rest, found := strings.Cut(text, mark)
		got, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("docs/configuration.md has no place for the list %q", list.name)
		}
		if got != list.want && !*rewriteDocs {
			t.Errorf("docs/configuration.md: the list %q is not what the code has; go test ./internal/config -run Docs -rewrite\n%s", list.name, list.want)
		}
		text = before + mark + list.want + "<!-- end -->" + after
	}
	if *rewriteDocs {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// honouredList is a table of the keys of Kafka's that are acted on; otherwise stands where the key names no mode of change.
func honouredList(names []string, rows map[string]*row, otherwise string) string {
	modes := map[Dynamic]string{ReadOnly: otherwise, PerBroker: "per broker", ClusterWide: "cluster"}
	var b strings.Builder
	b.WriteString("| key | default | dynamic |\n|---|---|---|\n")
	for _, name := range slices.Sorted(slices.Values(names)) {
		r := rows[name]
		if !r.Honoured || r.version == versionMilena {
			continue
		}
		value := "none"
		if r.HasDefault && r.Default != "" {
			value = "`" + r.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, value, modes[r.Dynamic])
	}
	return b.String()
}
