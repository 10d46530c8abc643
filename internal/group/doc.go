// Package group is the group coordinator: classic groups (JoinGroup and its kin), consumer groups (KIP-848), and the offsets that
// both commit, as a machine on coordinator, one for each partition of __consumer_offsets. The records are those of groupmsg.
//
// Its requests and replies are kmsg's, and what it refuses are kerr's errors, whose codes its replies carry: a group's protocol is
// these messages, and a second set of types would say the same again.
//
// All state is under the lock of its partition, which coordinator holds whenever it calls.
//
// It imports coordinator, groupmsg, record, metadata and config.
package group
