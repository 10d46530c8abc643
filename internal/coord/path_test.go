package coord_test

import (
	"errors"
	"strings"
	"testing"

	"milena/internal/coord"
)

// FuzzPath: a path that is accepted comes apart into its elements and together again.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/", "/a", "/brokers/topics/a.b/partitions/0/state", "", "a", "//", "/a/", "/../a", "/a\x00"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if err := coord.CheckPath(path); err != nil {
			if !errors.Is(err, coord.ErrBadPath) {
				t.Errorf("%q: %v", path, err)
			}
			return
		}
		elements := 0
		for at := path; at != "/"; elements++ {
			parent, name := coord.Split(at)
			if name == "" || strings.Contains(name, "/") || coord.Join(parent, name) != at || coord.CheckPath(parent) != nil {
				t.Fatalf("%q is %q in %q", at, name, parent)
			}
			at = parent
		}
		if elements > coord.MaxDepth {
			t.Errorf("%q has %d elements", path, elements)
		}
	})
}

func TestSingle(t *testing.T) {
	if err := coord.Single(&coord.MultiError{Index: 2, Err: coord.ErrNoNode}); err != coord.ErrNoNode {
		t.Error(err)
	}
	if err := coord.Single(coord.ErrClosed); err != coord.ErrClosed {
		t.Error(err)
	}
}
