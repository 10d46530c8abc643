// Package server is the edge: listeners, connections, framing, the order of replies. It reads requests, has api's rows answer them, and writes
// what they answer; it knows no request but by its row.
//
// A connection has one goroutine, which reads requests and begins each of them. At rest it holds a small stack and no buffer: on TCP a buffer
// is taken from a pool in the moment in which bytes can be read. A request that parks (acks=all, a long poll) holds no goroutine; the next one
// begins beside it if both rows overlap, and else waits. Replies leave in the order of the requests. Those given while more requests are at hand
// leave together; those given by others later are written by a goroutine of the moment, so that nobody ever waits for another one's socket.
//
// Locks: conn.mu guards a connection's order of calls and its output; quota.mu the counts of connections; Server.mu the set of connections.
// None is held while reading, writing or calling a handler, and none is taken under another.
//
// It imports api, wire, netio, vfs, config and metrics.
package server
