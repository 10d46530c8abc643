//go:build mixed

package mixed

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
	"milena/test/zookeeper"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Loopback ports.
const zooKeeperPort, kafkaPort, milenaPort = 21510, 21520, 21530

// The brokers' ids.
const (
	kafkas  = 1
	milenas = 2
)

// sessionMs is how long a broker that is gone without a word counts as alive.
const sessionMs = 3000

// settings are the same for both brokers.
var settings = []string{
	fmt.Sprintf("zookeeper.session.timeout.ms=%d", sessionMs), "replica.lag.time.max.ms=5000", "auto.leader.rebalance.enable=false",
	"auto.create.topics.enable=false", "default.replication.factor=2", "offsets.topic.replication.factor=2", "offsets.topic.num.partitions=4",
	"transaction.state.log.replication.factor=2", "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=1",
	"group.initial.rebalance.delay.ms=0",
}

// pair is the cluster.
type pair struct {
	t      *testing.T
	zk     *zookeeper.Server
	kafka  *kafka.Cluster
	milena *milena.Broker
	up     map[int]bool
	each   map[int]*kgo.Client // asks one broker only
}

func startPair(t *testing.T, prepare ...func(*milena.Broker)) *pair {
	p := &pair{
		t: t, zk: &zookeeper.Server{Dir: t.TempDir(), Port: zooKeeperPort}, up: map[int]bool{}, each: map[int]*kgo.Client{},
		milena: &milena.Broker{Binary: milenaBinary, Dir: t.TempDir(), Port: milenaPort},
	}
	for _, f := range prepare {
		f(p.milena)
	}
	p.kafka = &kafka.Cluster{
		Version: kafka.V3, Mode: kafka.ZooKeeper, Dir: t.TempDir(), Port: kafkaPort, HeapOpts: "-Xmx512M",
	}
	p.kafka.JoinZooKeeper(p.zk.Address())
	// Kafka's log tells what it thinks of us.
	log4j := filepath.Join(p.kafka.Dir, "log4j.properties")
	must(t, os.WriteFile(log4j, []byte("log4j.rootLogger=INFO, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"+
		"log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n"), 0o644))
	p.kafka.HeapOpts += " -Dlog4j.configuration=file:" + log4j
	t.Cleanup(p.end)
	must(t, p.zk.Start(t.Context()))
	must(t, p.kafka.Start(t.Context(), append(settings, "broker.id=1", "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000")...))
	p.up[kafkas] = true
	p.start(milenas)
	for broker, address := range map[int]string{kafkas: p.kafka.Address(), milenas: p.milena.Address()} {
		one, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(2*time.Second),
			kgo.DisableClientMetrics())
		must(t, err)
		t.Cleanup(one.Close)
		p.each[broker] = one
	}
	await(t, "cluster of two", func() bool {
		for broker := range p.each {
			if m := p.ask(broker); m == nil || len(m.Brokers) != 2 || m.ControllerID < 0 {
				return false
			}
		}
		return true
	})
	return p
}

func (p *pair) end() {
	for _, pid := range p.pids() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	if p.up[kafkas] {
		_ = p.kafka.KillBroker()
	}
	_ = p.milena.Kill()
	_ = p.zk.Kill()
	if !p.t.Failed() && !*logs {
		return
	}
	for _, file := range []string{p.milena.LogFile(), filepath.Join(p.kafka.Dir, "broker.log")} {
		log, _ := os.ReadFile(file)
		p.t.Logf("%s:\n%s", file, log[max(0, len(log)-300_000):])
	}
}

func (p *pair) pids() map[int]int {
	pids := map[int]int{}
	if p.up[kafkas] {
		pids[kafkas] = p.kafka.PID()
	}
	if p.up[milenas] {
		pids[milenas] = p.milena.PID()
	}
	return pids
}

func other(broker int) int { return kafkas + milenas - broker }

func name(broker int) string { return map[int]string{kafkas: "Kafka", milenas: "Milena"}[broker] }

// start starts a broker; Kafka's waits until its former session is over, for it does not join before.
func (p *pair) start(broker int) {
	p.t.Helper()
	if broker == kafkas {
		p.awaitGone(kafkas)
		must(p.t, p.kafka.Launch(p.t.Context()))
	} else {
		lines := append([]string{"node.id=2", "broker.id=2", "zookeeper.connect=" + p.zk.Address()}, settings...)
		must(p.t, p.milena.Start(p.t.Context(), lines...))
	}
	p.up[broker] = true
}

func (p *pair) stop(broker int) {
	p.t.Helper()
	p.up[broker] = false
	if broker == kafkas {
		must(p.t, p.kafka.StopBroker())
		return
	}
	must(p.t, p.milena.Stop())
}

func (p *pair) kill(broker int) {
	p.t.Helper()
	p.up[broker] = false
	if broker == kafkas {
		must(p.t, p.kafka.KillBroker())
		return
	}
	must(p.t, p.milena.Kill())
}

func (p *pair) freeze(broker int) {
	p.t.Helper()
	must(p.t, syscall.Kill(p.pids()[broker], syscall.SIGSTOP))
}

func (p *pair) thaw(broker int) {
	p.t.Helper()
	must(p.t, syscall.Kill(p.pids()[broker], syscall.SIGCONT))
}

// inStore works on ZooKeeper.
func (p *pair) inStore(work func(*zk.Conn)) {
	p.t.Helper()
	conn, events, err := zk.Connect([]string{p.zk.Address()}, 10*time.Second, zk.WithLogInfo(false))
	must(p.t, err)
	defer conn.Close()
	go func() {
		for range events { //nolint:revive // so that the client does not wait
		}
	}()
	work(conn)
}

// awaitGone waits until a broker's registration is gone.
func (p *pair) awaitGone(broker int) {
	p.t.Helper()
	p.inStore(func(conn *zk.Conn) {
		await(p.t, "end of a registration", func() bool {
			there, _, err := conn.Exists(fmt.Sprintf("/brokers/ids/%d", broker))
			return err == nil && !there
		})
	})
}

// controller is the broker that holds /controller.
func (p *pair) controller() (broker int) {
	p.t.Helper()
	p.inStore(func(conn *zk.Conn) {
		await(p.t, "controller", func() bool {
			data, _, err := conn.Get("/controller")
			if err != nil {
				return false
			}
			var node struct{ BrokerID int }
			must(p.t, json.Unmarshal(data, &node))
			broker = node.BrokerID
			return true
		})
	})
	return broker
}

// control makes a broker the controller: it deletes /controller until that one wins.
func (p *pair) control(broker int) {
	p.t.Helper()
	await(p.t, "control by "+name(broker), func() bool {
		if p.controller() == broker {
			m := p.ask(broker)
			return m != nil && int(m.ControllerID) == broker
		}
		p.inStore(func(conn *zk.Conn) { _ = conn.Delete("/controller", -1) })
		return false
	})
}

// ask gives what a broker says of all topics; nil where it says nothing.
func (p *pair) ask(broker int) *kmsg.MetadataResponse {
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Second)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest() // no list: all topics
	request.Topics = nil
	reply, err := p.each[broker].SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return nil
	}
	return reply.(*kmsg.MetadataResponse)
}

// isr waits until every running broker says of each partition of the topics (none: of all) that these are its ISR.
func (p *pair) isr(topics []string, brokers ...int32) {
	p.t.Helper()
	last := ""
	defer func() {
		if p.t.Failed() {
			p.t.Log(last)
		}
	}()
	await(p.t, fmt.Sprintf("ISR %v of %v", brokers, topics), func() bool {
		for broker, up := range p.up {
			if !up {
				continue
			}
			m := p.ask(broker)
			if m == nil {
				return false
			}
			for _, t := range m.Topics {
				if len(topics) > 0 && !slices.Contains(topics, *t.Topic) {
					continue
				}
				for _, one := range t.Partitions {
					isr := slices.Sorted(slices.Values(one.ISR))
					if len(one.Replicas) == 2 && (!slices.Equal(isr, brokers) || !slices.Contains(brokers, one.Leader)) {
						last = fmt.Sprintf("%s says of %s-%d: %+v", name(broker), *t.Topic, one.Partition, one)
						return false
					}
				}
			}
		}
		return true
	})
}

// leads waits until every running broker says that a broker leads a partition.
func (p *pair) leads(topic string, partition int32, leader int) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("%s-%d led by %s", topic, partition, name(leader)), func() bool {
		for broker, up := range p.up {
			if !up {
				continue
			}
			m, found := p.ask(broker), false
			if m == nil {
				return false
			}
			for _, t := range m.Topics {
				for _, one := range t.Partitions {
					found = found || *t.Topic == topic && one.Partition == partition && int(one.Leader) == leader
				}
			}
			if !found {
				return false
			}
		}
		return true
	})
}

func (p *pair) client(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(p.kafka.Address(), p.milena.Address()), kgo.AlwaysRetryEOF(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(2 * time.Second), kgo.ProduceRequestTimeout(2 * time.Second),
	}, opts...)...)
	must(p.t, err)
	p.t.Cleanup(c.Close)
	return c
}

// create makes a topic whose partitions have these replicas, led by the first.
func (p *pair) create(topic string, configs map[string]string, replicas ...[]int32) {
	p.t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 30_000
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, -1, -1
	for i, brokers := range replicas {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), brokers
		one.ReplicaAssignment = append(one.ReplicaAssignment, a)
	}
	for key, value := range configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = key, kadm.StringPtr(value)
		one.Configs = append(one.Configs, c)
	}
	request.Topics = append(request.Topics, one)
	reply, err := request.RequestWith(p.t.Context(), p.client(kgo.ClientID("__admin_client"))) // only that may make internal topics
	must(p.t, err)
	if reply.Topics[0].ErrorCode != 0 {
		p.t.Fatalf("creating %s: %d %v", topic, reply.Topics[0].ErrorCode, reply.Topics[0].ErrorMessage)
	}
}
