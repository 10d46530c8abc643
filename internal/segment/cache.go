package segment

import (
	"errors"
	"io/fs"
	"sync"

	"milena/internal/vfs"
)

// FileCache bounds the open files of all segments that share it. When there are more than its limit, it closes those that nobody
// uses at the moment, the ones longest unused first (by the clock algorithm). Files in use are never closed, so the limit can be
// passed for as long as more files are in use at once.
//
// Its mutex guards the ring of open files. Order of locks: the File's, then the cache's, then (only tried) another File's.
type FileCache struct {
	limit int
	mu    sync.Mutex
	ring  []*file
	hand  int
}

// NewFileCache makes a cache of at most limit open files; a limit of 0 or less is none.
func NewFileCache(limit int) *FileCache { return &FileCache{limit: limit} }

// Open tells how many files are open.
func (c *FileCache) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ring)
}

// file is one file of a segment, open only while it is used or remembered by the cache.
type file struct {
	mu      sync.Mutex
	open    vfs.File // nil: closed
	refs    int32    // users of open
	slot    int32    // in the cache's ring
	used    bool     // since the clock's hand passed
	dropped bool     // to be closed with its last user
}

// acquire gives the open file, which stays open until release. A missing file is fs.ErrNotExist; create makes it.
func (f *file) acquire(s *Segment, kind Kind, create bool) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		open, err := s.openFile(kind, create)
		if err != nil {
			return nil, err
		}
		f.open = open
		s.dir.cache.admit(f)
	}
	f.refs++
	f.used = true
	f.dropped = false
	return f.open, nil
}

func (f *file) release(c *FileCache) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs--
	if f.refs == 0 && f.dropped {
		c.forget(f)
		f.closeLocked()
	}
}

// drop closes the file now, or with its last user.
func (f *file) drop(c *FileCache) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		return
	}
	if f.refs > 0 {
		f.dropped = true
		return
	}
	c.forget(f)
	f.closeLocked()
}

// closeLocked closes a file that was only read, or whose writes the kernel has: a later Sync through another descriptor covers them,
// so nothing is learnt from the result of close.
func (f *file) closeLocked() {
	_ = f.open.Close()
	f.open, f.dropped = nil, false
}

// admit takes f, whose lock is held, into the ring and closes others where there are too many.
func (c *FileCache) admit(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.slot = int32(len(c.ring))
	c.ring = append(c.ring, f)
	c.shrinkLocked(f)
}

// SetLimit changes how many files may be open, and closes some where more are.
func (c *FileCache) SetLimit(limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.shrinkLocked(nil)
}

// shrinkLocked closes files that nobody uses, but f, whose lock may be held, until no more are open than may be.
func (c *FileCache) shrinkLocked(f *file) {
	if c.limit <= 0 {
		return
	}
	// Two rounds: the first may find everything used since the last time.
	for steps := 2 * len(c.ring); steps > 0 && len(c.ring) > c.limit; steps-- {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		g := c.ring[c.hand]
		if g == f || !g.mu.TryLock() {
			c.hand++
			continue
		}
		switch {
		case g.refs > 0:
			c.hand++
		case g.used:
			g.used = false
			c.hand++
		default:
			c.removeLocked(g)
			g.closeLocked()
		}
		g.mu.Unlock()
	}
}

func (c *FileCache) forget(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeLocked(f)
}

// removeLocked takes f out of the ring by moving the last one into its place.
func (c *FileCache) removeLocked(f *file) {
	last := c.ring[len(c.ring)-1]
	c.ring[f.slot] = last
	last.slot = f.slot
	c.ring[len(c.ring)-1] = nil
	c.ring = c.ring[:len(c.ring)-1]
}

// openFile opens a segment's file under its present name.
func (s *Segment) openFile(kind Kind, create bool) (f vfs.File, err error) {
	s.names.RLock()
	defer s.names.RUnlock()
	err = s.dir.Under(func(string) error {
		name := s.name(kind)
		f, err = s.dir.fs.OpenReadWrite(name)
		if create && errors.Is(err, fs.ErrNotExist) {
			f, err = s.dir.fs.Create(name)
		}
		return err
	})
	return f, err
}
