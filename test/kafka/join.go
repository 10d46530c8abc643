package kafka

import (
	"fmt"
	"strings"
)

// membership is a broker's place in a cluster of several; the zero value is that of a broker alone.
type membership struct {
	node      int
	quorum    string // the controllers' addresses (KRaft)
	voters    string // the same as the storage tool wants them, with directory ids
	zooKeeper string // of the first broker (ZooKeeper)
}

// Join makes one cluster of brokers that have not been started yet, of one version and mode: the ids are 1, 2, … The first is started first where
// it brings the ZooKeeper; in KRaft mode none listens before most of them run.
func Join(brokers ...*Cluster) {
	id := RandomID()
	var quorum, voters []string
	for i, c := range brokers {
		quorum = append(quorum, c.controllerAddress())
		voters = append(voters, fmt.Sprintf("%d@%s:%s", i+1, c.controllerAddress(), RandomID()))
	}
	for i, c := range brokers {
		c.ClusterID = id
		c.joined = membership{node: i + 1, quorum: strings.Join(quorum, ","), voters: strings.Join(voters, ",")}
		if i > 0 && c.Mode == ZooKeeper {
			c.joined.zooKeeper = brokers[0].ZooKeeperAddress()
		}
	}
}

func (c *Cluster) node() int { return max(1, c.joined.node) }

func (c *Cluster) controllerAddress() string { return fmt.Sprintf("127.0.0.1:%d", c.Port+10) }

func (c *Cluster) quorum() string {
	if c.joined.quorum == "" {
		return c.controllerAddress()
	}
	return c.joined.quorum
}

// voters are the storage tool's arguments that tell who votes.
func (c *Cluster) voters() []string {
	if c.joined.voters == "" {
		return []string{"--standalone"}
	}
	return []string{"--initial-controllers", c.joined.voters}
}

// JoinZooKeeper has a broker that has not been started yet, the first of Kafka's there, use a ZooKeeper that somebody else runs.
func (c *Cluster) JoinZooKeeper(address string) { c.joined.zooKeeper = address }
