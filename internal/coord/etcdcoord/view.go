package etcdcoord

import (
	"context"
	"sort"
	"strconv"

	"milena/internal/coord"
	"milena/internal/coord/plan"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// view is what was read of the tree for one attempt, and what of it the plan looked at.
type view struct {
	keys      keys
	nodes     map[string]*mvccpb.KeyValue // by path; nil where there is none
	sequences map[string]*mvccpb.KeyValue // by parent
	children  map[string][]string         // by parent, names in order; of a few at least
	// The plan's answer depends on these, and the transaction demands that they hold.
	usedNodes     map[string]struct{}
	usedChildren  map[string]struct{}
	usedSequences map[string]struct{}
}

// need is one thing to read.
type need struct {
	op   clientv3.Op
	take func(kvs []*mvccpb.KeyValue)
}

// read fetches all that the operations may depend on.
func (s *Store) read(ctx context.Context, ops []coord.Op) (*view, error) {
	v := &view{
		keys:          s.keys,
		nodes:         make(map[string]*mvccpb.KeyValue, 2*len(ops)),
		sequences:     make(map[string]*mvccpb.KeyValue),
		children:      make(map[string][]string),
		usedNodes:     make(map[string]struct{}, 2*len(ops)),
		usedChildren:  make(map[string]struct{}),
		usedSequences: make(map[string]struct{}),
	}
	needs := v.needs(ops)
	for len(needs) > 0 {
		part := needs[:min(len(needs), s.maxReadOps)]
		needs = needs[len(part):]
		gets := make([]clientv3.Op, len(part))
		for i := range part {
			gets[i] = part[i].op
		}
		response, err := s.readAll(ctx, gets...)
		if err != nil {
			return nil, err
		}
		for i := range part {
			part[i].take(rangeOf(response, i).Kvs)
		}
	}
	return v, nil
}

// needs leaves out malformed paths, which the plan refuses before it asks for them.
func (v *view) needs(ops []coord.Op) []need {
	var needs []need
	made := make(map[string]bool) // paths that an earlier operation creates
	deletes := 0
	for _, op := range ops {
		if _, ok := op.(coord.Delete); ok {
			deletes++
		}
	}
	for _, op := range ops {
		switch op := op.(type) {
		case coord.Create:
			path := op.Path
			if op.Sequential {
				path += "0"
			}
			if coord.CheckPath(path) != nil || path == "/" {
				continue
			}
			parent, _ := coord.Split(path)
			needs = v.needNode(needs, parent)
			if op.Sequential {
				needs = v.needSequence(needs, parent)
			} else if !made[parent] {
				needs = v.needNode(needs, path)
			}
			made[path] = !op.Sequential
		case coord.Set:
			needs = v.needNode(needs, op.Path)
		case coord.Check:
			needs = v.needNode(needs, op.Path)
		case coord.Delete:
			needs = v.needNode(needs, op.Path)
			needs = v.needSequence(needs, op.Path)
			needs = v.needChildren(needs, op.Path, deletes+1)
		}
	}
	return needs
}

func (v *view) needNode(needs []need, path string) []need {
	if _, ok := v.nodes[path]; ok || path == "/" || coord.CheckPath(path) != nil {
		return needs
	}
	v.nodes[path] = nil
	take := func(kvs []*mvccpb.KeyValue) {
		if len(kvs) > 0 {
			v.nodes[path] = kvs[0]
		}
	}
	return append(needs, need{op: clientv3.OpGet(v.keys.node(path)), take: take})
}

func (v *view) needSequence(needs []need, parent string) []need {
	if _, ok := v.sequences[parent]; ok || coord.CheckPath(parent) != nil {
		return needs
	}
	v.sequences[parent] = nil
	take := func(kvs []*mvccpb.KeyValue) {
		if len(kvs) > 0 {
			v.sequences[parent] = kvs[0]
		}
	}
	return append(needs, need{op: clientv3.OpGet(v.keys.sequence(parent)), take: take})
}

// needChildren reads one more name than all deletes together can take away: enough to tell that some are left.
func (v *view) needChildren(needs []need, path string, limit int) []need {
	if _, ok := v.children[path]; ok || path == "/" || coord.CheckPath(path) != nil {
		return needs
	}
	v.children[path] = nil
	first, end := v.keys.children(path)
	take := func(kvs []*mvccpb.KeyValue) {
		for _, kv := range kvs {
			v.children[path] = append(v.children[path], string(kv.Key[len(first):]))
		}
	}
	op := clientv3.OpGet(first, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(int64(limit)))
	return append(needs, need{op: op, take: take})
}

// Node is part of plan.View.
func (v *view) Node(path string) (plan.Facts, bool) {
	v.usedNodes[path] = struct{}{}
	kv := v.nodes[path]
	if kv == nil {
		return plan.Facts{}, false
	}
	stat := nodeOf(kv).Stat
	return plan.Facts{Version: stat.Version, CreateID: stat.CreateID, EphemeralOwner: stat.EphemeralOwner}, true
}

// Children is part of plan.View.
func (v *view) Children(path string) []string {
	v.usedChildren[path] = struct{}{}
	return v.children[path]
}

// Sequence is part of plan.View. A counter that someone else has spoilt starts again.
func (v *view) Sequence(path string) int64 {
	v.usedSequences[path] = struct{}{}
	kv := v.sequences[path]
	if kv == nil {
		return 0
	}
	number, err := strconv.ParseInt(string(kv.Value), 10, 64)
	if err != nil {
		return 0
	}
	return number
}

// unchanged are the conditions under which the plan holds.
func (v *view) unchanged() []clientv3.Cmp {
	compares := make([]clientv3.Cmp, 0, len(v.usedNodes)+len(v.usedChildren)+len(v.usedSequences))
	for _, path := range sortedPaths(v.usedNodes) {
		compares = append(compares, sameAs(v.keys.node(path), v.nodes[path]))
	}
	for _, path := range sortedPaths(v.usedSequences) {
		compares = append(compares, sameAs(v.keys.sequence(path), v.sequences[path]))
	}
	for _, path := range sortedPaths(v.usedChildren) {
		compares = append(compares, v.onlyKnownChildren(path)...)
	}
	return compares
}

func sameAs(key string, kv *mvccpb.KeyValue) clientv3.Cmp {
	if kv == nil {
		return clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
	}
	return clientv3.Compare(clientv3.ModRevision(key), "=", kv.ModRevision)
}

// onlyKnownChildren demands that there is nothing before, between and after the children that were read; they themselves
// are nodes the plan deletes. A comparison of a range holds where the range is empty, since an absent key was created at 0.
func (v *view) onlyKnownChildren(path string) []clientv3.Cmp {
	from, end := v.keys.children(path)
	prefix := from
	var compares []clientv3.Cmp
	for _, name := range v.children[path] {
		key := prefix + name
		if from != key {
			compares = append(compares, absent(from, key))
		}
		from = key + "\x00"
	}
	return append(compares, absent(from, end))
}

func absent(from, end string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(from).WithRange(end), "=", 0)
}

func sortedPaths(set map[string]struct{}) []string {
	paths := make([]string, 0, len(set))
	for path := range set {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}
