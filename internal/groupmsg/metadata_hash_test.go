package groupmsg

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestXXH3(t *testing.T) {
	text, err := os.ReadFile("testdata/xxh3.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(text)) {
		var n int
		var want uint64
		if _, err := fmt.Sscan(line, &n, &want); err != nil {
			continue
		}
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*131 + 7)
		}
		if got := xxh3(b); got != want {
			t.Errorf("%d bytes: %d, want %d", n, got, want)
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("%d lengths", checked)
	}
}

// The hashes are those that Kafka 4.3.1 wrote for these topics.
func TestMetadataHashAsKafka(t *testing.T) {
	id := func(text string) (id [16]byte) {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		copy(id[:], b)
		return id
	}
	orders := HashedTopic{ID: id("_YMDemjLRj-CwIll96cINQ"), Name: "orders", Racks: make([][]string, 4)}
	audit := HashedTopic{ID: id("YDCowGYmTSOTAfDQCBsC5Q"), Name: "audit", Racks: make([][]string, 2)}
	if h := MetadataHash([]int64{orders.Hash()}); h != 4019818609264068869 {
		t.Error(h)
	}
	if h := MetadataHash([]int64{audit.Hash(), orders.Hash()}); h != 155450732653058746 {
		t.Error(h)
	}
	if h := MetadataHash(nil); h != 0 {
		t.Error(h)
	}
	racked := HashedTopic{ID: id("_YMDemjLRj-CwIll96cINQ"), Name: "orders", Racks: [][]string{{"b", "a"}, nil, {"c"}, nil}}
	sorted := HashedTopic{ID: id("_YMDemjLRj-CwIll96cINQ"), Name: "orders", Racks: [][]string{{"a", "b"}, nil, {"c"}, nil}}
	if racked.Hash() != sorted.Hash() || racked.Hash() == orders.Hash() {
		t.Error(racked.Hash(), sorted.Hash(), orders.Hash())
	}
}
