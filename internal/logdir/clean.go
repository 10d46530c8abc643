package logdir

import (
	"encoding/json"
	"errors"
	"io/fs"

	"milena/internal/vfs"
)

const cleanShutdownFile = ".kafka_cleanshutdown"

// cleanShutdown is the marker's body since Kafka 3.7; before that the file was empty.
//
//	{"version":0,"brokerEpoch":42}
type cleanShutdown struct {
	Version     int    `json:"version"`
	BrokerEpoch *int64 `json:"brokerEpoch"`
}

// isCleanShutdown tells whether the directory was shut down cleanly; brokerEpoch is -1 where the marker does not say.
func isCleanShutdown(fsys vfs.FS, dir string) (clean bool, brokerEpoch int64, err error) {
	data, err := vfs.ReadFile(fsys, dir+"/"+cleanShutdownFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, -1, nil
	}
	if err != nil {
		return false, -1, err
	}
	brokerEpoch = -1
	var body cleanShutdown
	if json.Unmarshal(data, &body) == nil && body.BrokerEpoch != nil {
		brokerEpoch = *body.BrokerEpoch
	}
	return true, brokerEpoch, nil
}

// takeCleanShutdown removes the marker before anything is opened: should this start be cut short, the next one must not believe it.
func takeCleanShutdown(fsys vfs.FS, dir string) error {
	if err := fsys.Remove(dir + "/" + cleanShutdownFile); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

func writeCleanShutdown(fsys vfs.FS, dir string, brokerEpoch int64) error {
	data, err := json.Marshal(cleanShutdown{BrokerEpoch: &brokerEpoch})
	if err != nil {
		return err
	}
	return vfs.WriteFileAtomic(fsys, dir+"/"+cleanShutdownFile, data)
}
