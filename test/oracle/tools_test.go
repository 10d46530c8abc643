//go:build oracle

package oracle

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"milena/test/kafka"
	"milena/test/milena"
)

// call is one run of a tool; in args "%s" stands for the broker's address and "%f" for a file.
type call struct {
	tool    string
	args    string
	stdin   string
	file    string // what the file holds
	reads   bool   // it changes nothing: Milena's tool has to say the same of Kafka too
	ofKafka bool   // what it says of Milena differs by nature: only what the tools say of Kafka is compared
}

// fields are the arguments for one broker.
func (c *call) fields(t *testing.T, address string) []string {
	file := ""
	if c.file != "" {
		file = filepath.Join(t.TempDir(), "file.json")
		if err := os.WriteFile(file, []byte(c.file), 0o644); err != nil {
			t.Error(err)
		}
	}
	return strings.Fields(strings.NewReplacer("%s", address, "%f", file).Replace(c.args))
}

// calls is one story, told in order.
var calls = []call{
	{tool: "topics", args: "--bootstrap-server %s --create --topic story --partitions 2 --config retention.ms=600000000"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic story --partitions 2"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic story --if-not-exists"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic dotted.name"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic wide --replication-factor 4"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic bad/name"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic badconf --config no.such=1"},
	{tool: "topics", args: "--bootstrap-server %s --list", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --describe --topic story", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --describe --topic no-such"},
	{tool: "topics", args: "--bootstrap-server %s --describe --topics-with-overrides", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --describe --unavailable-partitions", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --alter --topic story --partitions 3"},
	{tool: "topics", args: "--bootstrap-server %s --alter --topic story --partitions 1"},
	{tool: "topics", args: "--bootstrap-server %s"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --add-config max.message.bytes=20000,cleanup.policy=[compact,delete]"},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type topics --entity-name story", reads: true},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --delete-config max.message.bytes,cleanup.policy"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --add-config retention.ms=x"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type brokers --entity-default --add-config log.cleaner.threads=2"},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type brokers --entity-default", reads: true},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type brokers --entity-name 1 --add-config broker.id=7"},
	{tool: "console-producer", args: "--bootstrap-server %s --topic story --property parse.key=true --property key.separator=:", stdin: "a:1\nb:2\nc:3\n"},
	{tool: "console-producer", args: "--bootstrap-server %s --topic story --property parse.key=true --property key.separator=:", stdin: "no separator\n"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story", reads: true},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --time -2"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic no-such"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic-partitions story:0-2", reads: true},
	{tool: "cluster", args: "cluster-id --bootstrap-server %s"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic sto.* --partitions 0,2 --time earliest", reads: true},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --time 1", reads: true},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --time soon"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --topic-partitions story:0"},
	{tool: "console-consumer", args: "--bootstrap-server %s --topic story --partition 0 --offset earliest --timeout-ms 5000 --formatter-property print.key=true", reads: true},
	{tool: "console-consumer", args: "--bootstrap-server %s --topic story --partition 1 --offset 0 --timeout-ms 5000 --formatter-property print.key=true --formatter-property print.partition=true --formatter-property print.offset=true", reads: true},
	{tool: "console-consumer", args: "--bootstrap-server %s --topic story --partition 2 --offset latest --timeout-ms 500", reads: true},
	{tool: "console-consumer", args: "--bootstrap-server %s --topic story --offset earliest"},
	{tool: "console-consumer", args: "--bootstrap-server %s"},
	{tool: "log-dirs", args: "--bootstrap-server %s --describe --topic-list story --broker-list 1", reads: true},
	{tool: "log-dirs", args: "--bootstrap-server %s --describe --broker-list 1,8"},
	{tool: "cluster", args: "list-endpoints --bootstrap-server %s", reads: true},
	{tool: "broker-api-versions", args: "--bootstrap-server %s", ofKafka: true},
	{tool: "features", args: "--bootstrap-server %s describe", ofKafka: true},
	{tool: "topics", args: "--bootstrap-server %s --create --topic placed --replica-assignment 1,1"},
	{tool: "topics", args: "--bootstrap-server %s --create --topic placed-twice --replica-assignment 1:1"},
	{tool: "topics", args: "--bootstrap-server %s --describe --topic placed|dotted.*", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --describe --under-replicated-partitions", reads: true},
	{tool: "topics", args: "--bootstrap-server %s --list --partitions 2"},
	{tool: "topics", args: "--bootstrap-server %s --alter --topic no-such --partitions 3"},
	{tool: "topics", args: "--list"},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type topics", reads: true},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type topics --entity-name no-such"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --delete-config no.such.key"},
	{tool: "delete-records", args: "--bootstrap-server %s --offset-json-file %f", file: `{"partitions":[{"topic":"story","partition":0,"offset":-1}],"version":1}`},
	{tool: "delete-records", args: "--bootstrap-server %s --offset-json-file %f", file: `{"partitions":[{"topic":"story"}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --list", reads: true},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --generate --topics-to-move-json-file %f --broker-list 1", file: `{"topics":[{"topic":"story"},{"topic":"dotted.name"}],"version":1}`, reads: true},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --generate --topics-to-move-json-file %f --broker-list 1,1", file: `{"topics":[{"topic":"story"}]}`, reads: true},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --generate --topics-to-move-json-file %f --broker-list 1", file: `{"topics":[{"topic":"no-such"}]}`, reads: true},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --verify --preserve-throttles --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[2]}]}`, reads: true},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --throttle 1000000 --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --verify --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --cancel --preserve-throttles --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[7]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[1,1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --disallow-replication-factor-change --reassignment-json-file %f", file: `{"version":1,"partitions":[{"topic":"story","partition":0,"replicas":[1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file %f", file: `{"partitions":[{"topic":"story","partition":99,"replicas":[1]}]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file %f", file: `{"partitions":[]}`},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --execute --reassignment-json-file /no/such/file"},
	{tool: "reassign-partitions", args: "--bootstrap-server %s --list --throttle 5"},
	{tool: "reassign-partitions", args: "--list"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --time -2", reads: true},
	{tool: "delete-records", args: "--bootstrap-server %s --offset-json-file /no/such/file"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story --if-exists"},
}

// ran is what a tool printed and how it ended.
type ran struct {
	out  string
	errs string // not compared
	code int
}

// notRun is the exit code of a tool that could not be run.
const notRun = -2

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return notRun
}

var (
	idText = regexp.MustCompile(`TopicId: \S+|Epoch: [0-9]+|Cluster ID: \S+|"logDir":"[^"]*"|"log_dirs":\[[^\]]*\]|"size":[0-9]+|"(total|usable)Bytes":[0-9]+|` +
		`127\.0\.0\.1:?\s*[0-9]+`)
	logLine = regexp.MustCompile(`(?m)^(\[[0-9-]+ [0-9:,]+\] (ERROR|WARN|INFO).*|SLF4J.*|log4j:.*|WARNING: .*|\s+at [\w.$/]+\(.*|` +
		`\s+\.\.\. \d+ more|Caused by: .*)\n`)
	thrown   = regexp.MustCompile(`(?m)^(Error: .*\n)[\w.]+Exception: .*\n\n?`)
	trailing = regexp.MustCompile(`(?m)[ \t]+$`)
)

// words is a tool's standard output without what differs from one cluster to another; log lines and stack traces are the JVM's.
func words(out string) string {
	return trailing.ReplaceAllString(thrown.ReplaceAllString(logLine.ReplaceAllString(idText.ReplaceAllString(out, "ID"), ""), "$1"), "")
}

// runs is how a call ended with each pair of tool and broker.
type runs struct{ theirs, theirsOfUs, oursOfUs, oursOfThem ran }

// story is a broker of Kafka and two of Milena, which live through the same calls: one by Kafka's tools, one by Milena's.
type story struct {
	kafka          *kafka.Cluster
	forKafkasTools *milena.Broker
	forOurTools    *milena.Broker
}

// tell makes a call with each pair, at once.
func (s *story) tell(t *testing.T, c call) (r runs) {
	t.Helper()
	var wait sync.WaitGroup
	wait.Go(func() { r.theirs = s.theirTool(t, c, s.kafka.Address()) })
	if !c.ofKafka {
		wait.Go(func() { r.theirsOfUs = s.theirTool(t, c, s.forKafkasTools.Address()) })
		wait.Go(func() { r.oursOfUs = s.ourTool(t, c, s.forOurTools.Address()) })
	}
	if c.ofKafka || c.reads {
		wait.Go(func() { r.oursOfThem = s.ourTool(t, c, s.kafka.Address()) })
	}
	wait.Wait()
	return r
}

func (s *story) theirTool(t *testing.T, c call, address string) ran {
	out, errs, err := kafka.Tool(t.Context(), kafka.V4, strings.NewReader(c.stdin), kafka.ToolClass(kafka.V4, c.tool), c.fields(t, address)...)
	return ran{words(out), errs, exitCode(err)}
}

func (s *story) ourTool(t *testing.T, c call, address string) ran {
	out, errs, err := s.forOurTools.Run(t.Context(), c.stdin, append([]string{c.tool}, c.fields(t, address)...)...)
	return ran{words(out), errs, exitCode(err)}
}

// compare tells where a pair's run differs from that of Kafka's tool and Kafka.
func (c *call) compare(t *testing.T, want, got ran, who string) {
	t.Helper()
	if got.out != want.out || got.code != want.code {
		t.Errorf("%s %s\nof Kafka says of Kafka (exit %d):\n%s\n%s (exit %d):\n%s%s",
			c.tool, c.args, want.code, want.out, who, got.code, got.out, shortened(got.errs))
	}
}

// TestTools has Kafka's tools run against Kafka and against Milena, and Milena's tools against Milena: all say the same.
func TestTools(t *testing.T) {
	s := &story{startKafka(t, kafka.V4, kafka.KRaft, 19700), startMilena(t, t.TempDir()), startMilena(t, t.TempDir())}
	// What Kafka 4 does at its first start in KRaft mode (KIP-966).
	for _, b := range []*milena.Broker{s.forKafkasTools, s.forOurTools} {
		if _, errs, err := b.Run(t.Context(), "", "configs", "--bootstrap-server", b.Address(), "--alter", "--entity-type", "brokers",
			"--entity-default", "--add-config", "min.insync.replicas=1"); err != nil {
			t.Fatal(err, errs)
		}
	}
	for i, c := range calls {
		t.Run(fmt.Sprintf("%02d %s", i, c.tool), func(t *testing.T) {
			r := s.tell(t, c)
			if !c.ofKafka {
				c.compare(t, r.theirs, r.theirsOfUs, "of Kafka says of Milena")
				c.compare(t, r.theirs, r.oursOfUs, "of Milena says of Milena")
			}
			if c.ofKafka || c.reads {
				c.compare(t, r.theirs, r.oursOfThem, "of Milena says of Kafka")
			}
		})
	}
}
