package segment

// TruncateTo cuts, durably, the batch that holds offset and all that follows, and their index entries.
func (s *Segment) TruncateTo(offset, nowMs int64) error {
	found, ok, err := s.Find(offset, s.size.Load())
	if err != nil {
		return err
	}
	if err := s.truncateIndexes(offset); err != nil {
		return err
	}
	if ok {
		if err := s.Cut(found.Position); err != nil {
			return err
		}
	}
	if s.size.Load() == 0 {
		s.createdMs = nowMs
		s.firstBatchMs, s.firstBatchSet = NoTimestamp, false
	}
	s.sinceIndex = 0
	return s.findLargestAfterIndex()
}

// cut makes .log end at position.
func (s *Segment) cut(position int64) error {
	log, err := s.OpenLog()
	if err != nil {
		return err
	}
	defer s.CloseLog()
	if err := log.Truncate(position); err != nil {
		return s.wrap(Log, position, err)
	}
	s.size.Store(position)
	return nil
}
