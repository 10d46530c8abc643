// Package clusterstore is typed facts over coord: every path and every JSON body of Kafka 3.9's tree, one file for each subject.
// It reads what any Kafka since 1.0 wrote and writes what Kafka 3.9 writes. It imports coord. It holds no locks: each call is one
// or more operations of the store, and what must be atomic is one Multi.
package clusterstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"milena/internal/coord"
)

// Store reads and writes Kafka's tree.
type Store struct {
	coord  coord.Store
	maxOps atomic.Int32 // operations that one Multi may have, as far as is known
}

// New wraps a store.
func New(s coord.Store) *Store {
	store := &Store{coord: s}
	store.maxOps.Store(maxMultiOps)
	return store
}

// Coord is the store underneath: for watches and sessions.
func (s *Store) Coord() coord.Store { return s.coord }

// ErrCorrupt is wrapped by errors that tell of a node whose body is not what Kafka writes there; they name the path.
var ErrCorrupt = errors.New("clusterstore: body not understood")

// encode gives Kafka's JSON: compact, without HTML escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("clusterstore: encoding %T: %v", v, err)) // the types of this package always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func decode(path string, data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrCorrupt, path, err)
	}
	return nil
}

func corrupt(path, what string) error { return fmt.Errorf("%w: %s: %s", ErrCorrupt, path, what) }

// One Multi has at most maxMultiOps operations, and fewer where the store refuses that: an external etcd takes 128 until told otherwise.
const (
	maxMultiOps = 1000
	minMultiOps = 16
)

// lowerLimit takes note that the store refused a Multi for its size; false where it cannot go lower.
func (s *Store) lowerLimit(err error) bool {
	now := s.maxOps.Load()
	if !errors.Is(err, coord.ErrTooLarge) || now <= minMultiOps {
		return false
	}
	s.maxOps.Store(max(minMultiOps, now/2))
	return true
}

// multi runs many independent operations in as few Multis as the limit allows, each with the guards in front. steps are
// never cut apart.
func (s *Store) multi(ctx context.Context, guards []coord.Op, steps [][]coord.Op) error {
	for len(steps) > 0 {
		limit := int(s.maxOps.Load())
		batch, taken := slices.Clone(guards), 0
		for taken < len(steps) && (taken == 0 || len(batch)+len(steps[taken]) <= limit) {
			batch = append(batch, steps[taken]...)
			taken++
		}
		_, err := s.coord.Multi(ctx, batch...)
		if err != nil && taken > 1 && s.lowerLimit(err) {
			continue
		}
		if err != nil {
			return err
		}
		steps = steps[taken:]
	}
	return nil
}
