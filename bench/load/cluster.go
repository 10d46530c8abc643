package load

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is several brokers: their addresses, where broker i+1 is the i-th.
type Cluster []string

// patience of everything in a cluster that must come true.
const patience = 2 * time.Minute

// Metadata asks one broker for some topics, or for all.
func Metadata(address string, topics ...string) (*kmsg.MetadataResponse, error) {
	c, err := Dial(address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	return c.metadata(topics...)
}

// Await asks every broker for its metadata until each one's is good. Brokers that do not answer are asked again.
func (l Cluster) Await(what string, good func(*kmsg.MetadataResponse) bool, topics ...string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	next := 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		for next < len(l) {
			if m, err := Metadata(l[next], topics...); err != nil || !good(m) {
				break
			}
			next++
		}
		if next == len(l) {
			return nil
		}
	}
	return fmt.Errorf("broker %d: no %s after %v", next+1, what, patience)
}

// AwaitBrokers waits until every broker knows of all.
func (l Cluster) AwaitBrokers() error {
	return l.Await("metadata of all brokers", func(m *kmsg.MetadataResponse) bool { return len(m.Brokers) == len(l) })
}

// AwaitWhole waits until every broker knows of all, and of leaders and full ISRs of a topic's partitions.
func (l Cluster) AwaitWhole(topic string) error {
	missing := func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 || len(p.ISR) < len(l) }
	return l.Await("whole cluster", func(m *kmsg.MetadataResponse) bool {
		all := m.Topics[0].Partitions
		return len(m.Brokers) == len(l) && len(all) > 0 && !slices.ContainsFunc(all, missing)
	}, topic)
}

// CreateTopic makes a topic with a replica on each of three brokers, and waits until every broker knows all of its leaders. It tells how long
// that took.
func (l Cluster) CreateTopic(topic string, partitions int32, configs map[string]string) (time.Duration, error) {
	c, err := l.dialController()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	begin := time.Now()
	if err := c.create(topic, partitions, 3, configs); err != nil {
		return 0, err
	}
	leaderless := func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader < 0 }
	err = l.Await("leaders of "+topic, func(m *kmsg.MetadataResponse) bool {
		all := m.Topics[0].Partitions
		return len(all) == int(partitions) && !slices.ContainsFunc(all, leaderless)
	}, topic)
	return time.Since(begin), err
}

// dialController connects to the broker that takes requests to the controller.
func (l Cluster) dialController() (*Conn, error) {
	m, err := Metadata(l[0])
	if err != nil {
		return nil, err
	}
	if m.ControllerID < 1 || int(m.ControllerID) > len(l) {
		return nil, fmt.Errorf("the controller is broker %d", m.ControllerID)
	}
	return Dial(l[m.ControllerID-1])
}

// ElectPreferred gives a topic's partitions back to the brokers that led them first.
func (l Cluster) ElectPreferred(topic string, partitions int32) error {
	c, err := l.dialController()
	if err != nil {
		return err
	}
	defer c.Close()
	req := kmsg.NewPtrElectLeadersRequest()
	req.SetVersion(1)
	req.TimeoutMillis = 30_000
	t := kmsg.NewElectLeadersRequestTopic()
	t.Topic = topic
	for p := range partitions {
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	_, err = c.Do(req)
	return err
}

// Leaders are a topic's partitions by the index of the broker that leads them.
func (l Cluster) Leaders(topic string) (map[int][]int32, error) {
	m, err := Metadata(l[0], topic)
	if err != nil {
		return nil, err
	}
	led := map[int][]int32{}
	for _, p := range m.Topics[0].Partitions {
		if p.Leader < 1 || int(p.Leader) > len(l) {
			return nil, fmt.Errorf("%s-%d is led by broker %d", topic, p.Partition, p.Leader)
		}
		led[int(p.Leader)-1] = append(led[int(p.Leader)-1], p.Partition)
	}
	return led, nil
}

// Produce runs a produce load on the leaders of its topic's partitions, side by side: each gets its partitions' share.
func (l Cluster) Produce(p Produce) (Produced, error) {
	led, err := l.Leaders(p.Topic)
	if err != nil {
		return Produced{}, err
	}
	var mu sync.Mutex
	var all Produced
	var errs error
	var wait sync.WaitGroup
	start := time.Now()
	for i, some := range led {
		one := p
		one.Some, one.TotalBytes = some, p.TotalBytes*int64(len(some))/int64(p.Partitions)
		wait.Go(func() {
			done, err := one.Run(l[i])
			mu.Lock()
			defer mu.Unlock()
			all.Bytes, all.Records, errs = all.Bytes+done.Bytes, all.Records+done.Records, errors.Join(errs, err)
		})
	}
	wait.Wait()
	all.Took = time.Since(start)
	return all, errs
}

// QuorumLeader is the index of the broker that is the active controller of a KRaft quorum.
func (l Cluster) QuorumLeader() (int, error) {
	c, err := Dial(l[0])
	if err != nil {
		return 0, err
	}
	defer c.Close()
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, t)
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	for _, t := range resp.(*kmsg.DescribeQuorumResponse).Topics {
		for _, p := range t.Partitions {
			return int(p.LeaderID) - 1, nil
		}
	}
	return 0, errors.New("nobody tells who leads the quorum")
}

// Controller is the index of the broker that all others call the controller.
func (l Cluster) Controller() (int, error) {
	m, err := Metadata(l[0])
	if err != nil {
		return 0, err
	}
	return int(m.ControllerID) - 1, nil
}
