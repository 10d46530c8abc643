//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// bulk is a topic that nobody writes any more: so many bytes in each of its partitions.
const (
	bulk           = "bulk"
	bulkPartitions = 3
	bulkBytes      = 8 << 20
)

// throttle is in bytes a second: far below what the machine can, far above what the load brings.
const throttle = 3 << 20

// TestGrow adds a fourth broker, moves partitions to it with a throttle, then drains the first and stops it, under load. Clients see nothing of it.
func TestGrow(t *testing.T) {
	c := startCluster(t, false)
	c.fillBulk()
	s := startStory(c)
	c.addMachine(3)
	c.launch(3)
	c.awaitAll()
	s.load.Mark()
	c.growThrottled()
	c.drain()
	s.waited("while partitions moved")
	s.load.Mark()
	must(t, c.stop(0))
	s.waited("when the drained broker stopped")
	s.end(topic, bulk)
}

// fillBulk makes the bulk, of bytes that do not compress.
func (c *cluster) fillBulk() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	client := c.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	_, err := kadm.NewClient(client).CreateTopic(ctx, bulkPartitions, copies, map[string]*string{"segment.bytes": kadm.StringPtr("2000000")}, bulk)
	must(c.t, err)
	noise := rand.NewChaCha8([32]byte{})
	var records []*kgo.Record
	for p := range int32(bulkPartitions) {
		for range bulkBytes / 100_000 {
			value := make([]byte, 100_000)
			_, _ = noise.Read(value) // never fails
			records = append(records, &kgo.Record{Topic: bulk, Partition: p, Value: value})
		}
	}
	must(c.t, client.ProduceSync(ctx, records...).FirstErr())
}

// growThrottled spreads all topics over four brokers, and looks at the progress that the tool shows on a terminal, and at the rate.
func (c *cluster) growThrottled() {
	c.t.Helper()
	plan, moves := c.plan("1,2,3,4")
	began := time.Now()
	type result struct{ out, shown string }
	done := make(chan result, 1)
	go func() {
		out, shown := c.onTerminal("reassign-partitions", "--execute", "--reassignment-json-file", plan, "--throttle", fmt.Sprint(throttle), "--wait")
		done <- result{out, shown}
	}()
	await(c.t, "list of what is being moved to broker 4", patience, func() bool { return strings.Contains(c.tool("reassign-partitions", "--list"), "adding: 4") })
	if limited := c.throttled(); len(limited) != len(c.brokers) {
		c.t.Errorf("while partitions move the throttled brokers are %v", limited)
	}
	ended := <-done
	took := time.Since(began)
	if n := strings.Count(ended.out, " is completed."); n != moves {
		c.t.Fatalf("%d of %d partitions are completed:\n%s", n, moves, ended.out)
	}
	lines := map[string]bool{}
	for _, line := range regexp.MustCompile(`\d+ of \d+ partitions to move, [\d.]+ \w+ left`).FindAllString(ended.shown, -1) {
		lines[line] = true
	}
	if len(lines) < 5 {
		c.t.Errorf("the tool showed its progress so: %q", ended.shown)
	}
	if limited := c.throttled(); len(limited) > 0 {
		c.t.Errorf("the throttle of %v was left", limited)
	}
	copied := c.bulkOf(3)
	rate := float64(copied) / took.Seconds()
	c.t.Logf("%d bytes of the bulk copied in %v, %.2f of the throttle; progress was shown %d times", copied, took, rate/throttle, len(lines))
	if copied < bulkBytes || rate > 1.5*throttle {
		c.t.Errorf("%d bytes were copied in %v with a throttle of %d a second", copied, took, throttle)
	}
}

// drain moves everything from the first broker to the others. The tool tells of each partition where there is no terminal.
func (c *cluster) drain() {
	c.t.Helper()
	plan, moves := c.plan("2,3,4")
	out := c.tool("reassign-partitions", "--execute", "--reassignment-json-file", plan, "--wait")
	if n := strings.Count(out, " is moved."); n != moves {
		c.t.Errorf("%d of %d partitions were told to be moved:\n%s", n, moves, out)
	}
	if n := strings.Count(out, " is completed."); n != moves {
		c.t.Fatalf("%d of %d partitions are completed:\n%s", n, moves, out)
	}
	await(c.t, "empty broker 1", patience, func() bool {
		left, err := filepath.Glob(filepath.Join(c.brokers[0].DataDir(), "*-[0-9]")) // those of deleted partitions have another suffix
		must(c.t, err)
		return len(left) == 1 // the store's
	})
}

// plan has the tool propose where all partitions go, and gives the file and how many they are.
func (c *cluster) plan(brokers string) (file string, moves int) {
	c.t.Helper()
	topics := filepath.Join(c.t.TempDir(), "topics.json")
	must(c.t, os.WriteFile(topics, fmt.Appendf(nil, `{"topics":[{"topic":%q},{"topic":%q},{"topic":"__consumer_offsets"}]}`, topic, bulk), 0o644))
	_, proposed, _ := strings.Cut(c.tool("reassign-partitions", "--generate", "--topics-to-move-json-file", topics, "--broker-list", brokers),
		"Proposed partition reassignment configuration\n")
	file = filepath.Join(filepath.Dir(topics), "plan.json")
	must(c.t, os.WriteFile(file, []byte(proposed), 0o644))
	return file, strings.Count(proposed, `"partition":`)
}

// throttled are the brokers with a limit of replication.
func (c *cluster) throttled() (brokers []string) {
	c.t.Helper()
	admin := kadm.NewClient(c.client())
	defer admin.Close()
	var ids []int32
	for i := range c.brokers {
		ids = append(ids, int32(i+1))
	}
	described, err := admin.DescribeBrokerConfigs(c.t.Context(), ids...)
	must(c.t, err)
	for _, broker := range described {
		must(c.t, broker.Err)
		for _, setting := range broker.Configs {
			if setting.Key == "follower.replication.throttled.rate" && setting.MaybeValue() == fmt.Sprint(throttle) {
				brokers = append(brokers, broker.Name)
			}
		}
	}
	return brokers
}

// bulkOf is how many bytes of the bulk a broker has.
func (c *cluster) bulkOf(i int) (size int64) {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.brokers[i].DataDir(), bulk+"-[0-9]", "*.log"))
	must(c.t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		must(c.t, err)
		size += info.Size()
	}
	return size
}
