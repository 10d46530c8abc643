//go:build oracle

package oracle

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
)

// groupTopics are made and filled on each broker before the groups begin.
var groupTopics = []struct{ name, partitions, records string }{
	{"alpha", "3", "k1:v1\nk2:v2\nk3:v3\nk4:v4\nk5:v5\nk6:v6\nk7:v7\nk8:v8\nk9:v9\n"},
	{"beta", "1", "a:1\nb:2\nc:3\nd:4\ne:5\n"},
	{"a-topic-with-a-rather-long-name", "2", "x:1\ny:2\n"},
}

// groupMembers are consumers that stay while the tools look at their groups.
var groupMembers = []string{
	"--topic alpha --group live-classic",
	"--include alpha|beta --group live-classic --command-property client.id=other",
	"--topic alpha --group live-next --command-property group.protocol=consumer",
	"--topic alpha --group live-next --command-property group.protocol=consumer --command-property client.id=second",
	"--include a.* --group live-static --command-property group.instance.id=one --command-property client.id=static-one",
}

// groupCalls are told of groups, by Kafka's tool and then by Milena's: both say the same, and leave the group as it is, or change it
// in the same way. "%f" stands for a file of offsets.
var groupCalls = strings.Split(strings.TrimSpace(`
--list
--list --state --type
--list --state Stable,empty
--list --type consumer
--describe --group g-empty
--describe --group g-empty --members --verbose
--describe --group g-empty --state --verbose
--describe --group live-classic
--describe --group live-classic --members --verbose
--describe --group live-classic --state
--describe --group live-next
--describe --group live-next --members --verbose
--describe --group live-next --state --verbose
--describe --group live-static --members --verbose
--describe --all-groups
--describe --all-groups --state
--describe --group none
--reset-offsets --group g-empty --topic alpha --to-earliest --dry-run
--reset-offsets --group g-empty --topic alpha:0,1 --topic beta --to-latest --dry-run
--reset-offsets --group g-empty --all-topics --to-current --dry-run --export
--reset-offsets --group g-empty --all-topics --shift-by 2 --dry-run
--reset-offsets --group g-empty --all-topics --to-offset 3 --dry-run
--reset-offsets --group g-empty --topic alpha --to-datetime 2020-01-01T00:00:00.000 --dry-run
--reset-offsets --group g-empty --topic alpha --to-datetime 2090-01-01T00:00:00.000+02:00 --dry-run
--reset-offsets --group g-empty --topic alpha --by-duration P1D --dry-run
--reset-offsets --group g-empty --topic none --to-earliest --dry-run
--reset-offsets --group g-empty --topic alpha:7 --to-earliest --dry-run
--reset-offsets --group none --topic alpha --shift-by 1 --dry-run
--reset-offsets --group none --topic alpha --to-latest --dry-run
--reset-offsets --group live-classic --topic alpha --to-latest --execute
--reset-offsets --group g-empty --from-file %f --dry-run
--reset-offsets --group g-long --topic a-topic-with-a-rather-long-name --to-latest --execute --export
--describe --group g-long
--delete-offsets --group g-long --topic a-topic-with-a-rather-long-name:1
--delete-offsets --group g-long --topic alpha:7
--delete-offsets --group g-long --topic none
--delete-offsets --group none --topic alpha
--delete-offsets --group live-classic --topic alpha
--delete --group live-next
--delete --group none
`), "\n")

// TestGroupTools has Kafka's consumer-groups and Milena's look at the same groups of Kafka, and of Milena.
func TestGroupTools(t *testing.T) {
	theirs := startKafka(t, kafka.V4, kafka.KRaft, 24300)
	ours := startMilena(t, t.TempDir(), "offsets.topic.replication.factor=1", "group.initial.rebalance.delay.ms=0")
	for _, b := range []struct{ name, address string }{{"of Kafka", theirs.Address()}, {"of Milena", ours.Address()}} {
		t.Run(b.name, func(t *testing.T) { groupTools(t, ours, b.address) })
	}
}

func groupTools(t *testing.T, tools *milena.Broker, address string) {
	tell := func(stdin string, args ...string) {
		t.Helper()
		if out, errs, err := tools.Run(t.Context(), stdin, args...); err != nil {
			t.Fatal(args, err, out, errs)
		}
	}
	for _, topic := range groupTopics {
		tell("", "topics", "--bootstrap-server", address, "--create", "--topic", topic.name, "--partitions", topic.partitions)
		tell(topic.records, "console-producer", "--bootstrap-server", address, "--topic", topic.name,
			"--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	}
	tell("", "console-consumer", "--bootstrap-server", address, "--topic", "alpha", "--group", "g-empty", "--from-beginning", "--max-messages", "4")
	tell("", "console-consumer", "--bootstrap-server", address, "--topic", "beta", "--group", "g-empty", "--from-beginning", "--max-messages", "3")
	for _, member := range groupMembers {
		startMember(t, tools.Binary, address, member)
	}
	awaitGroups(t, tools, address, map[string]int{"live-classic": 2, "live-next": 2, "live-static": 1})
	file := filepath.Join(t.TempDir(), "offsets.csv")
	if err := os.WriteFile(file, []byte("alpha,0,1\nalpha,1,100\nbeta,0,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	class := kafka.ToolClass(kafka.V4, "consumer-groups")
	for _, line := range groupCalls {
		args := append([]string{"--bootstrap-server", address}, strings.Fields(strings.ReplaceAll(line, "%f", file))...)
		want := sameOf(kafka.Tool(t.Context(), kafka.V4, strings.NewReader(""), class, args...))
		got := sameOf(tools.Run(t.Context(), "", append([]string{"consumer-groups"}, args...)...))
		// Which of two equals comes first is chance in Kafka's maps.
		if got.code != want.code || linesOf(got.out) != linesOf(want.out) {
			t.Errorf("%s\nKafka's tool (exit %d):\n%s\nMilena's (exit %d):\n%s%s", line, want.code, want.out, got.code, got.out, shortened(got.errs))
		}
	}
}

// sameOf is a tool's run without what the JVM's log says.
func sameOf(out, errs string, err error) ran {
	return ran{logLine.ReplaceAllString(out, ""), errs, exitCode(err)}
}

// linesOf are the lines of a text, sorted.
func linesOf(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// startMember starts a consumer that reads until the test ends.
func startMember(t *testing.T, binary, address, args string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"console-consumer", "--bootstrap-server", address}, strings.Fields(args)...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// awaitGroups waits until these groups are stable with so many members, each with partitions.
func awaitGroups(t *testing.T, tools *milena.Broker, address string, members map[string]int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stable := regexp.MustCompile(`(?m)^\S+ .* Stable +([0-9]+)$`)
	for group, count := range members {
		tick := time.NewTicker(200 * time.Millisecond)
		for out := ""; ; {
			out, _, _ = tools.Run(ctx, "", "consumer-groups", "--bootstrap-server", address, "--describe", "--group", group, "--state")
			if m := stable.FindStringSubmatch(out); m != nil && m[1] == strconv.Itoa(count) {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("group %s has not become stable with %d members: %s", group, count, out)
			}
		}
		tick.Stop()
	}
}
