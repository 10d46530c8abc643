package config

import "milena/internal/record"

// Topic is the effective configuration of one topic (Kafka: LogConfig): its own overrides over the broker's defaults.
// It is immutable; a change makes a new one.
type Topic struct {
	SegmentBytes           int
	SegmentMs              int64
	SegmentJitterMs        int64
	SegmentIndexBytes      int
	IndexIntervalBytes     int
	RetentionBytes         int64 // -1: no limit
	RetentionMs            int64 // -1: no limit
	LocalRetentionMs       int64
	LocalRetentionBytes    int64
	MaxMessageBytes        int
	Delete, Compact        bool // cleanup.policy
	DeleteRetentionMs      int64
	FileDeleteDelayMs      int64
	FlushMessages          int64
	FlushMs                int64
	MinCompactionLagMs     int64
	MaxCompactionLagMs     int64
	MinCleanableDirtyRatio float64
	MinInsyncReplicas      int
	UncleanLeaderElection  bool
	Preallocate            bool
	Codec                  record.Codec
	GzipLevel              int
	LZ4Level               int
	ZstdLevel              int
	TimestampType          record.TimestampType
	TimestampBeforeMaxMs   int64
	TimestampAfterMaxMs    int64
	FollowerThrottled      ThrottledReplicas
	LeaderThrottled        ThrottledReplicas
}
