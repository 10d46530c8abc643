package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/etcdcoord"
)

// coordinationDir holds the embedded etcd. It lies in the directory that Kafka keeps for a controller's metadata, which every Kafka since 2.8
// passes over when it loads its logs: so data and identity stay in one directory that Kafka can be started on again.
const coordinationDir = "__cluster_metadata-0/etcd"

func etcdDir(cfg *config.Broker) (string, error) {
	return filepath.Abs(filepath.Join(cfg.LogDirs[0], coordinationDir))
}

// openStore opens the coordination store that the configuration names; closing what it returns ends an embedded server too.
func openStore(ctx context.Context, cfg *config.Broker, o *Options) (coord.Store, error) {
	log := o.Logger
	if len(cfg.ZooKeeper.Servers) > 0 {
		return openZooKeeper(ctx, &cfg.ZooKeeper, o.FS, log)
	}
	if len(cfg.Etcd.Endpoints) > 0 {
		return openEtcd(ctx, &cfg.Etcd, o)
	}
	secured, err := controllerTLS(cfg, o)
	if err != nil {
		return nil, err
	}
	if cfg.KRaft && !cfg.ControllerRole {
		return etcdcoord.OpenQuorum(ctx, quorumOf(cfg, secured), log)
	}
	dir, err := etcdDir(cfg)
	if err != nil {
		return nil, err
	}
	quorum, err := openQuorum(ctx, o.Net, cfg, secured)
	if err != nil {
		return nil, err
	}
	return etcdcoord.StartEmbedded(ctx, etcdcoord.EmbeddedOptions{Dir: dir, Quorum: quorum, Logger: log})
}

// openEtcd reaches an external etcd.
func openEtcd(ctx context.Context, e *config.Etcd, o *Options) (coord.Store, error) {
	secured, err := e.TLS(o.FS, o.Logger)
	if err != nil {
		return nil, err
	}
	return etcdcoord.Open(ctx, etcdcoord.Options{
		Endpoints: e.Endpoints, TLS: secured, Username: e.User, Password: e.Password, Prefix: e.Prefix, Logger: o.Logger,
	})
}

// identify settles the cluster's id, the store's if it has one, and claims the data directories for it. A store without an id is that of a new
// cluster: the directories' id, the configured one or a new one is put there, last of all, so that a start that was interrupted is done again.
func (b *Broker) identify(ctx context.Context) (string, error) {
	cfg := b.live.Broker()
	id, err := b.store.ClusterID(ctx)
	isNew := errors.Is(err, coord.ErrNoNode)
	if err != nil && !isNew {
		return "", fmt.Errorf("reading the cluster's id from the coordination store: %w", err)
	}
	if isNew {
		if id, isNew, err = b.newIdentity(ctx); err != nil {
			return "", err
		}
	}
	if cfg.ClusterID != "" && cfg.ClusterID != id {
		return "", fmt.Errorf("milena.cluster.id is %s, but this cluster's id is %s: remove the setting, or start on other log directories",
			cfg.ClusterID, id)
	}
	if err := b.dirs.Claim(id, cfg.BrokerID); err != nil || !isNew {
		return id, err
	}
	if err := b.adopt(ctx); err != nil {
		return "", err
	}
	agreed, err := b.store.CreateOrGetClusterID(ctx, id)
	if err == nil && agreed != id {
		err = fmt.Errorf("another broker has just made this cluster, with the id %s: start again", agreed)
	}
	return id, err
}

// newIdentity gives a new cluster's id. Of brokers that start together on empty directories the first one to write an id gives it to all of
// them; isNew is false then, for there is nothing to adopt.
func (b *Broker) newIdentity(ctx context.Context) (id string, isNew bool, err error) {
	cfg := b.live.Broker()
	if id, _ = b.dirs.Identity(); id != "" {
		return id, true, nil
	}
	id = cmp.Or(cfg.ClusterID, newClusterID())
	found, err := b.dirs.Inventory()
	if err != nil || len(found) > 0 {
		return id, true, err
	}
	id, err = b.store.CreateOrGetClusterID(ctx, id)
	return id, false, err
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
