//go:build oracle

package oracle

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"milena/test/kafka"
	"milena/test/milena"
)

// call is one run of a tool; "%s" in args stands for the broker's address.
type call struct {
	tool  string
	args  string
	stdin string
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
	{tool: "topics", args: "--bootstrap-server %s --list"},
	{tool: "topics", args: "--bootstrap-server %s --describe --topic story"},
	{tool: "topics", args: "--bootstrap-server %s --describe --topic no-such"},
	{tool: "topics", args: "--bootstrap-server %s --describe --topics-with-overrides"},
	{tool: "topics", args: "--bootstrap-server %s --describe --unavailable-partitions"},
	{tool: "topics", args: "--bootstrap-server %s --alter --topic story --partitions 3"},
	{tool: "topics", args: "--bootstrap-server %s --alter --topic story --partitions 1"},
	{tool: "topics", args: "--bootstrap-server %s"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --add-config max.message.bytes=20000,cleanup.policy=[compact,delete]"},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type topics --entity-name story"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --delete-config max.message.bytes,cleanup.policy"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type topics --entity-name story --add-config retention.ms=x"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type brokers --entity-default --add-config log.cleaner.threads=2"},
	{tool: "configs", args: "--bootstrap-server %s --describe --entity-type brokers --entity-default"},
	{tool: "configs", args: "--bootstrap-server %s --alter --entity-type brokers --entity-name 1 --add-config broker.id=7"},
	{tool: "console-producer", args: "--bootstrap-server %s --topic story --property parse.key=true --property key.separator=:", stdin: "a:1\nb:2\nc:3\n"},
	{tool: "console-producer", args: "--bootstrap-server %s --topic story --property parse.key=true --property key.separator=:", stdin: "no separator\n"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic story --time -2"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic no-such"},
	{tool: "get-offsets", args: "--bootstrap-server %s --topic-partitions story:0-2"},
	{tool: "cluster", args: "cluster-id --bootstrap-server %s"},
	{tool: "delete-records", args: "--bootstrap-server %s --offset-json-file /no/such/file"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story"},
	{tool: "topics", args: "--bootstrap-server %s --delete --topic story --if-exists"},
}

// ran is what a tool printed and how it ended.
type ran struct {
	out  string
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
	idText   = regexp.MustCompile(`TopicId: \S+|Cluster ID: \S+`)
	logLine  = regexp.MustCompile(`(?m)^(\[[0-9-]+ [0-9:,]+\] (ERROR|WARN|INFO).*|SLF4J.*|log4j:.*|WARNING: .*|\s+at [\w.$/]+\(.*|\s+\.\.\. \d+ more|Caused by: .*)\n`)
	trailing = regexp.MustCompile(`(?m)[ \t]+$`)
)

// words is a tool's standard output without what differs from one cluster to another; log lines and stack traces are the JVM's.
func words(out string) string {
	return trailing.ReplaceAllString(logLine.ReplaceAllString(idText.ReplaceAllString(out, "ID"), ""), "")
}

// runs is how a call ended with each pair of tool and broker.
type runs struct{ theirs, theirsOfUs, oursOfUs ran }

// story is a broker of Kafka and two of Milena, which live through the same calls: one by Kafka's tools, one by Milena's.
type story struct {
	kafka          *kafka.Cluster
	forKafkasTools *milena.Broker
	forOurTools    *milena.Broker
}

// tell makes a call three times, at once.
func (s *story) tell(t *testing.T, c call) (r runs, said string) {
	t.Helper()
	var wait sync.WaitGroup
	wait.Go(func() { r.theirs, _ = kafkaTool(t, c, s.kafka.Address()) })
	wait.Go(func() { r.theirsOfUs, _ = kafkaTool(t, c, s.forKafkasTools.Address()) })
	wait.Go(func() {
		args := append([]string{c.tool}, strings.Fields(strings.ReplaceAll(c.args, "%s", s.forOurTools.Address()))...)
		out, errs, err := s.forOurTools.Run(t.Context(), c.stdin, args...)
		r.oursOfUs, said = ran{words(out), exitCode(err)}, errs
	})
	wait.Wait()
	return r, said
}

func kafkaTool(t *testing.T, c call, address string) (r ran, errs string) {
	out, errs, err := kafka.Tool(t.Context(), kafka.V4, strings.NewReader(c.stdin), kafka.ToolClass(kafka.V4, c.tool),
		strings.Fields(strings.ReplaceAll(c.args, "%s", address))...)
	return ran{words(out), exitCode(err)}, errs
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
			r, said := s.tell(t, c)
			if r.theirsOfUs != r.theirs {
				t.Errorf("%s %s\nof Kafka says of Kafka (exit %d):\n%s\nof Kafka says of Milena (exit %d):\n%s",
					c.tool, c.args, r.theirs.code, r.theirs.out, r.theirsOfUs.code, r.theirsOfUs.out)
			}
			if r.oursOfUs != r.theirs {
				t.Errorf("%s %s\nof Kafka says of Kafka (exit %d):\n%s\nof Milena says of Milena (exit %d):\n%s%s",
					c.tool, c.args, r.theirs.code, r.theirs.out, r.oursOfUs.code, r.oursOfUs.out, said)
			}
		})
	}
}
