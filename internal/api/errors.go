package api

import (
	"errors"

	"milena/internal/admin"
	"milena/internal/commitlog"
	"milena/internal/logdir"
	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A mapping says which of Kafka's codes stands for an error of the rooms below.
type mapping struct {
	is error
	as *kerr.Error
}

// mappings is searched in order with errors.Is. One line for each sentinel; structured errors are in asKafka.
func mappings() []mapping {
	return []mapping{
		{is: partition.ErrNotLeaderOrFollower, as: kerr.NotLeaderForPartition},
		{is: partition.ErrFencedLeaderEpoch, as: kerr.FencedLeaderEpoch},
		{is: partition.ErrUnknownLeaderEpoch, as: kerr.UnknownLeaderEpoch},
		{is: partition.ErrNotEnoughReplicas, as: kerr.NotEnoughReplicas},
		{is: partition.ErrNotEnoughReplicasAfterAppend, as: kerr.NotEnoughReplicasAfterAppend},
		{is: partition.ErrOffsetNotAvailable, as: kerr.OffsetNotAvailable},
		{is: partition.ErrOffsetOutOfRange, as: kerr.OffsetOutOfRange},
		{is: partition.ErrPolicyViolation, as: kerr.PolicyViolation},
		{is: partition.ErrOffline, as: kerr.KafkaStorageError},
		{is: replica.ErrUnknownTopicOrPartition, as: kerr.UnknownTopicOrPartition},
		{is: replica.ErrInvalidTopic, as: kerr.InvalidTopicException},
		{is: replica.ErrInvalidRequiredAcks, as: kerr.InvalidRequiredAcks},
		{is: replica.ErrTimedOut, as: kerr.RequestTimedOut},
		{is: replica.ErrInconsistentTopicID, as: kerr.InconsistentTopicID},
		{is: replica.ErrUnknownReplica, as: kerr.NotLeaderForPartition},
		{is: logdir.ErrOffline, as: kerr.KafkaStorageError},
		{is: commitlog.ErrOffsetOutOfRange, as: kerr.OffsetOutOfRange},
		{is: commitlog.ErrOutOfOrderSequence, as: kerr.OutOfOrderSequenceNumber},
		{is: commitlog.ErrInvalidProducerEpoch, as: kerr.InvalidProducerEpoch},
		{is: commitlog.ErrInvalidTxnState, as: kerr.InvalidTxnState},
		{is: commitlog.ErrCoordinatorFenced, as: kerr.TransactionCoordinatorFenced},
		{is: commitlog.ErrRecordListTooLarge, as: kerr.RecordListTooLarge},
		{is: commitlog.ErrNoSpace, as: kerr.KafkaStorageError},
		{is: commitlog.ErrStorage, as: kerr.KafkaStorageError},
		{is: record.ErrCorrupt, as: kerr.CorruptMessage},
		{is: record.ErrTruncated, as: kerr.CorruptMessage},
	}
}

// ofReason maps record.Reason.
func ofReason(r record.Reason) *kerr.Error {
	switch r {
	case record.Corrupt:
		return kerr.CorruptMessage
	case record.InvalidRecord:
		return kerr.InvalidRecord
	case record.TooLarge:
		return kerr.MessageTooLarge
	case record.InvalidTimestamp:
		return kerr.InvalidTimestamp
	case record.UnsupportedCodec:
		return kerr.UnsupportedCompressionType
	case record.UnsupportedForFormat:
		return kerr.UnsupportedForMessageFormat
	}
	return kerr.UnknownServerError
}

// asKafka finds the code of an error of the rooms below; known is false where none fits (UNKNOWN_SERVER_ERROR: log it).
func asKafka(err error) (e *kerr.Error, known bool) {
	var code *kerr.Error
	if errors.As(err, &code) {
		return code, true
	}
	var refusal *record.Refusal
	if errors.As(err, &refusal) {
		return ofReason(refusal.Reason), true
	}
	var admined *admin.Refusal
	if errors.As(err, &admined) {
		return ofAdmin(admined.Reason), true
	}
	for _, m := range mappings() {
		if errors.Is(err, m.is) {
			return m.as, true
		}
	}
	return kerr.UnknownServerError, false
}

// code is the code for err, 0 for nil. An error that no line of the mapping knows is logged and told as UNKNOWN_SERVER_ERROR. While it is in
// doubt whether this broker leads, it passes no judgement on its logs: the client is to look for the leader.
func (s *Services) code(err error) int16 {
	if err == nil {
		return 0
	}
	return s.codeSince(err, s.standing())
}

// codeSince is code for an error that arose some time ago, after the broker was in that standing: a doubt of then may be over.
func (s *Services) codeSince(err error, standing int64) int16 {
	e, known := asKafka(err)
	if !known && s.Logger != nil {
		s.Logger.Error("request failed for a reason that no client can be told", "error", err)
	}
	if replica.JudgesLog(err) && (standing == noStanding || standing != s.standing()) {
		e = kerr.NotLeaderForPartition
	}
	return e.Code
}
