// Package clusterstore is typed facts over coord: every path and every JSON body of Kafka 3.9's tree, one file for each subject.
// It imports coord.
package clusterstore

import "milena/internal/coord"

// Store reads and writes Kafka's tree.
type Store struct{ coord coord.Store }

// New wraps a store.
func New(s coord.Store) *Store { return &Store{coord: s} }
