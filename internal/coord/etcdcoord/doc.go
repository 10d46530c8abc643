// Package etcdcoord is the coordination store over etcd: one embedded in the broker (StartEmbedded) or an external one (Open).
//
// # Layout
//
// A node of the tree is one key. Its depth stands before its path, so that the children of a node, and only they, are one
// range of keys, whatever lies below them:
//
//	PREFIX/DD/PATH      the node PATH of DD elements: /milena/03/brokers/topics/orders
//	PREFIX/DD/PATH/ … PREFIX/DD/PATH0   with DD one more: the children of PATH
//	PREFIX/seq/PATH     in decimal, the number that the next sequential child of PATH gets; made with the first
//
// The root is no key: it always exists and has no data. A value is the node's data as they are, or, where etcd's own
// counters do not give version and creation (value.go), a header and the data. An ephemeral node is a key with a lease,
// and the lease is the session.
//
//	Stat.Version   the key's version - 1      Stat.CreateID   the key's create revision
//	Stat.ModID     the key's mod revision     EphemeralOwner  the key's lease
//
// # Changes
//
// A change reads what its operations depend on, lets coord/plan work out what they do, and commits that in one etcd
// transaction which demands that nothing read has changed; else it begins again. So the tree's rules hold whoever else
// writes. An answer that may still come true is ErrUnavailable, and is never tried again here.
//
// etcd limits the operations of a transaction (--max-txn-ops, 128 at first; the embedded one takes 100,000). A Multi takes
// about as many comparisons as it has distinct paths and parents of paths; one too large for the server is refused whole
// with ErrTooLarge, which names the setting.
//
// Requests go to all endpoints in turn. A voter gives its remote clients a sign of life every second; one that is silent for 2.5 s is frozen,
// or gone: its connections are closed, and what waited for it is asked elsewhere, or, a change, ErrUnavailable.
//
// # Watches and sessions
//
// One etcd watch of the whole prefix feeds all watches of a store. It resumes from the revision after the last one it
// delivered, on any endpoint; where that revision has been compacted, every watch is signalled. A session is kept alive
// three times per time-out, and counts as expired once no keep-alive sent within its time-out was answered, whether or not
// the server still holds the lease. Time-outs are whole seconds in etcd: a session's is rounded up.
//
// The package imports coord, coord/plan and coord/watches. Store.mu guards the map of sessions and the closed flag;
// session.mu the session's end. Neither is held during a call to etcd.
package etcdcoord
