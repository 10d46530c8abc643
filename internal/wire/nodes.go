package wire

import "encoding/binary"

// Node is a broker's endpoint, told beside NOT_LEADER_OR_FOLLOWER by Produce from v10 and by Fetch from v16 on (KIP-951).
type Node struct {
	ID   int32
	Host string
	Port int32
	Rack *string
}

// appendNodes appends the tags that end a response which may carry endpoints:
//
//	count varint | tag 0 varint, size varint, nodes compact array of {id int32, host compact string, port int32, rack nullable, tags}
func appendNodes(b []byte, nodes []Node) []byte {
	if len(nodes) == 0 {
		return append(b, 0)
	}
	size := uvarintBytes(len(nodes) + 1)
	for _, n := range nodes {
		size += 4 + uvarintBytes(len(n.Host)+1) + len(n.Host) + 4 + 1 + 1
		if n.Rack != nil {
			size += uvarintBytes(len(*n.Rack)+1) - 1 + len(*n.Rack)
		}
	}
	b = append(b, 1, 0)
	b = binary.AppendUvarint(b, uint64(size))
	b = binary.AppendUvarint(b, uint64(len(nodes))+1)
	for _, n := range nodes {
		b = appendCompactString(appendInt32(b, n.ID), n.Host)
		b = appendInt32(b, n.Port)
		if n.Rack == nil {
			b = append(b, 0)
		} else {
			b = appendCompactString(b, *n.Rack)
		}
		b = append(b, 0)
	}
	return b
}

// uvarintBytes is the length of n as an unsigned varint.
func uvarintBytes(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
