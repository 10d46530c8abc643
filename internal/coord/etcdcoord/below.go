package etcdcoord

import (
	"context"
	"fmt"

	"milena/internal/coord"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// ListBelow reads all nodes exactly so many levels (from 1) below a path in one range, at one revision, by full path: with levels 4 the states
// of all partitions below /brokers/topics. None where the path is missing.
func (s *Store) ListBelow(ctx context.Context, path string, levels int) (map[string]coord.Node, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at := path
	if path == "/" {
		at = ""
	}
	base := fmt.Sprintf("%s/%02d%s", s.keys.prefix, depth(path)+levels, at)
	response, err := s.client.Get(ctx, base+"/", clientv3.WithRange(base+afterSlash))
	if err != nil {
		return nil, s.mapError(err)
	}
	nodes := make(map[string]coord.Node, len(response.Kvs))
	for _, kv := range response.Kvs {
		if below, ok := s.keys.path(string(kv.Key)); ok {
			nodes[below] = nodeOf(kv)
		}
	}
	return nodes, nil
}
