//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"milena/test/milena"
	"milena/test/zookeeper"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic      = "t"
	partitions = 6
	copies     = 3
	sessionMs  = 3000
	// patience of everything that must come true; a process that was frozen costs a session and some time-outs of clients.
	patience = 60 * time.Second
)

// Ports of every machine's listeners.
const (
	brokerPort     = 9092
	controllerPort = 9093
	storePort      = 2181
)

// cluster is three brokers, each on a machine of its own. Broker i has the id i+1, and is on machine i+1. With etcd each of the three is a voter
// too; the servers of a ZooKeeper are on the machines behind.
type cluster struct {
	t          *testing.T
	net        *network
	zk         *zookeeper.Ensemble // nil: etcd
	dir        string
	brokers    []*milena.Broker
	running    []bool
	away       []bool        // frozen, or cut off: what it says is old
	each       []*kgo.Client // asks one broker only
	properties [][]string    // server.properties
}

// startCluster starts it; prepare is for each broker before that.
func startCluster(t *testing.T, onZooKeeper bool, prepare ...func(*milena.Broker)) *cluster {
	c := &cluster{t: t, net: startNetwork(t, 2*copies), dir: t.TempDir()} // the directory goes when c.end has read the logs
	t.Cleanup(c.end)
	if onZooKeeper {
		c.startZooKeeper()
	}
	for i := range copies {
		b := c.addMachine(i)
		for _, f := range prepare {
			f(b)
		}
		c.launch(i)
	}
	c.awaitAll()
	return c
}

// add makes a broker one of the cluster, and the client that asks it alone.
func (c *cluster) add(b *milena.Broker) {
	c.t.Helper()
	one, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.Dialer(c.dial), kgo.RequestTimeoutOverhead(time.Second), kgo.DisableClientMetrics())
	must(c.t, err)
	c.t.Cleanup(one.Close)
	c.brokers, c.running, c.away, c.each = append(c.brokers, b), append(c.running, false), append(c.away, false), append(c.each, one)
	c.properties = append(c.properties, c.settings(len(c.properties)))
}

// addMachine adds a broker on a machine of its own.
func (c *cluster) addMachine(i int) *milena.Broker {
	c.t.Helper()
	b := &milena.Broker{Binary: milenaBinary, Dir: filepath.Join(c.dir, fmt.Sprint(i+1)), Host: address(i + 1), Port: brokerPort, In: c.net.on(i + 1)}
	c.add(b)
	return b
}

// awaitAll waits until somebody knows all brokers.
func (c *cluster) awaitAll() {
	c.t.Helper()
	await(c.t, fmt.Sprintf("cluster of %d", len(c.brokers)), patience, func() bool {
		m := c.metadata()
		return m != nil && len(m.Brokers) == len(c.brokers)
	})
}

// addresses are where clients reach the brokers.
func (c *cluster) addresses() (all []string) {
	for _, b := range c.brokers {
		all = append(all, b.Address())
	}
	return all
}

// settings are broker i's server.properties.
func (c *cluster) settings(i int) []string {
	lines := []string{
		fmt.Sprintf("node.id=%d", i+1), "default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3",
		"offsets.topic.num.partitions=8",
	}
	if c.zk != nil {
		return append(lines, fmt.Sprintf("broker.id=%d", i+1), "zookeeper.connect="+c.zk.Connect()+"/chaos",
			fmt.Sprintf("zookeeper.session.timeout.ms=%d", sessionMs))
	}
	var quorum []string
	for j := range copies {
		quorum = append(quorum, fmt.Sprintf("%d@%s", j+1, voter(j)))
	}
	lines = append(lines, "controller.listener.names=CONTROLLER", "controller.quorum.voters="+strings.Join(quorum, ","),
		fmt.Sprintf("broker.session.timeout.ms=%d", sessionMs))
	if i >= copies {
		return append(lines, "process.roles=broker")
	}
	return append(lines, "process.roles=broker,controller", fmt.Sprintf("listeners=PLAINTEXT://%s:%d,CONTROLLER://%s", address(i+1), brokerPort, voter(i)))
}

// voter is where broker i's member of etcd is.
func voter(i int) string { return fmt.Sprintf("%s:%d", address(i+1), controllerPort) }

// end leaves no process behind, whatever has failed.
func (c *cluster) end() {
	for i, b := range c.brokers {
		if !c.running[i] {
			continue
		}
		_ = syscall.Kill(b.PID(), syscall.SIGCONT)
		c.running[i] = false
		_ = b.Kill()
	}
	if c.zk != nil {
		_ = c.zk.Stop()
	}
	if !c.t.Failed() && !*logs {
		return
	}
	for i, b := range c.brokers {
		if b == nil {
			continue
		}
		log, _ := os.ReadFile(b.LogFile())
		c.t.Logf("the log of broker %d:\n%s", i+1, log[max(0, len(log)-400_000):])
	}
}

// tell helps to find the moment in the brokers' logs.
func (c *cluster) tell(what string, brokers ...int) {
	var ids []int
	for _, i := range brokers {
		ids = append(ids, i+1)
	}
	store := ""
	if c.zk == nil {
		store = fmt.Sprintf(", the store's leader %d", c.storeLeader()+1)
	}
	c.t.Logf("%s: %s: brokers %v; the controller was %d%s", time.Now().UTC().Format("15:04:05.000"), what, ids, c.controller()+1, store)
}

func (c *cluster) launch(i int) {
	c.t.Helper()
	must(c.t, c.brokers[i].Launch(c.properties[i]...))
	c.running[i] = true
}

func (c *cluster) kill(i int) error {
	c.running[i] = false
	return c.brokers[i].Kill()
}

// stop ends a broker cleanly. One that does not end tells where it stands, in its log.
func (c *cluster) stop(i int) error {
	b := c.brokers[i]
	pid, done := b.PID(), make(chan error, 1)
	go func() { done <- b.Stop() }()
	select {
	case err := <-done:
		c.running[i] = false
		return err
	case <-time.After(patience):
		_ = syscall.Kill(pid, syscall.SIGQUIT)
		c.running[i] = false
		return errors.Join(fmt.Errorf("broker %d does not stop", i+1), <-done)
	}
}

func (c *cluster) stopAll() {
	c.t.Helper()
	var all sync.WaitGroup
	errs := make([]error, len(c.brokers))
	for i, running := range c.running {
		if running {
			all.Go(func() { errs[i] = c.stop(i) })
		}
	}
	all.Wait()
	must(c.t, errors.Join(errs...))
}

func (c *cluster) freeze(i int) {
	c.t.Helper()
	c.away[i] = true
	must(c.t, syscall.Kill(c.brokers[i].PID(), syscall.SIGSTOP))
}

func (c *cluster) thaw(i int) {
	c.t.Helper()
	c.away[i] = false
	must(c.t, syscall.Kill(c.brokers[i].PID(), syscall.SIGCONT))
}

// ask gives what a broker says; nil where it says nothing.
func (c *cluster) ask(i int) *kmsg.MetadataResponse {
	if !c.running[i] || c.away[i] {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest() // no list: all topics
	request.Topics = nil
	reply, err := c.each[i].SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return nil
	}
	return reply.(*kmsg.MetadataResponse)
}

// metadata of the first broker that answers.
func (c *cluster) metadata() *kmsg.MetadataResponse {
	for i := range c.brokers {
		if m := c.ask(i); m != nil {
			return m
		}
	}
	return nil
}

// leader gives the leader of a partition of the topic.
func (c *cluster) leader(partition int32) int {
	c.t.Helper()
	found := -1
	await(c.t, fmt.Sprintf("leader of partition %d", partition), patience, func() bool {
		eachPartition(c.metadata(), func(name string, p *kmsg.MetadataResponseTopicPartition) {
			if name == topic && p.Partition == partition {
				found = int(p.Leader) - 1
			}
		})
		return found >= 0
	})
	return found
}

func eachPartition(m *kmsg.MetadataResponse, visit func(topic string, p *kmsg.MetadataResponseTopicPartition)) {
	if m == nil {
		return
	}
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			visit(*m.Topics[i].Topic, &m.Topics[i].Partitions[j])
		}
	}
}

func (c *cluster) controller() int {
	c.t.Helper()
	found := -1
	await(c.t, "controller", patience, func() bool {
		if m := c.metadata(); m != nil {
			found = int(m.ControllerID) - 1
		}
		return found >= 0 && c.running[found]
	})
	return found
}

// whole waits until every running broker says that all replicas are in sync.
func (c *cluster) whole() {
	c.t.Helper()
	members := 0
	for _, running := range c.running {
		if running {
			members++
		}
	}
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Log(last)
		}
	}()
	await(c.t, "ISR of three in all partitions", patience, func() bool {
		for i, running := range c.running {
			if !running {
				continue
			}
			m := c.ask(i)
			if m == nil || len(m.Brokers) != members {
				last = fmt.Sprintf("broker %d: %+v", i+1, m)
				return false
			}
			missing := 0
			eachPartition(m, func(name string, p *kmsg.MetadataResponseTopicPartition) {
				if len(p.ISR) != copies || p.Leader < 0 {
					missing++
					last = fmt.Sprintf("broker %d says of %s-%d: leader %d, epoch %d, ISR %v", i+1, name, p.Partition, p.Leader, p.LeaderEpoch, p.ISR)
				}
			})
			if missing > 0 {
				return false
			}
		}
		return true
	})
}

// knownWithout waits until the cluster counts a broker out.
func (c *cluster) knownWithout(i int) {
	c.t.Helper()
	await(c.t, fmt.Sprintf("cluster without broker %d", i+1), patience, func() bool {
		m := c.metadata()
		if m == nil {
			return false
		}
		for _, b := range m.Brokers {
			if int(b.NodeID) == i+1 {
				return false
			}
		}
		return true
	})
}

func (c *cluster) createTopic() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, err := kadm.NewClient(c.client()).CreateTopic(ctx, partitions, copies,
		map[string]*string{"min.insync.replicas": kadm.StringPtr("2"), "segment.bytes": kadm.StringPtr("300000")}, topic)
	must(c.t, err)
}
