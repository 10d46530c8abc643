package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// anyLogDir is a replica's directory that its broker may choose.
const anyLogDir = "any"

// replicaMove is one partition of a plan: where its replicas are to be.
type replicaMove struct {
	topicPartition
	replicas []int32
	logDirs  []string // one for each replica
}

// partitionReplica is one replica of a partition.
type partitionReplica struct {
	topicPartition
	broker int32
}

func (p partitionReplica) String() string { return fmt.Sprintf("%s-%d", p.topicPartition, p.broker) }

func comparePartitions(a, b topicPartition) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}

func compareReplicas(a, b partitionReplica) int {
	return cmp.Or(cmp.Compare(a.broker, b.broker), comparePartitions(a.topicPartition, b.topicPartition))
}

// reassignmentFile is the JSON of plans: what --reassignment-json-file takes and --generate prints.
type reassignmentFile struct {
	Version    *int              `json:"version"`
	Partitions []reassignmentRow `json:"partitions"`
}

type reassignmentRow struct {
	Topic     *string   `json:"topic"`
	Partition *int32    `json:"partition"`
	Replicas  *[]int32  `json:"replicas"`
	LogDirs   *[]string `json:"log_dirs"`
}

// parseReassignment reads a plan. A partition may stand in it twice: checkReassignment refuses that.
func parseReassignment(text []byte) ([]replicaMove, error) {
	var file reassignmentFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Version != nil && *file.Version != 1 {
		return nil, fmt.Errorf("Not supported version field value %d", *file.Version)
	}
	var plan []replicaMove
	for _, row := range file.Partitions {
		for name, missing := range map[string]bool{"topic": row.Topic == nil, "partition": row.Partition == nil, "replicas": row.Replicas == nil} {
			if missing {
				return nil, fmt.Errorf("No such field exists: `%s`", name)
			}
		}
		move := replicaMove{topicPartition: topicPartition{*row.Topic, *row.Partition}, replicas: *row.Replicas}
		if row.LogDirs != nil {
			move.logDirs = *row.LogDirs
		} else {
			move.logDirs = slices.Repeat([]string{anyLogDir}, len(move.replicas))
		}
		if len(move.logDirs) != len(move.replicas) {
			return nil, fmt.Errorf("Size of replicas list %s is different from size of log dirs list [%s] for partition %s",
				javaList(move.replicas), strings.Join(move.logDirs, ", "), move.topicPartition)
		}
		plan = append(plan, move)
	}
	return plan, nil
}

// checkReassignment refuses plans that cannot be meant.
func checkReassignment(plan []replicaMove) error {
	if len(plan) == 0 {
		return errors.New("Partition reassignment list cannot be empty")
	}
	var partitions []topicPartition
	var several []string
	for _, move := range plan {
		if len(move.replicas) == 0 {
			return errors.New("Partition replica list cannot be empty")
		}
		partitions = append(partitions, move.topicPartition)
		if twice := repeated(move.replicas); len(twice) > 0 {
			several = append(several, fmt.Sprintf("%s contains multiple entries for %s", move.topicPartition, commaList(twice)))
		}
	}
	if twice := repeated(partitions); len(twice) > 0 {
		return errors.New("Partition reassignment contains duplicate topic partitions: " + joined(twice))
	}
	if len(several) > 0 {
		return errors.New("Partition replica lists may not contain duplicate entries: " + strings.Join(several, ". "))
	}
	return nil
}

// repeated are the items that stand in the list more than once.
func repeated[T comparable](list []T) []T {
	counts := map[T]int{}
	var twice []T
	for _, item := range list {
		if counts[item]++; counts[item] == 2 {
			twice = append(twice, item)
		}
	}
	return twice
}

func joined[T fmt.Stringer](items []T) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = item.String()
	}
	return strings.Join(words, ",")
}

// partitionsOf are the partitions of a plan, sorted.
func partitionsOf(plan []replicaMove) []topicPartition {
	var partitions []topicPartition
	for _, move := range plan {
		partitions = append(partitions, move.topicPartition)
	}
	slices.SortFunc(partitions, comparePartitions)
	return slices.Compact(partitions)
}

// formatReassignment writes assignments as a plan that --reassignment-json-file takes. dirs says where replicas are; those it does not
// know are anywhere.
func formatReassignment(assigned map[topicPartition][]int32, dirs map[partitionReplica]string) string {
	one := 1
	file := reassignmentFile{Version: &one, Partitions: []reassignmentRow{}}
	for _, tp := range sortedPartitions(assigned) {
		replicas, logDirs := assigned[tp], []string{}
		for _, broker := range replicas {
			logDirs = append(logDirs, cmp.Or(dirs[partitionReplica{tp, broker}], anyLogDir))
		}
		file.Partitions = append(file.Partitions, reassignmentRow{&tp.topic, &tp.partition, &replicas, &logDirs})
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(file) // a Builder takes all
	return strings.TrimSuffix(text.String(), "\n")
}

func sortedPartitions[V any](m map[topicPartition]V) []topicPartition {
	return slices.SortedFunc(maps.Keys(m), comparePartitions)
}

// parseTopicsToMove reads the file of --topics-to-move-json-file.
func parseTopicsToMove(text []byte) ([]string, error) {
	var file struct {
		Version *int `json:"version"`
		Topics  []struct {
			Topic *string `json:"topic"`
		} `json:"topics"`
	}
	if json.Unmarshal(text, &file) != nil {
		return nil, errors.New("The input string is not a valid JSON")
	}
	if file.Version != nil && *file.Version != 1 {
		return nil, fmt.Errorf("Not supported version field value %d", *file.Version)
	}
	var topics []string
	for _, row := range file.Topics {
		if row.Topic == nil {
			return nil, errors.New("No such field exists: `topic`")
		}
		topics = append(topics, *row.Topic)
	}
	if twice := repeated(topics); len(twice) > 0 {
		return nil, fmt.Errorf("List of topics to reassign contains duplicate entries: [%s]", strings.Join(twice, ", "))
	}
	return topics, nil
}
