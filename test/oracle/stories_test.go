//go:build oracle

package oracle

import (
	"bytes"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"milena/test/kafka"
	"milena/test/milena"
)

// mustKafka runs a tool of a Kafka's version against Milena and returns its standard output.
func mustKafka(t *testing.T, version, stdin, tool string, args ...string) string {
	t.Helper()
	out, errs, err := kafka.Tool(t.Context(), version, strings.NewReader(stdin), kafka.ToolClass(version, tool), args...)
	if err != nil {
		t.Fatalf("Kafka %s: %s %s: %v\n%s%s", version, tool, strings.Join(args, " "), err, out, errs)
	}
	return out
}

func mustMilena(t *testing.T, b *milena.Broker, args ...string) string {
	t.Helper()
	out, errs, err := b.Run(t.Context(), "", args...)
	if err != nil {
		t.Fatalf("milena %s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

// mustKcat runs kcat, "" where it is not installed.
func mustKcat(t *testing.T, stdin string, args ...string) (out string, installed bool) {
	t.Helper()
	path, err := exec.LookPath("kcat")
	if err != nil {
		t.Log("kcat is not installed")
		return "", false
	}
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &errs
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(raw), true
}

// sameLines compares what a reader printed with what it was to print.
func sameLines(t *testing.T, reader, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s reads\n%s\ninstead of\n%s", reader, got, want)
	}
}

// deprecated is what Kafka 4.3's console-consumer says, on its standard output, to the flag that older ones know.
const deprecated = "Option --property is deprecated and will be removed in a future version. Use --formatter-property instead.\n"

// TestOldTools is a story with the console tools of Kafka 2.4.1 and 3.9.2.
func TestOldTools(t *testing.T) {
	b := startMilena(t, t.TempDir())
	for _, version := range []string{kafka.V2, kafka.V3} {
		t.Run(version, func(t *testing.T) {
			topic := "from-" + version
			mustKafka(t, version, "", "topics", "--bootstrap-server", b.Address(), "--create", "--topic", topic, "--partitions", "1",
				"--replication-factor", "1")
			toBrokers := "--bootstrap-server"
			if version == kafka.V2 {
				toBrokers = "--broker-list"
			}
			const written = "a:one\nb:two\na:three\n"
			mustKafka(t, version, written, "console-producer", toBrokers, b.Address(), "--topic", topic,
				"--property", "parse.key=true", "--property", "key.separator=:", "--request-required-acks", "all")
			printing := []string{"--bootstrap-server", b.Address(), "--topic", topic, "--max-messages", "3",
				"--property", "print.key=true", "--property", "key.separator=:"}
			sameLines(t, "Kafka's console-consumer", mustKafka(t, version, "", "console-consumer",
				append([]string{"--partition", "0", "--offset", "earliest"}, printing...)...), written)
			ours := mustMilena(t, b, append([]string{"console-consumer", "--from-beginning"}, printing...)...)
			sameLines(t, "milena console-consumer", strings.TrimPrefix(ours, deprecated), written)
			if out, ok := mustKcat(t, "", "-C", "-b", b.Address(), "-t", topic, "-e", "-q", "-K", ":"); ok {
				sameLines(t, "kcat", out, written)
			}
		})
	}
}

// TestRecordsReadBack has every producer's keys, headers and timestamps read back by every consumer.
func TestRecordsReadBack(t *testing.T) {
	b := startMilena(t, t.TempDir())
	at := b.Address()
	mustMilena(t, b, "topics", "--bootstrap-server", at, "--create", "--topic", "headed", "--partitions", "1")
	mustKafka(t, kafka.V4, "from:kafka,n:1\tk1\tone\nfrom:kafka\tk2\ttwo\n", "console-producer", "--bootstrap-server", at, "--topic", "headed",
		"--reader-property", "parse.key=true", "--reader-property", "parse.headers=true")
	n := 2
	if _, ok := mustKcat(t, "k3\tthree\n", "-P", "-b", at, "-t", "headed", "-K", "\t", "-H", "from=kcat"); ok {
		n++
	}
	printing := []string{"--bootstrap-server", at, "--topic", "headed", "--max-messages", strconv.Itoa(n)}
	for _, what := range []string{"key", "headers", "timestamp", "offset", "partition"} {
		printing = append(printing, "--formatter-property", "print."+what+"=true")
	}
	ours := mustMilena(t, b, append([]string{"console-consumer", "--from-beginning"}, printing...)...)
	theirs := mustKafka(t, kafka.V4, "", "console-consumer", append([]string{"--partition", "0", "--offset", "earliest"}, printing...)...)
	sameLines(t, "milena console-consumer", ours, theirs)
	stamp := regexp.MustCompile(`(?m)^CreateTime:1\d{12}`)
	want := "T\tPartition:0\tOffset:0\tfrom:kafka,n:1\tk1\tone\nT\tPartition:0\tOffset:1\tfrom:kafka\tk2\ttwo\n"
	if n == 3 {
		want += "T\tPartition:0\tOffset:2\tfrom:kcat\tk3\tthree\n"
	}
	sameLines(t, "Kafka's console-consumer", stamp.ReplaceAllString(theirs, "T"), want)
	if out, ok := mustKcat(t, "", "-C", "-b", at, "-t", "headed", "-e", "-q", "-f", "CreateTime:%T\tPartition:%p\tOffset:%o\t%h\t%k\t%s\n"); ok {
		sameLines(t, "kcat", strings.ReplaceAll(out, "=", ":"), theirs)
	}
}
