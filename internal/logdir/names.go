package logdir

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// kind is what a directory in a data directory holds, by the end of its name.
type kind int

const (
	kindLive kind = iota
	kindDelete
	kindFuture
	kindStray
)

var suffixes = map[kind]string{kindDelete: "-delete", kindFuture: "-future", kindStray: "-stray"}

const maxNameBytes = 255

// dirName is the name of a partition's log: "topic-partition".
func dirName(tp TopicPartition) string { return tp.Topic + "-" + strconv.Itoa(int(tp.Partition)) }

// markedName is the name of a log that is set aside: "topic-partition.uuid-suffix", the topic cut where the name would be too long.
func markedName(tp TopicPartition, k kind) string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	end := "-" + strconv.Itoa(int(tp.Partition)) + "." + hex.EncodeToString(id[:]) + suffixes[k]
	return tp.Topic[:min(len(tp.Topic), maxNameBytes-len(end))] + end
}

// parseName reads the name of a directory as Kafka does.
func parseName(name string) (TopicPartition, kind, error) {
	k, rest := kindLive, name
	for _, candidate := range []kind{kindDelete, kindFuture, kindStray} {
		if cut, ok := strings.CutSuffix(name, suffixes[candidate]); ok {
			dot := strings.LastIndexByte(cut, '.')
			if dot < 0 || dot == len(cut)-1 {
				return TopicPartition{}, 0, nameError(name)
			}
			k, rest = candidate, cut[:dot]
		}
	}
	dash := strings.LastIndexByte(rest, '-')
	if dash <= 0 {
		return TopicPartition{}, 0, nameError(name)
	}
	partition, err := strconv.ParseInt(rest[dash+1:], 10, 32)
	if err != nil || partition < 0 {
		return TopicPartition{}, 0, nameError(name)
	}
	return TopicPartition{Topic: rest[:dash], Partition: int32(partition)}, k, nil
}

func nameError(name string) error {
	return fmt.Errorf("'%s' is not in the form of topic-partition or topic-partition.uniqueId-delete (if marked for deletion); "+
		"a log directory should only contain topic data: move it elsewhere", name)
}

// foreign tells which names in a data directory are not ours to judge: hidden ones, what ext4 puts on a fresh volume, and the
// directories of Kafka's controller and tiered storage.
func foreign(name string) bool {
	return strings.HasPrefix(name, ".") || name == "lost+found" || name == "remote-log-index-cache" || name == "__cluster_metadata-0"
}
