package clusterstore

import (
	"context"
	"errors"

	"milena/internal/coord"
)

// children lists names; none where the node is missing.
func (s *Store) children(ctx context.Context, path string) ([]string, error) {
	names, err := s.coord.Children(ctx, path)
	if errors.Is(err, coord.ErrNoNode) {
		return nil, nil
	}
	return names, err
}

func (s *Store) exists(ctx context.Context, path string) (bool, error) {
	_, err := s.coord.Get(ctx, path)
	if errors.Is(err, coord.ErrNoNode) {
		return false, nil
	}
	return err == nil, err
}

// bulkReader is what a store may offer beside coord.Store: all nodes exactly so many levels below a path in one read, by full path.
type bulkReader interface {
	ListBelow(ctx context.Context, path string, levels int) (map[string]coord.Node, error)
}
