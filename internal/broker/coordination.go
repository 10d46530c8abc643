package broker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/etcdcoord"
)

// coordinationDir holds the embedded etcd. It lies in the directory that Kafka keeps for a controller's metadata, which every Kafka since 2.8
// passes over when it loads its logs: so data and identity stay in one directory that Kafka can be started on again.
const coordinationDir = "__cluster_metadata-0/etcd"

// openStore opens the coordination store that the configuration names; closing what it returns ends an embedded server too.
func openStore(ctx context.Context, cfg *config.Broker, log *slog.Logger) (coord.Store, error) {
	if len(cfg.EtcdEndpoints) > 0 {
		return etcdcoord.Open(ctx, etcdcoord.Options{Endpoints: cfg.EtcdEndpoints, Logger: log})
	}
	dir, err := filepath.Abs(filepath.Join(cfg.LogDirs[0], coordinationDir))
	if err != nil {
		return nil, err
	}
	return etcdcoord.StartEmbedded(ctx, etcdcoord.EmbeddedOptions{Dir: dir, Logger: log})
}

// clusterID agrees on the cluster's id: the store's, else the one that the directories or the configuration give, else a new one.
func clusterID(ctx context.Context, store *clusterstore.Store, fromDirs, configured string) (string, error) {
	proposed := fromDirs
	if proposed == "" {
		proposed = configured
	}
	if proposed == "" {
		proposed = newClusterID()
	}
	id, err := store.CreateOrGetClusterID(ctx, proposed)
	if err != nil {
		return "", fmt.Errorf("reading the cluster's id from the coordination store: %w", err)
	}
	if configured != "" && configured != id {
		return "", fmt.Errorf("milena.cluster.id is %s, but this cluster's id is %s: remove the setting, or start on other log directories", configured, id)
	}
	return id, nil
}

// newClusterID draws an id as Kafka does: 16 random bytes in base64url that do not begin with a dash.
func newClusterID() string {
	for {
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			panic(err) // crypto/rand does not fail
		}
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text
		}
	}
}

// errStoreEnded stops a broker whose embedded store has ended by itself.
var errStoreEnded = errors.New("the embedded coordination store has stopped: its disk failed or is full")
