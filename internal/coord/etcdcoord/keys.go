package etcdcoord

import (
	"fmt"
	"strings"
)

// keys maps paths to etcd keys, as the package comment draws it.
type keys struct{ prefix string }

// sequenceDir stands where nodes have their two digits of depth.
const sequenceDir = "seq"

// afterSlash is the byte after the slash: it ends ranges.
const afterSlash = "0"

func depth(path string) int {
	if path == "/" {
		return 0
	}
	return strings.Count(path, "/")
}

func (k keys) node(path string) string { return fmt.Sprintf("%s/%02d%s", k.prefix, depth(path), path) }

// children is the range [first, end) of a node's children. What follows first in a key is the child's name.
func (k keys) children(path string) (first, end string) {
	at := path
	if path == "/" {
		at = ""
	}
	base := fmt.Sprintf("%s/%02d%s", k.prefix, depth(path)+1, at)
	return base + "/", base + afterSlash
}

func (k keys) sequence(path string) string { return k.prefix + "/" + sequenceDir + path }

// all is the range of everything.
func (k keys) all() (first, end string) { return k.prefix + "/", k.prefix + afterSlash }

// path is the node of a key, or false for the other keys.
func (k keys) path(key string) (string, bool) {
	rest := key[min(len(k.prefix)+1, len(key)):]
	digits, _, ok := strings.Cut(rest, "/")
	if !ok || digits == sequenceDir {
		return "", false
	}
	return rest[len(digits):], true
}
