package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"milena/bench/load"
	"milena/test/kafka"
	"milena/test/milena"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const copies = 3

// node is one broker of three.
type node interface {
	address() string
	pid() int
	// launch starts the process, on what is in its directory.
	launch() error
	stop() error
	kill() error
}

// trio is a cluster of three.
type trio struct {
	name  string
	nodes [copies]node
	// controller gives the broker that is the controller, and sees to it that it leads the store too.
	controller func(load.Cluster) (int, error)
	// end stops what the brokers leave behind.
	end func()
}

// clusterOverrides are for all clusters.
var clusterOverrides = []string{"default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3"}

func (t *trio) cluster() (l load.Cluster) {
	for _, n := range t.nodes {
		l = append(l, n.address())
	}
	return l
}

// each does something to all brokers at the same time.
func (t *trio) each(f func(node) error) error {
	var errs [copies]error
	var all sync.WaitGroup
	for i, n := range t.nodes {
		all.Go(func() { errs[i] = f(n) })
	}
	all.Wait()
	return errors.Join(errs[:]...)
}

// sum adds up what is measured of each process.
func sum[T time.Duration | float64](t *trio, f func(pid int) (T, error)) (total T, err error) {
	for _, n := range t.nodes {
		one, err := f(n.pid())
		if err != nil {
			return 0, err
		}
		total += one
	}
	return total, nil
}

// newTrio makes a cluster that has not been started.
func (b *bench) newTrio(name, dir string, port int) (*trio, error) {
	switch name {
	case "milena":
		return newOurTrio(b.binary, dir, port), nil
	case "kafka":
		return newApacheTrio(kafka.V4, kafka.KRaft, dir, port), nil
	case "kafka-zk":
		return newApacheTrio(kafka.V3, kafka.ZooKeeper, dir, port), nil
	}
	return nil, fmt.Errorf("unknown cluster %q: kafka, kafka-zk or milena", name)
}

// ourNode is a broker of this project, and a voter.
type ourNode struct {
	milena.Broker
	properties []string
}

func (n *ourNode) address() string { return n.Address() }
func (n *ourNode) pid() int        { return n.PID() }
func (n *ourNode) launch() error   { return n.Launch(n.properties...) }
func (n *ourNode) stop() error     { return n.Stop() }
func (n *ourNode) kill() error     { return n.Kill() }

func newOurTrio(binary, dir string, port int) *trio {
	t := &trio{name: "Milena", end: func() {}}
	var voters, quorum []string
	for i := range copies {
		voters = append(voters, fmt.Sprintf("127.0.0.1:%d", port+10+i))
		quorum = append(quorum, fmt.Sprintf("%d@%s", i+1, voters[i]))
	}
	for i := range copies {
		n := &ourNode{Broker: milena.Broker{Binary: binary, Dir: filepath.Join(dir, fmt.Sprint(i+1)), Port: port + i}}
		n.properties = append([]string{"process.roles=broker,controller", fmt.Sprintf("node.id=%d", i+1), "controller.listener.names=CONTROLLER",
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", n.Address(), voters[i]),
			"controller.quorum.voters=" + strings.Join(quorum, ",")}, clusterOverrides...)
		t.nodes[i] = n
	}
	t.controller = func(l load.Cluster) (int, error) {
		at, err := l.Controller()
		if err != nil {
			return 0, err
		}
		return at, leadStore(voters, at)
	}
	return t
}

// leadStore has one of the voters lead the embedded store.
func leadStore(voters []string, at int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	status := func(i int) (*clientv3.Client, *clientv3.StatusResponse, error) {
		client, err := clientv3.New(clientv3.Config{Endpoints: voters[i : i+1], DialTimeout: time.Second, Logger: zap.NewNop()})
		if err != nil {
			return nil, nil, err
		}
		s, err := client.Status(ctx, voters[i])
		return client, s, err
	}
	client, wanted, err := status(at)
	if err != nil || wanted.Leader == wanted.Header.MemberId {
		return errors.Join(err, client.Close())
	}
	if err := client.Close(); err != nil {
		return err
	}
	for i := range voters {
		client, s, err := status(i)
		if err == nil && s.Leader == s.Header.MemberId {
			_, err = client.MoveLeader(ctx, wanted.Header.MemberId)
			return errors.Join(err, client.Close())
		}
		_ = client.Close()
	}
	return errors.New("nobody leads the store")
}

// apacheNode is a broker of Apache Kafka.
type apacheNode struct {
	*kafka.Cluster
	formatted bool
}

func (n *apacheNode) address() string { return n.Address() }
func (n *apacheNode) pid() int        { return n.PID() }
func (n *apacheNode) stop() error     { return n.StopBroker() }
func (n *apacheNode) kill() error     { return n.KillBroker() }

func (n *apacheNode) launch() error {
	if !n.formatted {
		n.formatted = true
		return n.Start(context.Background(), clusterOverrides...)
	}
	return n.Launch(context.Background())
}

func newApacheTrio(version string, mode kafka.Mode, dir string, port int) *trio {
	t := &trio{name: "Kafka " + version, controller: load.Cluster.Controller}
	if mode == kafka.KRaft {
		t.controller = load.Cluster.QuorumLeader
	}
	var all []*kafka.Cluster
	for i := range copies {
		c := &kafka.Cluster{Version: version, Mode: mode, Dir: filepath.Join(dir, fmt.Sprint(i+1)), Port: port + i}
		all = append(all, c)
		t.nodes[i] = &apacheNode{Cluster: c}
	}
	kafka.Join(all...)
	t.end = func() { _ = all[0].Stop() } // the ZooKeeper, where it has one
	return t
}
