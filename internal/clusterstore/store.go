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

	"milena/internal/coord"
)

// Store reads and writes Kafka's tree.
type Store struct{ coord coord.Store }

// New wraps a store.
func New(s coord.Store) *Store { return &Store{coord: s} }

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

// maxMultiOps bounds one Multi; etcd takes some thousands of operations when told, ZooKeeper a megabyte.
const maxMultiOps = 1000

// multi runs many independent operations in as few Multis as the limit allows, each with the guards in front. steps are
// never cut apart.
func (s *Store) multi(ctx context.Context, guards []coord.Op, steps [][]coord.Op) error {
	batch := slices.Clone(guards)
	flush := func() error {
		if len(batch) == len(guards) {
			return nil
		}
		_, err := s.coord.Multi(ctx, batch...)
		batch = slices.Clone(guards)
		return err
	}
	for _, step := range steps {
		if len(batch)+len(step) > maxMultiOps {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, step...)
	}
	return flush()
}
