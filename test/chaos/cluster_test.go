//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
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

// cluster is three brokers, each on a machine of its own. Broker i has the id i+1, and is on machine i+1. With etcd each is a voter too; the
// servers of a ZooKeeper are on the machines behind.
type cluster struct {
	t          *testing.T
	net        *network
	zk         *zookeeper.Ensemble // nil: etcd
	brokers    [copies]*milena.Broker
	running    [copies]bool
	away       [copies]bool        // frozen, or cut off: what it says is old
	each       [copies]*kgo.Client // asks one broker only
	properties [copies][]string    // server.properties
}

func startCluster(t *testing.T, onZooKeeper bool) *cluster {
	dir := t.TempDir() // it goes when c.end has read the logs
	c := &cluster{t: t, net: startNetwork(t, 2*copies)}
	t.Cleanup(c.end)
	if onZooKeeper {
		c.startZooKeeper(dir)
	}
	for i := range c.brokers {
		b := &milena.Broker{Binary: milenaBinary, Dir: filepath.Join(dir, fmt.Sprint(i+1)), Host: address(i + 1), Port: brokerPort, In: c.net.on(i + 1)}
		c.brokers[i], c.properties[i] = b, c.settings(i)
		one, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.Dialer(c.dial), kgo.RequestTimeoutOverhead(time.Second),
			kgo.DisableClientMetrics())
		must(t, err)
		t.Cleanup(one.Close)
		c.each[i] = one
		c.launch(i)
	}
	await(t, "cluster of three", patience, func() bool {
		m := c.metadata()
		return m != nil && len(m.Brokers) == copies
	})
	return c
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
	return append(lines, "process.roles=broker,controller", "controller.listener.names=CONTROLLER",
		fmt.Sprintf("listeners=PLAINTEXT://%s:%d,CONTROLLER://%s", address(i+1), brokerPort, voter(i)),
		"controller.quorum.voters="+strings.Join(quorum, ","), fmt.Sprintf("broker.session.timeout.ms=%d", sessionMs))
}

// voter is where broker i's member of etcd is.
func voter(i int) string { return fmt.Sprintf("%s:%d", address(i+1), controllerPort) }

func (c *cluster) startZooKeeper(dir string) {
	c.t.Helper()
	c.zk = &zookeeper.Ensemble{}
	var members []string
	for i := range c.zk {
		machine := copies + i + 1
		c.zk[i] = &zookeeper.Server{
			Dir: filepath.Join(dir, fmt.Sprint(machine)), Host: address(machine), Port: storePort, In: c.net.on(machine), Dial: c.net.dial,
		}
		members = append(members, c.zk[i].Address())
	}
	for _, s := range c.zk {
		s.Members = members
	}
	must(c.t, c.zk.Start(c.t.Context()))
}

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
	var errs [copies]error
	for i := range c.brokers {
		all.Go(func() { errs[i] = c.stop(i) })
	}
	all.Wait()
	must(c.t, errors.Join(errs[:]...))
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
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range []string{topic, "__consumer_offsets"} {
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, one)
	}
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

// whole waits until every broker says that all replicas are in sync.
func (c *cluster) whole() {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Log(last)
		}
	}()
	await(c.t, "ISR of three in all partitions", patience, func() bool {
		for i := range c.brokers {
			m := c.ask(i)
			if m == nil || len(m.Brokers) != copies {
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

// storeClient speaks to the store's members as one of them does.
func (c *cluster) storeClient(i int) *clientv3.Client {
	c.t.Helper()
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{voter(i)}, DialTimeout: time.Second, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return c.net.dial(ctx, "tcp", address)
		})}})
	must(c.t, err)
	return store
}

// storeLeader is which broker leads the store.
func (c *cluster) storeLeader() int {
	c.t.Helper()
	found := -1
	await(c.t, "leader of the store", patience, func() bool {
		for i := range c.brokers {
			if !c.running[i] || c.away[i] {
				continue
			}
			if status, err := c.storeStatus(i); err == nil && status.Leader == status.Header.MemberId {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) storeStatus(i int) (*clientv3.StatusResponse, error) {
	store := c.storeClient(i)
	defer store.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	return store.Status(ctx, voter(i))
}

// leadStore makes a broker the leader of the store, where a broker can be.
func (c *cluster) leadStore(i int) {
	c.t.Helper()
	if c.zk != nil {
		return // no broker leads it
	}
	await(c.t, fmt.Sprintf("store led by broker %d", i+1), patience, func() bool {
		now := c.storeLeader()
		if now == i {
			return true
		}
		status, err := c.storeStatus(i)
		if err != nil {
			return false
		}
		store := c.storeClient(now)
		defer store.Close()
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		defer cancel()
		_, err = store.MoveLeader(ctx, status.Header.MemberId)
		return err == nil
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
