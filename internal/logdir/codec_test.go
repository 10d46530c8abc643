package logdir

import (
	"strings"
	"testing"
)

func TestCheckpointIsKafkas(t *testing.T) {
	text := "0\n3\na 2 7\na 10 -1\nb.c-d 0 9223372036854775807\n"
	got, err := decodeCheckpoint([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for tp, offset := range got {
		entries = append(entries, entry{tp, offset})
	}
	if again := string(encodeCheckpoint(entries)); again != text {
		t.Fatalf("got %q", again)
	}
	if got[TopicPartition{"a", 10}] != -1 || got[TopicPartition{"b.c-d", 0}] != 1<<63-1 {
		t.Fatalf("got %v", got)
	}
	for text, complaint := range map[string]string{
		"":                        "line 1",
		"1\n0\n":                  "line 1: version",
		"0\n":                     "line 2",
		"0\nx\n":                  "line 2",
		"0\n2\na 0 1\n":           "2\" entries announced, 1 there",
		"0\n0\na 0 1\n":           "entries announced",
		"0\n1\na 0\n":             "line 3",
		"0\n1\na b 1\n":           "line 3",
		"0\n1\na 0 1 2\n":         "line 3",
		"0\n1\na 99999999999 1\n": "line 3",
	} {
		if _, err := decodeCheckpoint([]byte(text)); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: got %v, want %q in it", text, err, complaint)
		}
	}
}

func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add([]byte("0\n1\na 0 1\n"))
	f.Add([]byte("0\n0\n"))
	f.Add([]byte("\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeCheckpoint(data)
		if err != nil {
			return
		}
		var entries []entry
		for tp, offset := range got {
			entries = append(entries, entry{tp, offset})
		}
		again, err := decodeCheckpoint(encodeCheckpoint(entries))
		if err != nil || len(again) != len(got) {
			t.Fatalf("%v after writing %v: %v", again, got, err)
		}
	})
}

func TestTopicIDFileIsKafkas(t *testing.T) {
	text := "version: 0\ntopic_id: 5vGIVRCvSKS4qP8jRGxbPg"
	id, err := decodeTopicID([]byte(text))
	if err != nil || string(encodeTopicID(id)) != text {
		t.Fatalf("got %q, %v", encodeTopicID(id), err)
	}
	for _, bad := range []string{"version: 1\ntopic_id: 5vGIVRCvSKS4qP8jRGxbPg", "version: 0\n", "topic_id: 5vGIVRCvSKS4qP8jRGxbPg",
		"version: 0\ntopic_id: 5vGIVRCv", "version: 0\ntopic_id: !vGIVRCvSKS4qP8jRGxbPg"} {
		if id, err := decodeTopicID([]byte(bad)); err == nil {
			t.Errorf("%q: got %v", bad, id)
		}
	}
}

func FuzzDecodeTopicID(f *testing.F) {
	f.Add([]byte("version: 0\ntopic_id: 5vGIVRCvSKS4qP8jRGxbPg"))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := decodeTopicID(data)
		if err != nil {
			return
		}
		if again, err := decodeTopicID(encodeTopicID(id)); err != nil || again != id {
			t.Fatalf("%v, %v", again, err)
		}
	})
}

func TestMetaProperties(t *testing.T) {
	for _, c := range []struct {
		text string
		want Meta
	}{
		{"#\n#Wed Nov 01 10:00:00 UTC 2023\ncluster.id=Mk3OEYBSD34fcwNTJENDM2Qk\nversion=0\nbroker.id=3\n",
			Meta{Version: 0, ClusterID: "Mk3OEYBSD34fcwNTJENDM2Qk", BrokerID: 3}},
		{"node.id=1\ndirectory.id=q0bQ\\=\\=\nversion=1\ncluster.id=x\n", Meta{Version: 1, ClusterID: "x", BrokerID: 1, DirectoryID: "q0bQ=="}},
		{"version=0\r\n", Meta{BrokerID: -1}},
	} {
		got, err := decodeMeta([]byte(c.text))
		if err != nil || got.Version != c.want.Version || got.ClusterID != c.want.ClusterID || got.BrokerID != c.want.BrokerID ||
			got.DirectoryID != c.want.DirectoryID {
			t.Errorf("%q: got %+v, %v", c.text, got, err)
		}
		again, err := decodeMeta(encodeMeta(got))
		if err != nil || again.ClusterID != got.ClusterID || again.DirectoryID != got.DirectoryID {
			t.Errorf("%q: written and read %+v, %v", c.text, again, err)
		}
	}
	for _, bad := range []string{"version=2\n", "version=x\n", "version=0\nbroker.id=one\n"} {
		if got, err := decodeMeta([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v", bad, got)
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add([]byte("#\nversion=1\nnode.id=1\ncluster.id=a\\=b\ndirectory.id=c\nmore=d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMeta(data)
		if err != nil || strings.ContainsAny(m.ClusterID+m.DirectoryID, "\\") {
			return
		}
		if again, err := decodeMeta(encodeMeta(m)); err != nil || again.ClusterID != strings.TrimSpace(m.ClusterID) || again.Version != m.Version {
			t.Fatalf("%+v read as %+v, %v", m, again, err)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]struct {
		tp TopicPartition
		k  kind
	}{
		"a-0":                  {TopicPartition{"a", 0}, kindLive},
		"a-b.c_-12":            {TopicPartition{"a-b.c_", 12}, kindLive},
		"x-3.0ab-delete":       {TopicPartition{"x", 3}, kindDelete},
		"a.b-3.0ab-stray":      {TopicPartition{"a.b", 3}, kindStray},
		"a.b-3.0ab-future":     {TopicPartition{"a.b", 3}, kindFuture},
		"my-delete-2":          {TopicPartition{"my-delete", 2}, kindLive},
		"my-delete-2.x-delete": {TopicPartition{"my-delete", 2}, kindDelete},
	} {
		if tp, k, err := parseName(name); err != nil || tp != want.tp || k != want.k {
			t.Errorf("%s: got %v %v %v", name, tp, k, err)
		}
	}
	for _, bad := range []string{"", "a", "a-", "-0", "a-x", "a-delete", "a-0.-delete", "a-0-delete", "a-99999999999"} {
		if tp, _, err := parseName(bad); err == nil {
			t.Errorf("%q: got %v", bad, tp)
		}
	}
	long := TopicPartition{strings.Repeat("t", 249), 1}
	name := markedName(long, kindDelete)
	if tp, k, err := parseName(name); len(name) > 255 || err != nil || k != kindDelete || tp.Partition != 1 {
		t.Errorf("%s (%d bytes): %v %v %v", name, len(name), tp, k, err)
	}
}
