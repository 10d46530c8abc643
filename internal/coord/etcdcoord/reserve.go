package etcdcoord

import (
	"os"
	"path/filepath"
	"time"
)

// etcd ends its process when it cannot write, so a volume filled up by logs would take the broker with it, and not let it
// start again to delete anything. Its write-ahead log is allocated ahead (walSegmentBytes, two files); its database is a
// file with holes, so room is set aside for it here: for all of its length, and at least for reserveBytes beyond what it
// uses, looked after every reserveInterval.
const (
	reserveBytes    = 8 << 20
	reserveInterval = 30 * time.Second
)

// databaseFile is where etcd has its database.
func databaseFile(dir string) string { return filepath.Join(dir, "member", "snap", "db") }

// walDir is where its log is.
func walDir(dir string) string { return filepath.Join(dir, "member", "wal") }

// setAside makes the reserve what it should be. On a full volume there is no room to be had; then the old reserve lasts.
func (e *Embedded) setAside(dir string) {
	name := databaseFile(dir)
	info, err := os.Stat(name)
	if err == nil {
		want := max(info.Size(), e.etcd.Server.Backend().SizeInUse()+reserveBytes)
		if want <= e.reserved {
			return
		}
		if err = reserve(name, want); err == nil {
			e.reserved = want
		}
	}
	if err != nil {
		e.logger.Debug("no room is set aside for the coordination store", "error", err)
	}
}

// keepReserve looks after the reserve until the store is closed.
func (e *Embedded) keepReserve(dir string) {
	ticker := time.NewTicker(reserveInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			e.setAside(dir)
		case <-e.run.Done():
			return
		}
	}
}
