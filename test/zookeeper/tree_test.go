//go:build oracle

package zookeeper

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"milena/bench/load"
	"milena/test/kafka"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// varying is what differs from one run to the next: ids, times, ports. mark is what Milena alone writes.
var (
	varying = regexp.MustCompile(`"id":"[^"]{22}"|"topic_id":"[^"]{22}"|"timestamp":"\d+"|:279\d\d|"port":279\d\d`)
	mark    = regexp.MustCompile(`,"milena":\{[^}]*\}`)
)

// tree reads all of a chroot: each path with its data (what varies left out), its access, and whether it is ephemeral.
func tree(t *testing.T, address, chroot string) map[string]string {
	t.Helper()
	conn, events, err := zk.Connect([]string{address}, 10_000_000_000, zk.WithLogInfo(false))
	must(t, err)
	defer conn.Close()
	go func() {
		for range events { //nolint:revive // so that the client does not wait
		}
	}()
	all := map[string]string{}
	var walk func(path string)
	walk = func(path string) {
		data, stat, err := conn.Get(chroot + path)
		must(t, err)
		acl, _, err := conn.GetACL(chroot + path)
		must(t, err)
		all[path] = fmt.Sprintf("%s %v ephemeral=%v", mark.ReplaceAllString(varying.ReplaceAllString(string(data), "~"), ""), acl, stat.EphemeralOwner != 0)
		names, _, err := conn.Children(chroot + path)
		must(t, err)
		for _, name := range names {
			walk(path + "/" + name)
		}
	}
	walk("")
	delete(all, "")
	return all
}

// sameWork makes, changes and grows topics.
func sameWork(t *testing.T, c *kgo.Client) {
	t.Helper()
	admin := kadm.NewClient(c)
	ctx := t.Context()
	retention := "1234567"
	topics, err := admin.CreateTopics(ctx, 2, 1, map[string]*string{"retention.ms": &retention}, "t")
	must(t, err)
	must(t, topics.Error())
	other, err := admin.CreateTopics(ctx, 1, 1, nil, "u")
	must(t, err)
	must(t, other.Error())
	produce(t, c, "t", 1, "one")
	_, err = admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "cleanup.policy", Value: kadm.StringPtr("compact")}}, "u")
	must(t, err)
	_, err = admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Name: "message.max.bytes", Value: kadm.StringPtr("2000000")}})
	must(t, err)
	_, err = admin.CreatePartitions(ctx, 1, "u")
	must(t, err)
}

// TestTreeAsKafkas has Kafka 3.9 and Milena do the same, and compares what they wrote; then each takes over the other's cluster, the files and
// the tree, and serves it.
func TestTreeAsKafkas(t *testing.T) {
	k := &kafka.Cluster{Version: kafka.V3, Mode: kafka.ZooKeeper, Dir: t.TempDir(), Port: kafkaPort, HeapOpts: "-Xmx384M"}
	connect := fmt.Sprintf("127.0.0.1:%d", kafkaPort+20)
	must(t, k.Start(t.Context(), "zookeeper.connect="+connect+"/kafka"))
	t.Cleanup(func() { _ = k.Stop() })
	kafkas := client(t, k.Address())
	await(t, "Kafka has joined", func(ctx context.Context) bool {
		brokers, err := kadm.NewClient(kafkas).ListBrokers(ctx)
		return err == nil && len(brokers) == 1
	})
	sameWork(t, kafkas)
	b := newBroker(t)
	start(t, b, connect+"/milena")
	sameWork(t, client(t, b.Address()))
	want, got := tree(t, connect, "/kafka"), tree(t, connect, "/milena")
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			t.Errorf("%s\n Kafka  %s\n Milena %s", path, want[path], got[path])
		}
		delete(got, path)
	}
	for path, node := range got {
		t.Errorf("%s is Milena's alone: %s", path, node)
	}

	// Kafka goes, Milena comes on its files and its tree, and back.
	must(t, b.Stop())
	must(t, k.StopBroker())
	must(t, os.RemoveAll(b.DataDir()))
	must(t, os.CopyFS(b.DataDir(), os.DirFS(k.DataDir())))
	start(t, b, connect+"/kafka")
	c := client(t, b.Address())
	produce(t, c, "t", 1, "two")
	topics, err := kadm.NewClient(c).CreateTopics(t.Context(), 1, 1, nil, "ours")
	must(t, err)
	must(t, topics.Error())
	produce(t, c, "ours", 0, "one")
	if n := count(t, c, "t"); n != 2 {
		t.Errorf("%d records", n)
	}
	must(t, b.Stop())
	must(t, os.RemoveAll(k.DataDir()))
	must(t, os.CopyFS(k.DataDir(), os.DirFS(b.DataDir())))
	must(t, k.Launch(t.Context()))
	must(t, load.AwaitLeaders(k.Address(), "ours", 1))
	c = client(t, k.Address())
	produce(t, c, "t", 1, "three")
	if n, ours := count(t, c, "t"), count(t, c, "ours"); n != 3 || ours != 1 {
		t.Errorf("Kafka has %d and %d records", n, ours)
	}
	if stray, _ := filepath.Glob(filepath.Join(k.DataDir(), "*-stray")); len(stray) != 0 {
		t.Errorf("Kafka does not know %s", strings.Join(stray, ", "))
	}
}
