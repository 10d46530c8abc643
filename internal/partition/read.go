package partition

import "milena/internal/commitlog"

// Isolation is how far a reader may see.
type Isolation int8

const (
	// UpToHighWatermark: up to the high watermark (a consumer, read_uncommitted).
	UpToHighWatermark Isolation = iota
	// UpToLastStable: up to the last stable offset (a consumer, read_committed).
	UpToLastStable
	// UpToLogEnd: everything (a follower).
	UpToLogEnd
)

// ReadRequest says where to read and what the reader believes.
type ReadRequest struct {
	Offset             int64
	CurrentLeaderEpoch int32 // -1: not checked
	LastFetchedEpoch   int32 // -1: none; else the epoch of the reader's last record, for KIP-595's check of divergence
	MaxBytes           int
	AtLeastOne         bool
	Isolation          Isolation
	LeaderOnly         bool
}

// EpochEnd is a leader epoch and the offset where it ends.
type EpochEnd struct {
	Epoch     int32
	EndOffset int64
}

// ReadResult is what a read found. Slice.Release is never nil.
type ReadResult struct {
	HighWatermark, LastStableOffset, LogStartOffset int64
	Slice                                           commitlog.Slice
	Aborted                                         []commitlog.AbortedTxn
	Diverging                                       *EpochEnd
}

func releaseNothing() {}

// Read reads from the log, no further than the isolation allows.
func (p *Partition) Read(r *ReadRequest, out *ReadResult) error {
	if err := p.state.Load().check(r.CurrentLeaderEpoch, r.LeaderOnly); err != nil {
		return err
	}
	// The bounds are taken before the log is looked at: they only grow while this broker leads, so the read never passes them.
	upTo := p.end(r.Isolation)
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = p.HighWatermark(), p.LastStableOffset(), p.log.LogStartOffset()
	out.Slice = commitlog.Slice{Release: releaseNothing}
	if r.LastFetchedEpoch >= 0 {
		epoch, end := p.log.EpochEnd(r.LastFetchedEpoch)
		if epoch < 0 || end < 0 {
			return ErrOffsetOutOfRange
		}
		if epoch < r.LastFetchedEpoch || end < r.Offset {
			out.Diverging = &EpochEnd{Epoch: epoch, EndOffset: end}
			return nil
		}
	}
	if r.Offset < out.LogStartOffset || r.Offset > p.log.LogEndOffset() {
		return ErrOffsetOutOfRange
	}
	if r.Offset >= upTo || r.MaxBytes <= 0 && !r.AtLeastOne {
		return nil
	}
	s, err := p.log.Read(r.Offset, r.MaxBytes, upTo, r.AtLeastOne)
	if err != nil {
		return err
	}
	if r.Isolation == UpToLastStable {
		if out.Aborted, err = p.log.AbortedTxns(r.Offset, upTo); err != nil {
			s.Release()
			return err
		}
	}
	out.Slice = s
	return nil
}

func (p *Partition) end(i Isolation) int64 {
	switch i {
	case UpToHighWatermark:
		return p.HighWatermark()
	case UpToLastStable:
		return p.LastStableOffset()
	}
	return p.log.LogEndOffset()
}

// Available estimates the bytes that a read from offset would find now, without reading. ready says that there is nothing to wait
// for: the read would fail.
func (p *Partition) Available(r *ReadRequest) (sizeBytes int64, ready bool) {
	if p.state.Load().check(r.CurrentLeaderEpoch, r.LeaderOnly) != nil {
		return 0, true
	}
	if r.Offset < p.log.LogStartOffset() {
		return 0, true
	}
	upTo := p.end(r.Isolation)
	if r.Offset >= upTo {
		return 0, false
	}
	return p.log.SizeBetween(r.Offset, upTo), false
}

// EpochEnd answers OffsetForLeaderEpoch: the largest epoch that is not above the asked one, and where it ends; (-1, -1) where
// none is known.
func (p *Partition) EpochEnd(currentLeaderEpoch, epoch int32, leaderOnly bool) (EpochEnd, error) {
	if err := p.state.Load().check(currentLeaderEpoch, leaderOnly); err != nil {
		return EpochEnd{-1, -1}, err
	}
	found, end := p.log.EpochEnd(epoch)
	return EpochEnd{Epoch: found, EndOffset: end}, nil
}
