// Package plan works out what a list of operations does to a tree: each operation sees what those before it did, and the
// first that is refused refuses them all. It only computes; a store supplies what the tree holds (View) and carries out
// the changes. The stores over memory and etcd share it. It imports coord, and holds no locks: a Plan belongs to one call.
package plan

import (
	"fmt"
	"math"

	"milena/internal/coord"
)

// Facts is what the rules ask of an existing node.
type Facts struct {
	Version        int32
	CreateID       int64
	EphemeralOwner int64
}

// View is the tree before the operations. The root is never asked for, but for its children and its counter.
type View interface {
	// Node tells whether a node exists.
	Node(path string) (Facts, bool)
	// Children names the children of an existing node.
	Children(path string) []string
	// Sequence is the number that the next sequential child of a node gets.
	Sequence(path string) int64
}

// Change is the final state of one node that the operations touched.
type Change struct {
	Path string
	// Existed says that the node was there before all operations, Exists that it is there after them.
	Existed, Exists bool
	// Made says that the node that exists now was created by one of the operations; with Existed it takes the place of one deleted.
	Made bool
	// Written says that the data were replaced.
	Written bool
	Data    []byte
	// Version is the one after the operations; CreateID is not known (0) where Made.
	Version  int32
	CreateID int64
	// Owner is the session an ephemeral node dies with, 0 for a persistent one.
	Owner int64
}

// Effective says that there is something to do: a node to write or to remove.
func (c *Change) Effective() bool { return c.Written || (c.Existed && !c.Exists) }

// CameOrWent says that the parent's children are others than before.
func (c *Change) CameOrWent() bool { return c.Existed != c.Exists || (c.Made && c.Existed) }

// Plan is what the operations do.
type Plan struct {
	// Changes has each node that was asked for or touched once, in that order; many are unchanged (Effective).
	Changes []*Change
	// Sequences are the next numbers of the parents that gave some out.
	Sequences map[string]int64
	// Results answer the operations. Their Stat has Version and EphemeralOwner; the store adds the positions by the Change.
	Results []coord.Result

	view   View
	byPath map[string]*Change
	// came and went hold what the operations changed in lists of children.
	came map[string]map[string]struct{}
	went map[string]map[string]struct{}
}

// Make evaluates operations. A refusal is a *coord.MultiError.
func Make(view View, ops []coord.Op) (*Plan, error) {
	p := &Plan{
		Sequences: make(map[string]int64),
		Results:   make([]coord.Result, len(ops)),
		view:      view,
		byPath:    make(map[string]*Change, len(ops)),
		came:      make(map[string]map[string]struct{}),
		went:      make(map[string]map[string]struct{}),
	}
	for i, op := range ops {
		result, err := p.step(op)
		if err != nil {
			return nil, &coord.MultiError{Index: i, Err: err}
		}
		p.Results[i] = result
	}
	return p, nil
}

// Of is the change of one path, nil where no operation touched it.
func (p *Plan) Of(path string) *Change { return p.byPath[path] }

func (p *Plan) step(op coord.Op) (coord.Result, error) {
	switch op := op.(type) {
	case coord.Create:
		return p.create(op)
	case coord.Set:
		return p.set(op)
	case coord.Delete:
		return coord.Result{}, p.delete(op)
	case coord.Check:
		_, err := p.at(op.Path, op.Version, op.CreateID)
		return coord.Result{}, err
	}
	panic(fmt.Sprintf("coord: unknown operation %T", op))
}

// node is the state of a path as the operations so far left it.
func (p *Plan) node(path string) *Change {
	if c := p.byPath[path]; c != nil {
		return c
	}
	c := &Change{Path: path}
	if path == "/" {
		c.Existed, c.Exists = true, true
	} else if parent, _ := coord.Split(path); p.madeHere(parent) {
		// Below a node that was not there before, nothing was: the store need not be asked.
	} else if facts, ok := p.view.Node(path); ok {
		c.Existed, c.Exists = true, true
		c.Version, c.CreateID, c.Owner = facts.Version, facts.CreateID, facts.EphemeralOwner
	}
	p.byPath[path] = c
	p.Changes = append(p.Changes, c)
	return c
}

func (p *Plan) madeHere(path string) bool {
	c := p.byPath[path]
	return c != nil && c.Exists && !c.Existed
}

// at finds a node that exists at a version, and was created at createID (any with 0).
func (p *Plan) at(path string, version int32, createID int64) (*Change, error) {
	if err := coord.CheckPath(path); err != nil {
		return nil, err
	}
	c := p.node(path)
	if !c.Exists {
		return nil, fmt.Errorf("%w: %s", coord.ErrNoNode, path)
	}
	if version != coord.AnyVersion && version != c.Version {
		return nil, fmt.Errorf("%w: %s has %d, not %d", coord.ErrBadVersion, path, c.Version, version)
	}
	if createID != 0 && (c.Made || createID != c.CreateID) {
		return nil, fmt.Errorf("%w: %s is not the node that was made at %d", coord.ErrBadVersion, path, createID)
	}
	return c, nil
}

func (p *Plan) create(op coord.Create) (coord.Result, error) {
	path := op.Path
	if op.Sequential {
		path += "0" // stands for the number, whose parent must be found first
	}
	if err := coord.CheckPath(path); err != nil {
		return coord.Result{}, err
	}
	if path == "/" {
		return coord.Result{}, fmt.Errorf("%w: /", coord.ErrNodeExists)
	}
	parentPath, _ := coord.Split(path)
	parent := p.node(parentPath)
	if !parent.Exists {
		return coord.Result{}, fmt.Errorf("%w: %s, the parent of %s", coord.ErrNoNode, parentPath, op.Path)
	}
	if parent.Owner != 0 {
		return coord.Result{}, fmt.Errorf("%w: %s", coord.ErrEphemeralParent, parentPath)
	}
	path = op.Path
	if op.Sequential {
		path = p.next(op.Path, parentPath)
	}
	c := p.node(path)
	if c.Exists {
		return coord.Result{}, fmt.Errorf("%w: %s", coord.ErrNodeExists, path)
	}
	c.Exists, c.Made, c.Written = true, true, true
	c.Data, c.Version, c.CreateID, c.Owner = op.Data, 0, 0, 0
	if op.Session != nil {
		c.Owner = op.Session.ID()
	}
	p.moved(path, p.came, p.went)
	return coord.Result{Path: path, Stat: coord.Stat{EphemeralOwner: c.Owner}}, nil
}

// next gives out the parent's next number.
func (p *Plan) next(path, parent string) string {
	number, ok := p.Sequences[parent]
	if !ok {
		number = p.view.Sequence(parent)
	}
	p.Sequences[parent] = number + 1
	return fmt.Sprintf(coord.SequenceFormat, path, number)
}

func (p *Plan) set(op coord.Set) (coord.Result, error) {
	if op.Path == "/" {
		return coord.Result{}, fmt.Errorf("%w: the root has no data", coord.ErrBadPath)
	}
	c, err := p.at(op.Path, op.Version, 0)
	if err != nil {
		return coord.Result{}, err
	}
	if c.Version == math.MaxInt32 {
		c.Version = 0 // -1 must never come up: it stands for any version
	} else {
		c.Version++
	}
	c.Data, c.Written = op.Data, true
	stat := coord.Stat{Version: c.Version, CreateID: c.CreateID, EphemeralOwner: c.Owner}
	return coord.Result{Path: op.Path, Stat: stat}, nil
}

func (p *Plan) delete(op coord.Delete) error {
	if op.Path == "/" {
		return fmt.Errorf("%w: the root cannot be deleted", coord.ErrBadPath)
	}
	c, err := p.at(op.Path, op.Version, op.CreateID)
	if err != nil {
		return err
	}
	if p.hasChildren(c) {
		return fmt.Errorf("%w: %s", coord.ErrNotEmpty, op.Path)
	}
	c.Exists, c.Made, c.Written, c.Data = false, false, false, nil
	delete(p.Sequences, op.Path)
	p.moved(op.Path, p.went, p.came)
	return nil
}

func (p *Plan) hasChildren(c *Change) bool {
	if len(p.came[c.Path]) > 0 {
		return true
	}
	if !c.Existed || c.Made {
		return false
	}
	for _, name := range p.view.Children(c.Path) {
		if _, gone := p.went[c.Path][name]; !gone {
			return true
		}
	}
	return false
}

// moved notes a child under one of the two lists, and takes it off the other.
func (p *Plan) moved(path string, onto, off map[string]map[string]struct{}) {
	parent, name := coord.Split(path)
	if onto[parent] == nil {
		onto[parent] = make(map[string]struct{})
	}
	onto[parent][name] = struct{}{}
	delete(off[parent], name)
}
