package clusterstore

import (
	"context"
	"errors"

	"milena/internal/coord"
)

// RequestTopicDeletion leaves the request for a topic's deletion; one that stands is enough.
func (s *Store) RequestTopicDeletion(ctx context.Context, topic string) error {
	_, err := s.coord.Create(ctx, coord.Create{Path: DeleteTopicsPath + "/" + topic})
	if errors.Is(err, coord.ErrNodeExists) {
		return nil
	}
	return err
}

// TopicDeletions lists the topics whose deletion has been requested, sorted.
func (s *Store) TopicDeletions(ctx context.Context) ([]string, error) {
	return s.children(ctx, DeleteTopicsPath)
}

// DropTopicDeletions takes requests back (of topics that do not exist, or where deletion is not enabled), by a controller: one by one, for one that
// is gone already would keep those that are dropped together with it.
func (s *Store) DropTopicDeletions(ctx context.Context, epoch Epoch, topics []string) error {
	for _, topic := range topics {
		if err := s.dropRequest(ctx, epoch, DeleteTopicsPath+"/"+topic); err != nil {
			return err
		}
	}
	return nil
}

type partitionJSON struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas,omitempty"`
}

// /admin/reassign_partitions: {"version":1,"partitions":[{"topic":"T","partition":0,"replicas":[1,2]}]}
// /admin/preferred_replica_election and /isr_change_notification/isr_change_N: the same without replicas.
type partitionsJSON struct {
	Version    int             `json:"version"`
	Partitions []partitionJSON `json:"partitions"`
}

func decodePartitions(path string, data []byte) ([]PartitionID, error) {
	var j partitionsJSON
	if err := decode(path, data, &j); err != nil {
		return nil, err
	}
	ids := make([]PartitionID, 0, len(j.Partitions))
	for _, p := range j.Partitions {
		ids = append(ids, PartitionID{p.Topic, p.Partition})
	}
	return ids, nil
}

func encodePartitions(ids []PartitionID) []byte {
	j := partitionsJSON{Version: 1, Partitions: make([]partitionJSON, 0, len(ids))}
	for _, id := range ids {
		j.Partitions = append(j.Partitions, partitionJSON{Topic: id.Topic, Partition: id.Partition})
	}
	return encode(j)
}

// PreferredElection reads for which partitions a tool asks the preferred leader; nil where nobody asks.
func (s *Store) PreferredElection(ctx context.Context) ([]PartitionID, error) {
	node, err := s.coord.Get(ctx, PreferredElectionPath)
	if errors.Is(err, coord.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePartitions(PreferredElectionPath, node.Data)
}

// RequestPreferredElection leaves that request; coord.ErrNodeExists where one stands.
func (s *Store) RequestPreferredElection(ctx context.Context, ids []PartitionID) error {
	_, err := s.coord.Create(ctx, coord.Create{Path: PreferredElectionPath, Data: encodePartitions(ids)})
	return err
}

// DropPreferredElection removes it, by a controller.
func (s *Store) DropPreferredElection(ctx context.Context, epoch Epoch) error {
	return s.dropRequest(ctx, epoch, PreferredElectionPath)
}

// ISRChanges reads and removes the notifications by which Kafka brokers before AlterPartition tell of changed ISRs.
func (s *Store) ISRChanges(ctx context.Context, epoch Epoch) ([]PartitionID, error) {
	children, err := s.coord.List(ctx, ISRChangePath)
	if err != nil || len(children) == 0 {
		return nil, err
	}
	var ids []PartitionID
	var steps [][]coord.Op
	for _, c := range children {
		path := ISRChangePath + "/" + c.Name
		if changed, err := decodePartitions(path, c.Data); err == nil {
			ids = append(ids, changed...)
		}
		steps = append(steps, []coord.Op{coord.Delete{Path: path, Version: coord.AnyVersion}})
	}
	return ids, fenced(s.multi(ctx, []coord.Op{epoch.Guard()}, steps))
}

// /log_dir_event_notification/log_dir_event_N: {"version":1,"broker":1,"event":1}
type logDirEventJSON struct {
	Version int   `json:"version"`
	Broker  int32 `json:"broker"`
	Event   int   `json:"event"`
}

const logDirFailure = 1

// NotifyLogDirFailure tells the controller that one of this broker's log directories went offline, or that what was offline is not any more.
func (s *Store) NotifyLogDirFailure(ctx context.Context, brokerID int32) error {
	body := encode(logDirEventJSON{Version: 1, Broker: brokerID, Event: logDirFailure})
	_, err := s.coord.Create(ctx, coord.Create{Path: logDirEventPrefix, Data: body, Sequential: true})
	return err
}

// LogDirFailures reads and removes those notifications: the brokers concerned.
func (s *Store) LogDirFailures(ctx context.Context, epoch Epoch) ([]int32, error) {
	children, err := s.coord.List(ctx, LogDirEventPath)
	if err != nil || len(children) == 0 {
		return nil, err
	}
	var brokers []int32
	var steps [][]coord.Op
	for _, c := range children {
		path := LogDirEventPath + "/" + c.Name
		j := logDirEventJSON{Broker: -1}
		if err := decode(path, c.Data, &j); err == nil && j.Event == logDirFailure && j.Broker >= 0 {
			brokers = append(brokers, j.Broker)
		}
		steps = append(steps, []coord.Op{coord.Delete{Path: path, Version: coord.AnyVersion}})
	}
	return brokers, fenced(s.multi(ctx, []coord.Op{epoch.Guard()}, steps))
}
