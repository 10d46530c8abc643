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

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	copies    = 3
	sessionMs = 3000
	// patience of everything that must come true; a process that was frozen costs a session and some time-outs of clients.
	patience = 60 * time.Second
)

// cluster is three brokers, each a voter too. Broker i has the id i+1.
type cluster struct {
	t          *testing.T
	brokers    [copies]*milena.Broker
	voters     [copies]string
	running    [copies]bool
	frozen     [copies]bool
	each       [copies]*kgo.Client // asks one broker only
	properties [copies][]string    // server.properties
}

func startCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	var quorum []string
	for i := range c.brokers {
		c.brokers[i] = &milena.Broker{Binary: milenaBinary, Dir: t.TempDir(), Port: freePort(t)}
		c.voters[i] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		quorum = append(quorum, fmt.Sprintf("%d@%s", i+1, c.voters[i]))
	}
	t.Cleanup(c.end)
	for i, b := range c.brokers {
		c.properties[i] = []string{
			"process.roles=broker,controller", fmt.Sprintf("node.id=%d", i+1), "controller.listener.names=CONTROLLER",
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", b.Address(), c.voters[i]),
			"controller.quorum.voters=" + strings.Join(quorum, ","), fmt.Sprintf("broker.session.timeout.ms=%d", sessionMs),
			"default.replication.factor=3", "min.insync.replicas=2",
			"offsets.topic.replication.factor=3", "offsets.topic.num.partitions=8",
		}
		one, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second),
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
	if !c.t.Failed() && !*logs {
		return
	}
	for i, b := range c.brokers {
		log, _ := os.ReadFile(b.LogFile())
		c.t.Logf("the log of broker %d:\n%s", i+1, log[max(0, len(log)-100_000):])
	}
}

// tell helps to find the moment in the brokers' logs.
func (c *cluster) tell(what string, brokers ...int) {
	var ids []int
	for _, i := range brokers {
		ids = append(ids, i+1)
	}
	c.t.Logf("%s: %s: brokers %v; the controller was %d, the store's leader %d", time.Now().UTC().Format("15:04:05.000"), what, ids,
		c.controller()+1, c.storeLeader()+1)
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
	c.frozen[i] = true
	must(c.t, syscall.Kill(c.brokers[i].PID(), syscall.SIGSTOP))
}

func (c *cluster) thaw(i int) {
	c.t.Helper()
	c.frozen[i] = false
	must(c.t, syscall.Kill(c.brokers[i].PID(), syscall.SIGCONT))
}

// ask gives what a broker says; nil where it says nothing.
func (c *cluster) ask(i int) *kmsg.MetadataResponse {
	if !c.running[i] || c.frozen[i] {
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
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{c.voters[i]}, DialTimeout: time.Second, Logger: zap.NewNop()})
	must(c.t, err)
	return store
}

// storeLeader is which broker leads the store.
func (c *cluster) storeLeader() int {
	c.t.Helper()
	found := -1
	await(c.t, "leader of the store", patience, func() bool {
		for i := range c.brokers {
			if !c.running[i] || c.frozen[i] {
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
	return store.Status(ctx, c.voters[i])
}

// leadStore makes a broker the leader of the store.
func (c *cluster) leadStore(i int) {
	c.t.Helper()
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
	_, err := kadm.NewClient(client(c.t, c)).CreateTopic(ctx, partitions, copies,
		map[string]*string{"min.insync.replicas": kadm.StringPtr("2"), "segment.bytes": kadm.StringPtr("300000")}, topic)
	must(c.t, err)
}

// bytesOf gives a replica's log, all segments one after another.
func (c *cluster) bytesOf(i int, partition string) []byte {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.brokers[i].DataDir(), partition, "*.log")) // in the order of their names: by offset
	must(c.t, err)
	if len(files) == 0 {
		c.t.Fatalf("broker %d has no log of %s", i+1, partition)
	}
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(c.t, err)
		all = append(all, data...)
	}
	return all
}
