package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var rewrite = flag.Bool("rewrite", false, "write the tables of docs/supported.md anew")

// TestDocsListEveryKey holds the tables of docs/supported.md to what is served and what is not.
func TestDocsListEveryKey(t *testing.T) {
	var served, unserved strings.Builder
	served.WriteString("| key | name | versions | for |\n|---|---|---|---|\n")
	for _, row := range wholeTable(t) {
		key, whom := kmsg.Key(row.Key), "clients"
		if row.InterBroker {
			whom = "brokers"
		}
		fmt.Fprintf(&served, "| %d | %s | %d–%d | %s |\n", row.Key, key.Name(), row.Min, row.Max, whom)
	}
	unserved.WriteString("| not served | because |\n|---|---|\n")
	for _, u := range unsupported() {
		names := make([]string, len(u.keys))
		for i, key := range u.keys {
			names[i] = fmt.Sprintf("%s (%d)", key.Name(), int16(key))
		}
		fmt.Fprintf(&unserved, "| %s | %s |\n", strings.Join(names, ", "), u.reason)
	}
	const file = "../../docs/supported.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, table := range []struct{ name, want string }{{"served", served.String()}, {"unserved", unserved.String()}} {
		before, rest, found := strings.Cut(text, "<!-- "+table.name+": written by a test -->\n")
		got, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("docs/supported.md has no place for the table %q", table.name)
		}
		if got == table.want {
			continue
		}
		if !*rewrite {
			t.Errorf("docs/supported.md: the table %q is not what the code has; go test ./internal/api -run Docs -rewrite\n%s", table.name, table.want)
		}
		text = before + "<!-- " + table.name + ": written by a test -->\n" + table.want + "<!-- end -->" + after
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
