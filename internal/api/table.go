package api

import (
	"cmp"
	"log/slog"
	"slices"

	"milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/group"
	"milena/internal/metadata"
	"milena/internal/replica"
)

// Services is what the handlers call: the rooms below, joined by broker.
type Services struct {
	Config   *config.Live
	Metadata *metadata.Cache
	Replicas *replica.Replicas
	Store    *clusterstore.Store
	Logger   *slog.Logger
	// BrokerEpoch is the epoch of this broker's registration; requests of the controller for an earlier one are refused. nil: not checked.
	BrokerEpoch func() int64
	// Registered tells whether the registration stands, as far as this broker knows; nil: it does.
	Registered func() bool
	// Data appends and reads; nil means Replicas.
	Data DataPath
	// AutoCreate makes topics that Metadata asked for; nil means that there is no such thing.
	AutoCreate AutoCreator
	// Admin changes topics and configurations; nil means that this broker does not serve such requests.
	Admin *admin.Admin
	// Controller takes what brokers ask the controller for; nil means that this broker can never be controller.
	Controller Controller
	// Groups coordinates the groups of the partitions that this broker leads; nil means that it does not serve their requests.
	Groups *group.Coordinator

	epochs      controllerEpochs
	leaderships leaderships
	internal    internalTopics
}

// DataPath is what Produce and Fetch need of the hosted partitions.
type DataPath interface {
	Append(req *replica.AppendRequest, done func([]replica.AppendResult))
	Fetch(req *replica.FetchRequest, done func([]replica.FetchResult)) (cancel func())
}

// data is the way to the hosted partitions.
func (s *Services) data() DataPath {
	if s.Data != nil {
		return s.Data
	}
	return s.Replicas
}

// Table lists every API key that this broker serves, by number. Keys it does not serve stand in unsupported.go with the reason.
func (s *Services) Table() []Row {
	var rows []Row
	rows = []Row{
		s.produceRow(),
		s.fetchRow(),
		s.listOffsetsRow(),
		s.metadataRow(),
		s.leaderAndISRRow(),
		s.stopReplicaRow(),
		s.updateMetadataRow(),
		s.apiVersionsRow(func() []Row { return rows }),
		s.deleteRecordsRow(),
		s.initProducerIDRow(),
		s.offsetForLeaderEpochRow(),
		s.describeLogDirsRow(),
		s.describeClusterRow(),
		s.describeProducersRow(),
		s.describeTopicPartitionsRow(),
	}
	if s.Admin != nil {
		rows = append(rows, s.createTopicsRow(), s.deleteTopicsRow(), s.describeConfigsRow(), s.alterConfigsRow(), s.createPartitionsRow(),
			s.incrementalAlterConfigsRow())
	}
	if s.Groups != nil {
		rows = append(rows, s.groupRows()...)
	}
	if s.Controller != nil {
		rows = append(rows, s.controllerRows()...)
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	return rows
}

// controllerRows are the requests that the controller answers.
func (s *Services) controllerRows() []Row {
	return []Row{s.controlledShutdownRow(), s.alterPartitionRow(), s.allocateProducerIDsRow(), s.electLeadersRow(),
		s.alterPartitionReassignmentsRow(), s.listPartitionReassignmentsRow()}
}

// ControllerTable lists the API keys that a node serves which is a controller and no broker: to brokers, by its controller listener.
func (s *Services) ControllerTable() []Row {
	var rows []Row
	rows = append(s.controllerRows(), s.apiVersionsRow(func() []Row { return rows }))
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	return rows
}
