package logdir

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"milena/internal/vfs"
)

const partitionMetadataFile = "partition.metadata"

// encodeTopicID writes partition.metadata:
//
//	version: 0
//	topic_id: 5vGIVRCvSKS4qP8jRGxbPg      base64url without padding
func encodeTopicID(id [16]byte) []byte {
	return []byte("version: 0\ntopic_id: " + base64.RawURLEncoding.EncodeToString(id[:]))
}

func decodeTopicID(data []byte) (id [16]byte, err error) {
	version, found := false, false
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "version":
			version = value == "0"
		case "topic_id":
			raw, err := base64.RawURLEncoding.DecodeString(value)
			if err != nil || len(raw) != len(id) {
				return id, fmt.Errorf("topic_id %q is not 16 bytes in base64", value)
			}
			copy(id[:], raw)
			found = true
		}
	}
	if !version || !found {
		return [16]byte{}, errors.New("no version 0 or no topic_id in it")
	}
	return id, nil
}

// readTopicID gives the zero id where the file is missing, empty or full of zeros: the machine stopped before it was synced.
func readTopicID(fsys vfs.FS, dir string) ([16]byte, error) {
	data, err := vfs.ReadFile(fsys, path.Join(dir, partitionMetadataFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.Trim(data, "\x00")) == 0 {
		return [16]byte{}, nil
	}
	if err != nil {
		return [16]byte{}, err
	}
	id, err := decodeTopicID(data)
	if err != nil {
		return id, fmt.Errorf("%s: %w: remove the file, and the topic's id is written there anew", path.Join(dir, partitionMetadataFile), err)
	}
	return id, nil
}

// writeTopicID puts the file in place without syncing it: thousands of partitions are created at once. The first sync of records does, or the
// checkpoint schedule.
func writeTopicID(fsys vfs.FS, dir string, id [16]byte) error {
	name := path.Join(dir, partitionMetadataFile)
	f, err := fsys.Create(name + vfs.TempSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(encodeTopicID(id), 0)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return fsys.Rename(name+vfs.TempSuffix, name)
}

// syncTopicID syncs the file in a log's directory, if there is one.
func (d *Dir) syncTopicID(dir string) error {
	f, err := d.env.FS.OpenReadWrite(path.Join(dir, partitionMetadataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
