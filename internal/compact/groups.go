package compact

import (
	"math"

	"milena/internal/config"
	"milena/internal/segment"
)

// group puts segments that follow each other together, as many as one segment may hold by size, size of the indexes and span of offsets;
// end is the offset that follows the last of them.
func group(segs []*segment.Segment, cfg *config.Topic, end int64) ([][]*segment.Segment, error) {
	var groups [][]*segment.Segment
	var size, offsetBytes, timeBytes int64
	for i, s := range segs {
		offsets, times, err := s.IndexBytes()
		if err != nil {
			return nil, err
		}
		next := end
		if i+1 < len(segs) {
			next = segs[i+1].BaseOffset()
		}
		if n := len(groups) - 1; n >= 0 && size+s.SizeBytes() <= int64(cfg.SegmentBytes) &&
			offsetBytes+offsets <= int64(cfg.SegmentIndexBytes) && timeBytes+times <= int64(cfg.SegmentIndexBytes) &&
			(s.SizeBytes() == 0 || next-1-groups[n][0].BaseOffset() <= math.MaxInt32) {
			groups[n] = append(groups[n], s)
		} else {
			groups = append(groups, []*segment.Segment{s})
			size, offsetBytes, timeBytes = 0, 0, 0
		}
		size, offsetBytes, timeBytes = size+s.SizeBytes(), offsetBytes+offsets, timeBytes+times
	}
	return groups, nil
}
