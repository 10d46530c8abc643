package commitlog

import (
	"errors"
	"io/fs"
	"path"

	"milena/internal/vfs"
)

// ReadLatestEpoch reads the last leader epoch that the log in a directory has noted, without opening the log; -1 where it has noted none.
func ReadLatestEpoch(fsys vfs.FS, dir string) (int32, error) {
	data, err := vfs.ReadFile(fsys, path.Join(dir, epochFile))
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	list, err := decodeEpochs(data)
	if err != nil || len(list) == 0 {
		return -1, err
	}
	return list[len(list)-1].epoch, nil
}
