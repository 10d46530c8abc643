package config

import (
	"encoding/hex"
	"maps"
	"os"
	"strings"
	"testing"
)

// TestPropertiesAsJava reads testdata/properties-java.txt: a text, and the keys and values that java.util.Properties made of it, in hex.
func TestPropertiesAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/properties-java.txt")
	if err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) string {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for line := range strings.Lines(string(golden)) {
		input, outcome, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got, err := ParseProperties([]byte(unhex(input)))
		if outcome == "refused" || err != nil {
			if outcome != "refused" || err == nil {
				t.Errorf("%q: got %q, %v; Java: %s", unhex(input), got, err, outcome)
			}
			continue
		}
		want := map[string]string{}
		for pair := range strings.SplitSeq(outcome, ",") {
			if k, v, ok := strings.Cut(pair, "="); ok {
				want[unhex(k)] = unhex(v)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%q: got %q, Java %q", unhex(input), got, want)
		}
	}
}

func TestPropertiesInLatin1(t *testing.T) {
	got, err := ParseProperties([]byte("a=caf\xe9\n"))
	if err != nil || got["a"] != "café" {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add([]byte("a=b\\\n c\nd:\\u0041"))
	f.Add([]byte("\\"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ParseProperties(raw)
		if err == nil && len(got) > len(raw) {
			t.Errorf("%d keys out of %d bytes", len(got), len(raw))
		}
	})
}
