package partition

// FetchPosition is where a follower goes on: the offset after its last record and the leader epoch of that record (-1: none).
type FetchPosition struct {
	Offset         int64
	LastEpoch      int32
	LogStartOffset int64
}

// FetchPosition tells where the follower of that leader epoch goes on. The leader takes it for what the follower has: where flush.messages demands
// it, what is below is made durable first, for it may be an append of an earlier leadership, or one that found no room to be synced.
// Errors: ErrFencedLeaderEpoch, ErrOffline, else the log's.
func (p *Partition) FetchPosition(leaderEpoch int32) (FetchPosition, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if err := p.following(leaderEpoch); err != nil {
		return FetchPosition{}, err
	}
	end := p.log.LogEndOffset()
	if p.log.MustSync() {
		if err := p.log.SyncUpTo(end); err != nil {
			return FetchPosition{}, err
		}
	}
	epoch, ok := p.log.LatestEpoch()
	if !ok {
		epoch = -1
	}
	return FetchPosition{Offset: end, LastEpoch: epoch, LogStartOffset: p.log.LogStartOffset()}, nil
}

// AppendFetched appends what the leader of that epoch sent, takes over its high watermark as far as the records are here, and its log
// start. Errors: ErrFencedLeaderEpoch where this broker follows another leader meanwhile, else the log's.
func (p *Partition) AppendFetched(leaderEpoch int32, batches []byte, highWatermark, logStartOffset int64) error {
	p.mu.RLock()
	err := p.appendFetched(leaderEpoch, batches, highWatermark, logStartOffset)
	p.mu.RUnlock()
	if err == nil {
		p.notify()
	}
	return err
}

func (p *Partition) appendFetched(leaderEpoch int32, batches []byte, highWatermark, logStartOffset int64) error {
	if err := p.following(leaderEpoch); err != nil {
		return err
	}
	if len(batches) > 0 {
		if _, err := p.log.AppendAsFollower(batches); err != nil {
			return err
		}
	}
	p.raiseHighWatermark(min(highWatermark, p.log.LogEndOffset()))
	if start := min(logStartOffset, p.HighWatermark()); start > p.log.LogStartOffset() {
		return p.log.AdvanceLogStartOffset(start)
	}
	return nil
}

// Truncate cuts what the leader does not have, after it said where its own log diverges from the follower's (KIP-595): its largest epoch not
// above the follower's last, and where that ends. What is left may diverge still; the next fetch tells.
func (p *Partition) Truncate(leaderEpoch int32, leaders EpochEnd) error {
	return p.cut(leaderEpoch, func() error {
		epoch, end := p.log.EpochEnd(leaders.Epoch)
		switch {
		case epoch < 0:
			// Nothing here is as old as what the leader has.
			end = min(leaders.EndOffset, p.log.LogEndOffset())
		case epoch == leaders.Epoch:
			end = min(leaders.EndOffset, end)
		}
		return p.log.TruncateTo(max(end, p.log.LogStartOffset()))
	})
}

// StartAt empties the follower's log and starts it at an offset: where the leader's log begins above the follower's end, or ends below its
// start.
func (p *Partition) StartAt(leaderEpoch int32, offset int64) error {
	return p.cut(leaderEpoch, func() error { return p.log.TruncateFullyAndStartAt(offset) })
}

// CutTo cuts everything at and above offset, because the leader has less: after an unclean election.
func (p *Partition) CutTo(leaderEpoch int32, offset int64) error {
	return p.cut(leaderEpoch, func() error { return p.log.TruncateTo(offset) })
}

func (p *Partition) cut(leaderEpoch int32, truncate func() error) error {
	p.mu.Lock()
	err := p.following(leaderEpoch)
	if err == nil {
		if err = truncate(); err == nil {
			p.setHighWatermark(max(p.log.LogStartOffset(), min(p.HighWatermark(), p.log.LogEndOffset())))
		}
	}
	p.mu.Unlock()
	if err == nil {
		p.notify()
	}
	return err
}

// following refuses what was done for another leader epoch than the present one. The caller holds mu.
func (p *Partition) following(leaderEpoch int32) error {
	switch st := p.state.Load(); {
	case st.Role == Offline:
		return ErrOffline
	case st.Role != Follower || st.LeaderEpoch != leaderEpoch:
		return ErrFencedLeaderEpoch
	}
	return nil
}
