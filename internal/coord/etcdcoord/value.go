package etcdcoord

import (
	"encoding/binary"
	"fmt"

	"milena/internal/coord"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// A value is a node's data. A few need a header, since one transaction of etcd writes a key once at most: a node deleted
// and made again in one Multi, or written several times in one, has other numbers than its key. Data that begin with the
// header's first byte have one too.
//
//	 0      1     2                 10                18
//	+------+-----+-----------------+-----------------+------ - -
//	| 0xFF | 'm' | base, int64 BE  | made, int64 BE  | data
//	+------+-----+-----------------+-----------------+------ - -
//
//	base   the key's version at which the node's version was 0 (without a header: 1)
//	made   where the node was created: madeWithKey, madeHere, or a revision
const (
	headerMark0 = 0xFF
	headerMark1 = 'm'
	headerSize  = 18

	plainBase   = 1
	madeWithKey = -1 // with the key (as without a header)
	madeHere    = 0  // by the write of this very value
)

type value struct {
	base, made int64
	data       []byte
}

func (v value) encode() []byte {
	if v.base == plainBase && v.made == madeWithKey && (len(v.data) == 0 || v.data[0] != headerMark0) {
		return v.data
	}
	buf := make([]byte, 0, headerSize+len(v.data))
	buf = append(buf, headerMark0, headerMark1)
	buf = binary.BigEndian.AppendUint64(buf, uint64(v.base))
	buf = binary.BigEndian.AppendUint64(buf, uint64(v.made))
	return append(buf, v.data...)
}

// decodeValue takes a value without our header as data: another program may have written it.
func decodeValue(b []byte) value {
	if len(b) < headerSize || b[0] != headerMark0 || b[1] != headerMark1 {
		return value{base: plainBase, made: madeWithKey, data: b}
	}
	return value{
		base: int64(binary.BigEndian.Uint64(b[2:])),
		made: int64(binary.BigEndian.Uint64(b[10:])),
		data: b[headerSize:],
	}
}

// nodeOf reads a key as a node. Data are not shared with kv where it has none (nil).
func nodeOf(kv *mvccpb.KeyValue) coord.Node {
	v := decodeValue(kv.Value)
	return coord.Node{Data: v.data, Stat: coord.Stat{
		Version:        int32(kv.Version - v.base),
		CreateID:       v.createID(kv),
		ModID:          kv.ModRevision,
		EphemeralOwner: kv.Lease,
	}}
}

func (v value) createID(kv *mvccpb.KeyValue) int64 {
	switch v.made {
	case madeWithKey:
		return kv.CreateRevision
	case madeHere:
		return kv.ModRevision
	}
	return v.made
}

// checkName guards against keys that no node can have.
func checkName(name, key string) error {
	if name == "" {
		return fmt.Errorf("etcdcoord: key %q is no node", key)
	}
	return nil
}
