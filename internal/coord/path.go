package coord

import (
	"fmt"
	"strings"
)

// MaxDepth bounds the elements of a path; "/a/b" has two.
const MaxDepth = 99

// CheckPath refuses (ErrBadPath) what is not a path: it must start with a slash, must not end with one ("/" aside), and
// has no empty element, none that is "." or "..", and no control characters, as in ZooKeeper.
func CheckPath(path string) error {
	if path == "/" {
		return nil
	}
	if path == "" || path[0] != '/' {
		return fmt.Errorf("%w: %q does not start with a slash", ErrBadPath, path)
	}
	depth := 0
	for rest, more := path[1:], true; more; depth++ {
		var element string
		element, rest, more = strings.Cut(rest, "/")
		if element == "" || element == "." || element == ".." {
			return fmt.Errorf("%w: %q has the element %q", ErrBadPath, path, element)
		}
	}
	if depth > MaxDepth {
		return fmt.Errorf("%w: %d elements, at most %d", ErrBadPath, depth, MaxDepth)
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return fmt.Errorf("%w: %q has a control character", ErrBadPath, path)
		}
	}
	return nil
}

// Split cuts a path other than "/" into its parent and its last element.
func Split(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

// Join is the path of a child.
func Join(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

// SequenceFormat is how Op.Sequential writes its number behind the path.
const SequenceFormat = "%s%010d"
