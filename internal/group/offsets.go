package group

import "milena/internal/coordinator"

// offsetStore is the committed offsets of a partition's groups.
type offsetStore struct{}

// offset is a committed offset.
type offset struct {
	offset      int64
	commitMs    int64
	expireMs    int64 // of commits before Kafka 2.1, else -1
	metadata    *string
	partition   int32
	leaderEpoch int32
}

func (s *offsetStore) init() {}

func (m *machine) replayOffset(r *coordinator.Replayed) error { panic("unwritten") }

func (m *machine) endTransaction(producerID int64, committed bool) {}

func (m *machine) offsetsLoaded() {}
