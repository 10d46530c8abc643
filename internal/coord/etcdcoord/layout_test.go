package etcdcoord

import (
	"bytes"
	"testing"

	"milena/internal/coord"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

func TestKeys(t *testing.T) {
	k := keys{prefix: "/milena"}
	for path, key := range map[string]string{
		"/a":                       "/milena/01/a",
		"/brokers/topics/orders":   "/milena/03/brokers/topics/orders",
		"/1/2/3/4/5/6/7/8/9/10/11": "/milena/11/1/2/3/4/5/6/7/8/9/10/11",
	} {
		if got := k.node(path); got != key {
			t.Errorf("key of %s: %s, want %s", path, got, key)
		}
		if got, ok := k.path(key); !ok || got != path {
			t.Errorf("path of %s: %s, %v", key, got, ok)
		}
	}
	first, end := k.children("/brokers/topics")
	if first != "/milena/03/brokers/topics/" || end != "/milena/03/brokers/topics0" {
		t.Errorf("children from %s to %s", first, end)
	}
	if first, end = k.children("/"); first != "/milena/01/" || end != "/milena/010" {
		t.Errorf("the root's children from %s to %s", first, end)
	}
	for _, key := range []string{k.sequence("/a"), "/milena", "/milena/", "/m", ""} {
		if path, ok := k.path(key); ok {
			t.Errorf("%q is the key of no node, not %q", key, path)
		}
	}
}

func TestValueStaysReadable(t *testing.T) {
	v := value{base: plainBase, made: madeWithKey, data: []byte(`{"version":1}`)}
	if got := v.encode(); !bytes.Equal(got, v.data) {
		t.Errorf("%q", got)
	}
	kv := &mvccpb.KeyValue{Value: v.encode(), Version: 3, CreateRevision: 7, ModRevision: 9, Lease: 5}
	want := coord.Stat{Version: 2, CreateID: 7, ModID: 9, EphemeralOwner: 5}
	if got := nodeOf(kv); got.Stat != want {
		t.Errorf("%+v", got.Stat)
	}
}

// FuzzValue: what is encoded comes back, and no value is refused, whoever wrote it.
func FuzzValue(f *testing.F) {
	f.Add([]byte("{}"), int64(1), int64(-1))
	f.Add([]byte{0xff}, int64(1), int64(-1))
	f.Add([]byte{0xff, 'm'}, int64(5), int64(0))
	f.Add(bytes.Repeat([]byte{0xff, 'm'}, 9), int64(-3), int64(12))
	f.Fuzz(func(t *testing.T, data []byte, base, made int64) {
		v := value{base: base, made: made, data: data}
		got := decodeValue(v.encode())
		if got.base != base || got.made != made || !bytes.Equal(got.data, data) {
			t.Errorf("%+v became %+v", v, got)
		}
		raw := decodeValue(data)
		if again := decodeValue(raw.encode()); again.base != raw.base || again.made != raw.made || !bytes.Equal(again.data, raw.data) {
			t.Errorf("%+v became %+v", raw, again)
		}
	})
}
