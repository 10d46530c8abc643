package memfs

import (
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
)

// nameChange is one change of directories: a name made (from is nil), a name removed (to is nil), or one moved.
type nameChange struct {
	from     *inode
	fromName string
	to       *inode
	toName   string
	node     *inode
}

func (c nameChange) touches(dirs map[*inode]bool) bool {
	return (c.from != nil && dirs[c.from]) || (c.to != nil && dirs[c.to])
}

// change makes a change visible, and pending.
func (m *FS) change(c nameChange) {
	if c.from != nil {
		delete(c.from.entries, c.fromName)
		c.node.links--
	}
	if c.to != nil {
		if old := c.to.entries[c.toName]; old != nil {
			old.links--
			m.release(old)
		}
		c.to.entries[c.toName] = c.node
		c.node.links++
	}
	m.pending = append(m.pending, c)
	m.release(c.node)
}

// settle makes a change durable.
func (c nameChange) settle() {
	if c.from != nil && c.from.durableEntries[c.fromName] == c.node {
		delete(c.from.durableEntries, c.fromName)
	}
	if c.to != nil {
		c.to.durableEntries[c.toName] = c.node
	}
}

// SyncDir makes the names in a directory durable. A move between two directories is one change, so it takes along what
// came before it in the other.
func (m *FS) SyncDir(name string) error {
	if err := m.begin(Op{Kind: OpSyncDir, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir, err := m.lookup("open", name)
	if err != nil {
		return err
	}
	if !dir.isDir() {
		return failed("fsync", name, syscall.ENOTDIR)
	}
	dirs := map[*inode]bool{dir: true}
	taken := make([]bool, len(m.pending))
	for i := len(m.pending) - 1; i >= 0; i-- {
		if c := m.pending[i]; c.touches(dirs) {
			taken[i] = true
			for _, d := range []*inode{c.from, c.to} {
				if d != nil {
					dirs[d] = true
				}
			}
		}
	}
	rest := m.pending[:0]
	for i, c := range m.pending {
		if taken[i] {
			c.settle()
		} else {
			rest = append(rest, c)
		}
	}
	m.pending = rest
	return nil
}

// MkdirAll makes directories.
func (m *FS) MkdirAll(name string) error {
	if err := m.begin(Op{Kind: OpMkdir, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	at := m.root
	for _, element := range elements(name) {
		next := at.entries[element]
		if next == nil {
			next = newDir()
			next.links = 0
			m.change(nameChange{to: at, toName: element, node: next})
		}
		if !next.isDir() {
			return failed("mkdir", name, syscall.ENOTDIR)
		}
		at = next
	}
	return nil
}

// Remove deletes a file or an empty directory.
func (m *FS) Remove(name string) error {
	if err := m.begin(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir, base, err := m.place("remove", name)
	if err != nil {
		return err
	}
	node := dir.entries[base]
	switch {
	case node == nil:
		return failed("remove", name, syscall.ENOENT)
	case len(node.entries) > 0:
		return failed("remove", name, syscall.ENOTEMPTY)
	}
	m.change(nameChange{from: dir, fromName: base, node: node})
	return nil
}

// RemoveAll deletes a file or a whole directory, deepest names first.
func (m *FS) RemoveAll(name string) error {
	if err := m.begin(Op{Kind: OpRemoveAll, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir, base, err := m.place("removeall", name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if dir.entries[base] != nil {
		m.removeTree(dir, base)
	}
	return nil
}

func (m *FS) removeTree(dir *inode, base string) {
	node := dir.entries[base]
	for _, name := range slices.Sorted(maps.Keys(node.entries)) {
		m.removeTree(node, name)
	}
	m.change(nameChange{from: dir, fromName: base, node: node})
}

// Rename moves a file or directory.
func (m *FS) Rename(oldName, newName string) error {
	if err := m.begin(Op{Kind: OpRename, Name: oldName, NewName: newName}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	refused := func(err error) error { return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err} }
	from, fromName, err := m.place("rename", oldName)
	if err != nil {
		return refused(underlying(err))
	}
	to, toName, err := m.place("rename", newName)
	if err != nil {
		return refused(underlying(err))
	}
	node, target := from.entries[fromName], to.entries[toName]
	switch {
	case node == nil:
		return refused(syscall.ENOENT)
	case node == target:
		return nil
	case node.isDir() && isBelow(newName, oldName):
		return refused(syscall.EINVAL)
	case target == nil:
	case target.isDir() && !node.isDir():
		return refused(syscall.EISDIR)
	case !target.isDir() && node.isDir():
		return refused(syscall.ENOTDIR)
	case len(target.entries) > 0:
		return refused(syscall.ENOTEMPTY)
	}
	m.change(nameChange{from: from, fromName: fromName, to: to, toName: toName, node: node})
	return nil
}

func isBelow(name, dir string) bool {
	return strings.HasPrefix(strings.Join(elements(name), "/")+"/", strings.Join(elements(dir), "/")+"/")
}

func underlying(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
