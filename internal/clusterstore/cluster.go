package clusterstore

import (
	"context"
	"errors"

	"milena/internal/coord"
)

// /cluster/id: {"version":"1","id":"l6W2jtl3SNGraowJYmjyVQ"}
type clusterIDJSON struct {
	Version flexibleString `json:"version"`
	ID      string         `json:"id"`
}

// ClusterID reads the cluster's id; coord.ErrNoNode where none has been set.
func (s *Store) ClusterID(ctx context.Context) (string, error) {
	node, err := s.coord.Get(ctx, ClusterIDPath)
	if err != nil {
		return "", err
	}
	return decodeClusterID(node.Data)
}

func decodeClusterID(data []byte) (string, error) {
	var j clusterIDJSON
	if err := decode(ClusterIDPath, data, &j); err != nil {
		return "", err
	}
	if j.ID == "" {
		return "", corrupt(ClusterIDPath, "no id")
	}
	return j.ID, nil
}

// CreateOrGetClusterID sets the cluster's id to the one proposed where it has none, and returns the one in force.
func (s *Store) CreateOrGetClusterID(ctx context.Context, proposed string) (string, error) {
	id, err := s.ClusterID(ctx)
	if !errors.Is(err, coord.ErrNoNode) {
		return id, err
	}
	_, err = s.coord.Create(ctx, coord.Create{Path: ClusterIDPath, Data: encode(clusterIDJSON{Version: "1", ID: proposed})})
	if err == nil {
		return proposed, nil
	}
	if errors.Is(err, coord.ErrNodeExists) {
		return s.ClusterID(ctx)
	}
	return "", err
}

// /feature: {"features":{},"version":2,"status":1}
type featureJSON struct {
	Features map[string]any `json:"features"`
	Version  int            `json:"version"`
	Status   int            `json:"status"`
}

// EnsureFeature makes /feature as a Kafka 3.9 controller without finalized features does.
func (s *Store) EnsureFeature(ctx context.Context) error {
	body := encode(featureJSON{Features: map[string]any{}, Version: 2, Status: 1})
	_, err := s.coord.Create(ctx, coord.Create{Path: FeaturePath, Data: body})
	if errors.Is(err, coord.ErrNodeExists) {
		return nil
	}
	return err
}
