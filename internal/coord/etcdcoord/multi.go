package etcdcoord

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"milena/internal/coord"
	"milena/internal/coord/plan"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Create makes a node.
func (s *Store) Create(ctx context.Context, op coord.Create) (string, error) {
	result, err := coord.One(ctx, s, op)
	return result.Path, err
}

// Set replaces data.
func (s *Store) Set(ctx context.Context, path string, data []byte, version int32) (coord.Stat, error) {
	result, err := coord.One(ctx, s, coord.Set{Path: path, Data: data, Version: version})
	return result.Stat, err
}

// Delete removes a node.
func (s *Store) Delete(ctx context.Context, path string, version int32) error {
	_, err := coord.One(ctx, s, coord.Delete{Path: path, Version: version})
	return err
}

// Multi does all operations or none.
func (s *Store) Multi(ctx context.Context, ops ...coord.Op) ([]coord.Result, error) {
	if s.isClosed() {
		return nil, coord.ErrClosed
	}
	if err := checkSessions(ops); err != nil || len(ops) == 0 {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	for {
		view, err := s.read(ctx, ops)
		if err != nil {
			return nil, s.mapError(err)
		}
		p, err := plan.Make(view, ops)
		if err != nil {
			return nil, err
		}
		response, err := s.client.Txn(ctx).If(view.unchanged()...).Then(s.writes(view, p)...).Commit()
		if err != nil {
			return nil, blame(s.mapError(err), ops)
		}
		if response.Succeeded {
			return results(p, ops, response.Header.Revision), nil
		}
		// Someone else changed what we read, so the whole of the work of all goes on.
	}
}

func checkSessions(ops []coord.Op) error {
	for i, op := range ops {
		create, ok := op.(coord.Create)
		if !ok || create.Session == nil {
			continue
		}
		if n, ok := create.Session.(*session); ok && n.isOver() {
			return &coord.MultiError{Index: i, Err: fmt.Errorf("%w: %d", coord.ErrSessionExpired, n.ID())}
		}
	}
	return nil
}

// blame finds the operation for a session that the server no longer knows.
func blame(err error, ops []coord.Op) error {
	if !errors.Is(err, coord.ErrSessionExpired) {
		return err
	}
	for i, op := range ops {
		if create, ok := op.(coord.Create); ok && create.Session != nil {
			return &coord.MultiError{Index: i, Err: err}
		}
	}
	return err
}

// writes are the operations of the transaction. No key comes twice: etcd forbids it.
func (s *Store) writes(view *view, p *plan.Plan) []clientv3.Op {
	var ops []clientv3.Op
	for _, change := range p.Changes {
		if !change.Effective() {
			continue
		}
		key := s.keys.node(change.Path)
		if !change.Exists {
			ops = append(ops, clientv3.OpDelete(key))
			if _, again := p.Sequences[change.Path]; !again && view.sequences[change.Path] != nil {
				ops = append(ops, clientv3.OpDelete(s.keys.sequence(change.Path)))
			}
			continue
		}
		lease := clientv3.WithIgnoreLease()
		if change.Made {
			lease = clientv3.WithLease(clientv3.LeaseID(change.Owner))
		}
		ops = append(ops, clientv3.OpPut(key, string(view.valueOf(change).encode()), lease))
	}
	for parent, next := range p.Sequences {
		ops = append(ops, clientv3.OpPut(s.keys.sequence(parent), strconv.FormatInt(next, 10)))
	}
	return ops
}

// valueOf is the value which gives the node the version and creation that the plan worked out.
func (v *view) valueOf(change *plan.Change) value {
	keyVersion, made := int64(1), int64(madeWithKey)
	if kv := v.nodes[change.Path]; kv != nil {
		keyVersion = kv.Version + 1
		if made = decodeValue(kv.Value).made; made == madeHere {
			made = kv.ModRevision
		}
		if change.Made {
			made = madeHere
		}
	}
	return value{base: keyVersion - int64(change.Version), made: made, data: bytes.Clone(change.Data)}
}

func results(p *plan.Plan, ops []coord.Op, revision int64) []coord.Result {
	for i, op := range ops {
		if _, ok := op.(coord.Set); ok {
			stat := &p.Results[i].Stat
			stat.ModID = revision
			if stat.CreateID == 0 {
				stat.CreateID = revision // made by the same multi
			}
		}
	}
	return p.Results
}
