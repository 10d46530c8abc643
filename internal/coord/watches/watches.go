// Package watches keeps the watches of one client of a store: which paths are watched, and whom a change concerns. The
// stores over memory and etcd share it. It imports coord. Set.mu guards all of a Set, and no other lock is taken under it.
package watches

import (
	"strings"
	"sync"

	"milena/internal/coord"
)

// Set is a client's watches. The zero value is ready.
type Set struct {
	mu     sync.Mutex
	closed bool
	byPath map[key]map[*watch]struct{}
}

type key struct {
	path string
	kind coord.WatchKind
}

type watch struct {
	set  *Set
	key  key
	once sync.Once
	c    chan struct{}
}

// C has room for one signal.
func (w *watch) C() <-chan struct{} { return w.c }

// Close ends the watch; it may be called twice.
func (w *watch) Close() {
	w.set.mu.Lock()
	defer w.set.mu.Unlock()
	w.set.drop(w)
}

// drop needs the set's lock, under which all signals are sent: none can follow the close of the channel.
func (s *Set) drop(w *watch) {
	w.once.Do(func() { close(w.c) })
	if same := s.byPath[w.key]; same != nil {
		delete(same, w)
		if len(same) == 0 {
			delete(s.byPath, w.key)
		}
	}
}

// Add starts a watch. ErrClosed after Close.
func (s *Set) Add(path string, kind coord.WatchKind) (coord.Watch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, coord.ErrClosed
	}
	w := &watch{set: s, key: key{path, kind}, c: make(chan struct{}, 1)}
	if s.byPath == nil {
		s.byPath = make(map[key]map[*watch]struct{})
	}
	if s.byPath[w.key] == nil {
		s.byPath[w.key] = make(map[*watch]struct{})
	}
	s.byPath[w.key][w] = struct{}{}
	return w, nil
}

// Changed signals everyone whom a change of one node concerns. cameOrWent says that the node was created or deleted, so
// that its parent's list of children is another.
func (s *Set) Changed(path string, cameOrWent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byPath) == 0 {
		return
	}
	s.signal(key{path, coord.WatchNode})
	s.signal(key{path, coord.WatchTree})
	for child := path; child != "/"; {
		parent := "/"
		if i := strings.LastIndexByte(child, '/'); i > 0 {
			parent = child[:i]
		}
		if child == path && cameOrWent {
			s.signal(key{parent, coord.WatchChildren})
		}
		s.signal(key{parent, coord.WatchTree})
		child = parent
	}
}

func (s *Set) signal(k key) {
	for w := range s.byPath[k] {
		w.signal()
	}
}

func (w *watch) signal() {
	select {
	case w.c <- struct{}{}:
	default: // one is waiting already, and the reader has yet to read the store
	}
}

// All signals every watch: after a time in which changes may have gone by unseen.
func (s *Set) All() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.byPath {
		s.signal(k)
	}
}

// Close ends all watches, and refuses new ones.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, same := range s.byPath {
		for w := range same {
			s.drop(w)
		}
	}
}
