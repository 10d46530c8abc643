//go:build interop

package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
)

// baseMs is the timestamp of record 0: recent, so that retention leaves it alone.
var baseMs = time.Now().Add(-time.Hour).UnixMilli()

// client is one real client: a command that speaks the words of README.md.
type client struct {
	name    string
	command []string
	refuses bool // it tells of an offset that does not exist; false: it begins elsewhere by itself
}

func clients(t *testing.T) []client {
	t.Helper()
	python := ".clients/venv/bin/python"
	all := []client{
		{"confluent-kafka", []string{python, "python/confluent.py"}, true},
		{"kafka-python", []string{python, "python/kafkapython.py"}, true},
		{"aiokafka", []string{python, "python/aio.py"}, true},
		{"kafkajs", []string{"node", "node/kafkajs.mjs"}, false},
		{"platformatic", []string{"node", "node/platformatic.mjs"}, false},
		{"franz-go", []string{".clients/goclients", "franz-go"}, true},
		{"sarama", []string{".clients/goclients", "sarama"}, true},
		{"kafka-go", []string{".clients/goclients", "kafka-go"}, true},
		{"kcat", []string{"bash", "kcat.sh"}, true},
	}
	for _, version := range []string{kafka.V4, kafka.V3, kafka.V2} {
		classPath, err := kafka.Fetch(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, client{"java-" + version, []string{"java", "-Xmx256M", "-XX:TieredStopAtLevel=1",
			"-cp", ".clients/java-" + version + ":" + classPath, "Client"}, true})
	}
	return all
}

// say runs the client and returns what it printed.
func (c client) say(t *testing.T, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], append(append([]string(nil), c.command[1:]...), words...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("BASE_MS=%d", baseMs))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", c.name, words, err, out.String(), errs.String())
	}
	return out.String()
}

// lines is what reading the records first … first+count-1 must print, from an offset on.
func lines(offset, first, count int) string {
	var b strings.Builder
	for k := range count {
		i := first + k
		value := fmt.Sprintf("value-%d", i)
		if i%5 == 0 {
			value = ""
		}
		fmt.Fprintf(&b, "%d\t%d\tkey-%d\t%s\tn=%d\n", offset+k, baseMs+int64(i), i, value, i)
	}
	return b.String()
}

// broker starts the binary; set MILENA_INTEROP_ADDRESS to run the suite against another broker (Apache Kafka, for instance).
func broker(t *testing.T) string {
	t.Helper()
	if address := os.Getenv("MILENA_INTEROP_ADDRESS"); address != "" {
		return address
	}
	binary, err := milena.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &milena.Broker{Binary: binary, Dir: t.TempDir()}
	if err := b.Start(t.Context(), "auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0",
		"offsets.topic.num.partitions=5", "offsets.topic.replication.factor=1"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(b.LogFile()); err == nil && t.Failed() {
			t.Logf("the broker's log:\n%s", log)
		}
	})
	return b.Address()
}

const each = 20 // records of each codec

func TestClients(t *testing.T) {
	address := broker(t)
	all := clients(t)
	referee := client{"franz-go", []string{".clients/goclients", "franz-go"}, true}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			topic := "story-" + c.name
			c.say(t, address, "create", topic)
			codecs := strings.Fields(c.say(t, "codecs"))
			for k, codec := range codecs {
				c.say(t, address, "produce", topic, codec, fmt.Sprint(k*each), fmt.Sprint(each))
			}
			total := len(codecs) * each
			expect(t, "the referee", referee.say(t, address, "consume", topic, "0", fmt.Sprint(total)), lines(0, 0, total))
			expect(t, "from the start", c.say(t, address, "consume", topic, "0", fmt.Sprint(total)), lines(0, 0, total))
			expect(t, "by offset, inside a batch", c.say(t, address, "consume", topic, "13", "7"), lines(13, 13, 7))
			expect(t, "by time", c.say(t, address, "consume", topic, fmt.Sprintf("time:%d", baseMs+15), "5"), lines(15, 15, 5))
		})
	}
}

func TestEveryClientReadsEveryCodec(t *testing.T) {
	address := broker(t)
	writer := client{"franz-go", []string{".clients/goclients", "franz-go"}, true}
	const topic = "every-codec"
	writer.say(t, address, "create", topic)
	codecs := strings.Fields(writer.say(t, "codecs"))
	for k, codec := range codecs {
		writer.say(t, address, "produce", topic, codec, fmt.Sprint(k*each), fmt.Sprint(each))
	}
	for _, c := range clients(t) {
		t.Run(c.name, func(t *testing.T) {
			if has := strings.Fields(c.say(t, "codecs")); len(has) < len(codecs) {
				t.Skipf("%s has only %v, and reads those in TestClients", c.name, has)
			}
			n := len(codecs) * each
			expect(t, "all codecs", c.say(t, address, "consume", topic, "0", fmt.Sprint(n)), lines(0, 0, n))
		})
	}
}

// TestKcatWrites stands beside TestClients because kcat cannot set timestamps.
func TestKcatWrites(t *testing.T) {
	address := broker(t)
	kcat := client{"kcat", []string{"bash", "kcat.sh"}, true}
	kcat.say(t, address, "create", "kcat-writes")
	for k, codec := range strings.Fields(kcat.say(t, "codecs")) {
		kcat.say(t, address, "write", "kcat-writes", codec, fmt.Sprint(k*each), fmt.Sprint(each))
		got := kcat.say(t, address, "consume", "kcat-writes", fmt.Sprint(k*each), fmt.Sprint(each))
		for j, line := range strings.Split(strings.TrimSpace(got), "\n") {
			i := k*each + j
			fields := strings.Split(line, "\t")
			if len(fields) != 5 || fields[0] != fmt.Sprint(i) || fields[2] != fmt.Sprintf("key-%d", i) || fields[3] != fmt.Sprintf("value-%d", i) || fields[4] != "n=kcat" {
				t.Fatalf("%s: line %d is %q", codec, j, line)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	address := broker(t)
	for _, c := range clients(t) {
		t.Run(c.name, func(t *testing.T) {
			topic := "errors-" + c.name
			c.say(t, address, "create", topic)
			told := c.say(t, address, "errors", topic)
			want := []string{"too-large", "unknown-topic"}
			if c.refuses {
				want = append(want, "bad-offset")
			}
			for _, name := range want {
				if !strings.Contains(told, name+"\n") {
					t.Errorf("%s was not told of %s; it said:\n%s", c.name, name, told)
				}
			}
		})
	}
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s: line %d is %q, not %q", what, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, not %d", what, len(g)-1, len(w)-1)
}

// TestMain runs from this directory, where the clients are.
func TestMain(m *testing.M) {
	if _, err := os.Stat(filepath.Join(".clients", "goclients")); err != nil {
		fmt.Fprintln(os.Stderr, "the clients are not installed: run `make interop`, or test/interop/setup.sh")
		os.Exit(1)
	}
	os.Exit(m.Run())
}
