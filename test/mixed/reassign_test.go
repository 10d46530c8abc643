//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reassign moves a partition from Kafka to Milena, back, and to both, with more records between.
func (p *pair) reassign(controller int) string {
	p.t.Helper()
	topic := fmt.Sprintf("moved-%d", controller)
	p.create(topic, map[string]string{"segment.bytes": "2000"}, []int32{kafkas})
	c := p.client()
	want := 0
	for _, replicas := range [][]int32{{milenas}, {kafkas}, {milenas, kafkas}, {kafkas, milenas}} {
		for range 50 {
			send(p.t, c, &kgo.Record{Topic: topic, Value: fmt.Append(nil, want)})
			want++
		}
		ctx, cancel := context.WithTimeout(p.t.Context(), patience)
		request := kadm.AlterPartitionAssignmentsReq{}
		request.Assign(topic, 0, replicas)
		replies, err := kadm.NewClient(c).AlterPartitionAssignments(ctx, request)
		cancel()
		must(p.t, err)
		must(p.t, replies.Error())
		await(p.t, fmt.Sprintf("%s on %v", topic, replicas), func() bool {
			for broker := range p.each {
				m := p.ask(broker)
				if m == nil || !slices.ContainsFunc(m.Topics, func(t kmsg.MetadataResponseTopic) bool {
					return *t.Topic == topic && slices.Equal(t.Partitions[0].Replicas, replicas) && len(t.Partitions[0].ISR) == len(replicas)
				}) {
					return false
				}
			}
			return true
		})
	}
	got := p.read(topic, 0, kgo.ReadUncommitted())
	for i, r := range got {
		if string(r.Value) != fmt.Sprint(i) {
			p.t.Errorf("%s, offset %d: %q", topic, r.Offset, r.Value)
		}
	}
	if len(got) != want {
		p.t.Errorf("%s has %d records of %d", topic, len(got), want)
	}
	return topic
}

// dumpedSame has the tools of both read both replicas of the topics' logs: they print the same of either.
func (p *pair) dumpedSame(topics ...string) {
	p.t.Helper()
	printed := map[string]string{}
	for broker, dir := range map[int]string{kafkas: p.kafka.DataDir(), milenas: p.milena.DataDir()} {
		var files []string
		for _, topic := range topics {
			found, err := filepath.Glob(filepath.Join(dir, topic+"-0", "*.log"))
			must(p.t, err)
			files = append(files, found...)
		}
		args := []string{"--deep-iteration", "--print-data-log", "--files", strings.Join(files, ",")}
		out, errs, err := kafka.Tool(p.t.Context(), kafka.V3, nil, kafka.ToolClass(kafka.V3, "dump-log"), args...)
		if err != nil {
			p.t.Fatal(err, out, errs)
		}
		printed["Kafka's tool of "+name(broker)] = dumped(out, dir)
		out, errs, err = p.milena.Run(p.t.Context(), "", append([]string{"dump-log"}, args...)...)
		if err != nil {
			p.t.Fatal(err, out, errs)
		}
		printed["Milena's tool of "+name(broker)] = dumped(out, dir)
	}
	want := printed["Kafka's tool of Kafka"]
	if n := strings.Count(want, "payload: "); n < 100*len(topics) {
		p.t.Errorf("Kafka's tool prints %d records of Kafka's", n)
	}
	for who, got := range printed {
		if got != want {
			p.t.Errorf("%s prints\n%s\nKafka's of Kafka\n%s", who, got, want)
		}
	}
}

// jvmLog is what a JVM's logging says.
var jvmLog = regexp.MustCompile(`(?m)^(SLF4J|log4j|\[).*\n`)

// dumped is what a tool prints, without the directory.
func dumped(out, dir string) string {
	return jvmLog.ReplaceAllString(strings.ReplaceAll(out, dir, ""), "")
}
