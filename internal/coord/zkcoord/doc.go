// Package zkcoord is the coordination store over a real ZooKeeper, 3.6 or later, with Kafka's own tree: what Kafka's brokers and tools
// write there is read, and the reverse.
//
// # Mapping
//
// A node of the tree is a node of ZooKeeper, below the chroot of the connect string where that has one. Kafka's data bytes are the node's.
//
//	Stat.Version   version     Stat.CreateID   czxid
//	Stat.ModID     mzxid       EphemeralOwner  ephemeralOwner
//
// # Connections
//
// ZooKeeper knows one session for each connection. A store has one connection for itself, whose session owns nothing, and another one for
// each coord.Session: what is made with a session goes by its connection, all else by the store's. So that a read sees every change that
// was answered before it, whichever member answered, each read is preceded by a sync. ZooKeeper's sync asks the leader and no quorum: while
// a leader that has been replaced does not know it yet, reads by way of it may be behind. Writes never are, so every write that follows from
// a read is conditional.
//
// A request waits until its connection is there, within the store's limit. One that was sent and has no answer is ErrUnavailable, and only
// reads are sent again.
//
// # Watches
//
// One persistent recursive watch of the whole tree (ZooKeeper 3.6, addWatch) feeds all watches of a store: nothing has to be armed
// again, and nothing is lost between two changes. ZooKeeper forgets it with the connection: it is set again on the next one, and then
// every watch is signalled, so that a reader who reads now misses nothing.
//
// # Sessions
//
// A session is kept alive by pings, three in its time-out, and outlives the loss of its connection and of members. It counts as over
// when the ensemble says so, or when nothing sent within its time-out was answered.
//
// # Conditions on the creation
//
// ZooKeeper cannot demand a czxid. condition.go draws how a multi demands it nevertheless, exactly.
//
// The client is github.com/go-zookeeper/zk, which trusts its server. wire.go stands between it and the network: it bounds what the server may send, sets the
// persistent watch, which that client does not know, and takes the times by which sessions are judged.
//
// The package imports coord, coord/watches and netio. Store.mu guards the set of sessions and the closed flag; link.mu the state of one
// connection; wire.writing the order of what is written. None is held during a call to ZooKeeper, and no two at once, but for wire.writing,
// under which link.mu may be taken.
package zkcoord
