package logdir

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"milena/internal/vfs"
)

const metaFile = "meta.properties"

// Meta is the identity of a data directory.
type Meta struct {
	// Version is 0 (broker.id, as Kafka with ZooKeeper writes it) or 1 (node.id and directory.id, KRaft).
	Version   int
	ClusterID string // "" where the file has none
	BrokerID  int32  // -1 where the file has none
	// DirectoryID names the directory itself (version 1), "" for none.
	DirectoryID string
	// others are keys that a later version added; they are kept.
	others map[string]string
}

// IdentityError is a directory that belongs to another cluster or broker, in Kafka's words and with what to do.
type IdentityError struct{ message string }

func (e *IdentityError) Error() string { return e.message }

// encodeMeta writes meta.properties, in Java's properties format:
//
//	#
//	version=0                     version=1
//	broker.id=1                   node.id=1
//	cluster.id=Mk3_...            cluster.id=Mk3_...
//	                              directory.id=q0b...
func encodeMeta(m Meta) []byte {
	var b strings.Builder
	b.WriteString("#\n")
	put := func(key, value string) {
		fmt.Fprintf(&b, "%s=%s\n", key, strings.NewReplacer(`\`, `\\`, "=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`).Replace(value))
	}
	put("version", strconv.Itoa(m.Version))
	if m.Version == 0 {
		put("broker.id", strconv.Itoa(int(m.BrokerID)))
	} else {
		put("node.id", strconv.Itoa(int(m.BrokerID)))
	}
	put("cluster.id", m.ClusterID)
	if m.DirectoryID != "" {
		put("directory.id", m.DirectoryID)
	}
	for _, key := range slices.Sorted(maps.Keys(m.others)) {
		put(key, m.others[key])
	}
	return []byte(b.String())
}

func decodeMeta(data []byte) (Meta, error) {
	m := Meta{BrokerID: -1, others: map[string]string{}}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), unescape(strings.TrimSpace(value))
		var err error
		switch key {
		case "version":
			m.Version, err = strconv.Atoi(value)
			if err == nil && m.Version != 0 && m.Version != 1 {
				err = errors.New("not 0 or 1")
			}
		case "broker.id", "node.id":
			var id int64
			id, err = strconv.ParseInt(value, 10, 32)
			m.BrokerID = int32(id)
		case "cluster.id":
			m.ClusterID = value
		case "directory.id":
			m.DirectoryID = value
		default:
			m.others[key] = value
		}
		if err != nil {
			return m, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	return m, nil
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// readMeta gives nil where there is no file.
func readMeta(fsys vfs.FS, dir string) (*Meta, error) {
	data, err := vfs.ReadFile(fsys, dir+"/"+metaFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := decodeMeta(data)
	if err != nil {
		return nil, &IdentityError{fmt.Sprintf("%s/%s cannot be understood (%v). Restore it, or remove all data of this directory.", dir, metaFile, err)}
	}
	return &m, nil
}

// verify refuses a directory of another cluster or broker.
func (m *Meta) verify(dir, clusterID string, brokerID int32) error {
	file := dir + "/" + metaFile
	if m.ClusterID != "" && m.ClusterID != clusterID {
		return &IdentityError{fmt.Sprintf("Invalid cluster.id in: %s. Expected %s, but read %s. The directory belongs to another cluster: "+
			"if this broker should join that one, correct where it looks for its cluster (zookeeper.connect or the coordination settings); if the "+
			"data is not needed, remove all of %s.", file, clusterID, m.ClusterID, dir)}
	}
	if m.BrokerID >= 0 && m.BrokerID != brokerID {
		return &IdentityError{fmt.Sprintf("Stored node id %d doesn't match previous node id %d in %s. If you moved your data, make sure your "+
			"configured node id (broker.id or node.id) matches. If you intend to create a new node, you should remove all data in your data "+
			"directories.", m.BrokerID, brokerID, file)}
	}
	return nil
}
