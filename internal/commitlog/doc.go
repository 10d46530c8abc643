// Package commitlog is one partition's log: an ordered list of segments, the state of its producers and the cache of its leader
// epochs; append, read, roll, recover, retain, truncate. It knows nothing of leaders, followers and topics.
//
// One lock guards appends and changes of the list of segments; readers take an immutable list from an atomic pointer, and a segment's
// files are closed and deleted when the last reader is gone. It imports segment, record, config, metrics and vfs.
package commitlog
