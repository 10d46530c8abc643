package commitlog

import (
	"errors"
	"io/fs"
)

// SegmentStart is where a segment begins and when its file was last written, in ms since 1970.
type SegmentStart struct {
	Offset     int64
	ModifiedMs int64
}

// SegmentStarts lists the segments in order; none begins before the log start offset. ListOffsets v0 tells of them.
func (l *Log) SegmentStarts() ([]SegmentStart, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	start := l.LogStartOffset()
	var starts []SegmentStart
	for _, s := range l.segments() {
		info, err := s.Stat()
		if errors.Is(err, fs.ErrNotExist) {
			continue // retention has just taken it
		}
		if err != nil {
			return nil, err
		}
		starts = append(starts, SegmentStart{Offset: max(s.BaseOffset(), start), ModifiedMs: info.ModTime().UnixMilli()})
	}
	return starts, nil
}
