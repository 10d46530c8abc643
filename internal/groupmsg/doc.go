// Package groupmsg is the layout of the records in __consumer_offsets: keys and values of every type that classic groups, consumer
// groups (KIP-848) and their offsets write, byte for byte as Kafka writes them. The coordinator writes and replays them, tools show
// them.
package groupmsg
