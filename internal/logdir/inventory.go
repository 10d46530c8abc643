package logdir

import (
	"path"

	"milena/internal/commitlog"
)

// Found is a log that lies in a data directory, not opened.
type Found struct {
	TopicPartition
	TopicID     [16]byte // zero where the directory does not tell
	LatestEpoch int32    // last leader epoch of the log, -1 where it has none
}

// Inventory lists the live logs of all usable directories without opening them.
func (d *Dirs) Inventory() ([]Found, error) {
	var all []Found
	for _, dir := range d.dirs {
		if dir.Offline() {
			continue
		}
		entries, err := d.options.FS.ReadDir(dir.path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsDir() || foreign(e.Name()) {
				continue
			}
			tp, kind, err := parseName(e.Name())
			if err != nil {
				return nil, err
			}
			if kind != kindLive {
				continue
			}
			name := path.Join(dir.path, e.Name())
			id, err := readTopicID(d.options.FS, name)
			if err != nil {
				return nil, err
			}
			epoch, err := commitlog.ReadLatestEpoch(d.options.FS, name)
			if err != nil {
				return nil, err
			}
			all = append(all, Found{TopicPartition: tp, TopicID: id, LatestEpoch: epoch})
		}
	}
	return all, nil
}
