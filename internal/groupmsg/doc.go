// Package groupmsg is the layout of the records in __consumer_offsets: keys and values of every type that classic groups, consumer
// groups (KIP-848) and their offsets write, byte for byte as Kafka 4.3 writes them. The coordinator writes and replays them, tools show
// them.
//
// A record's key begins with its type, its value with a version:
//
//	key    type int16, then strings (int16 length, bytes) and int32s; never tagged fields
//	value  version int16, then the fields
//
// Values are flexible (lengths as uvarint of n+1, tagged fields at the end of every struct) but for GroupMetadata and OffsetCommit
// below version 4. Tagged fields that are not known here are skipped. Strings and bytes that come out of a decoder are copies.
//
// Nothing here has state; everything is safe for concurrent use. The package imports nothing of Milena.
package groupmsg
