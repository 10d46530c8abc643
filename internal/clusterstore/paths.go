package clusterstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"milena/internal/coord"
)

// Kafka's paths.
const (
	ControllerPath        = "/controller"
	ControllerEpochPath   = "/controller_epoch"
	BrokerIDsPath         = "/brokers/ids"
	TopicsPath            = "/brokers/topics"
	DeleteTopicsPath      = "/admin/delete_topics"
	ReassignPath          = "/admin/reassign_partitions"
	PreferredElectionPath = "/admin/preferred_replica_election"
	ConfigChangesPath     = "/config/changes"
	ClusterIDPath         = "/cluster/id"
	ISRChangePath         = "/isr_change_notification"
	LogDirEventPath       = "/log_dir_event_notification"
	ProducerIDBlockPath   = "/latest_producer_id_block"
	FeaturePath           = "/feature"
	brokerSequencePath    = "/brokers/seqid"
	configPath            = "/config"
	configChangePrefix    = ConfigChangesPath + "/config_change_"
	isrChangePrefix       = ISRChangePath + "/isr_change_"
	logDirEventPrefix     = LogDirEventPath + "/log_dir_event_"
)

// BrokerPath, TopicPath and PartitionStatePath are the nodes of one broker, one topic and one partition.
func BrokerPath(id int32) string     { return BrokerIDsPath + "/" + strconv.Itoa(int(id)) }
func TopicPath(topic string) string  { return TopicsPath + "/" + topic }
func partitionsPath(t string) string { return TopicPath(t) + "/partitions" }
func partitionPath(topic string, partition int32) string {
	return partitionsPath(topic) + "/" + strconv.Itoa(int(partition))
}
func PartitionStatePath(topic string, partition int32) string {
	return partitionPath(topic, partition) + "/state"
}

// persistentParents are the nodes that a Kafka broker makes at its start, parents first.
func persistentParents() []string {
	return []string{
		"/consumers", "/brokers", BrokerIDsPath, TopicsPath, brokerSequencePath, "/admin", DeleteTopicsPath,
		configPath, ConfigChangesPath, "/config/topics", "/config/clients", "/config/users", "/config/brokers", "/config/ips",
		"/cluster", ISRChangePath, ProducerIDBlockPath, LogDirEventPath,
	}
}

// EnsureParents makes what is missing of the nodes that all else hangs on, in one Multi.
func (s *Store) EnsureParents(ctx context.Context) error {
	for {
		there := map[string]bool{}
		for _, parent := range []string{"/", "/brokers", "/admin", configPath} {
			if parent != "/" && !there[parent] {
				continue
			}
			names, err := s.coord.Children(ctx, parent)
			if err != nil && !errors.Is(err, coord.ErrNoNode) {
				return err
			}
			for _, name := range names {
				there[strings.TrimSuffix(parent, "/")+"/"+name] = true
			}
		}
		var ops []coord.Op
		for _, path := range persistentParents() {
			if !there[path] {
				ops = append(ops, coord.Create{Path: path})
			}
		}
		if len(ops) == 0 {
			return nil
		}
		_, err := s.coord.Multi(ctx, ops...)
		if errors.Is(err, coord.ErrNodeExists) {
			continue // another broker starts at the same time
		}
		return err
	}
}
