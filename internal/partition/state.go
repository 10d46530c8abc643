package partition

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"milena/internal/commitlog"
	"milena/internal/config"
	"milena/internal/record"
)

// Role is what this broker is for a partition.
type Role int8

const (
	// None: the controller has not said yet.
	None Role = iota
	Leader
	Follower
	// Offline: the log directory failed; every request is refused with ErrOffline until the process starts anew.
	Offline
)

// State is a partition's standing as the controller told it. Nothing in it is ever changed.
type State struct {
	Role           Role
	Leader         int32 // broker id, -1 none
	LeaderEpoch    int32 // -1 before the controller spoke
	PartitionEpoch int32 // version of the partition's state node
	// LeaderEpochStart is the log's end when this broker became leader of LeaderEpoch; -1 on a follower.
	LeaderEpochStart int64
	// LedSince is the first of the leader epochs since which this broker has led without a break: what it appended since is still
	// there.
	LedSince int32
	Replicas []int32 // all of them; while they are being reassigned, those before and after
	Adding   []int32 // of these, the ones that a reassignment adds
	ISR      []int32
	// MaximalISR is ISR and, while a leader's proposal is not answered, the members it adds: what is committed is on all of them.
	MaximalISR []int32
	// ELR are replicas outside the ISR that have all that is committed, as the controller knows. While there are any, nothing more is.
	ELR      []int32
	proposed *Proposal // not answered yet
}

// Log is what a partition needs of its log; *commitlog.Log is one.
type Log interface {
	AppendUnsynced(c record.Checked, leaderEpoch int32, origin record.Origin) (a commitlog.Appended, mustSync bool, err error)
	AppendAsFollower(batches []byte) (commitlog.Appended, error)
	TruncateTo(offset int64) error
	TruncateFullyAndStartAt(offset int64) error
	LatestEpoch() (epoch int32, ok bool)
	MustSync() bool
	SyncUpTo(offset int64) error
	WhenSynced(offset int64, done func(error))
	Read(offset int64, maxBytes int, upTo int64, atLeastOne bool) (commitlog.Slice, error)
	SizeBetween(from, to int64) int64
	LogStartOffset() int64
	LogEndOffset() int64
	FirstUnstableOffset() (offset int64, ok bool)
	SetHighWatermark(offset int64)
	OffsetForTimestamp(timestampMs, upTo int64) (commitlog.TimestampOffset, bool, error)
	OffsetOfMaxTimestamp() (commitlog.TimestampOffset, bool, error)
	SegmentStarts() ([]commitlog.SegmentStart, error)
	EpochEnd(epoch int32) (foundEpoch int32, endOffset int64)
	EpochAt(offset int64) int32
	AssignEpochStart(epoch int32, startOffset int64) error
	AbortedTxns(from, to int64) ([]commitlog.AbortedTxn, error)
	Producers() []commitlog.Producer
	AdvanceLogStartOffset(offset int64) error
	Config() *config.Topic
}

// Partition is one replica of one partition.
type Partition struct {
	Topic    string
	Index    int32
	name     string // "topic-0"
	brokerID int32
	log      Log

	mu    sync.RWMutex // appends hold it for reading, changes of State for writing
	state atomic.Pointer[State]

	replication Replication
	followersMu sync.Mutex // guards what a leader knows of its followers, and ownEnd
	followers   map[int32]*follower
	ownEnd      int64 // what the leader itself has, durably where it must be

	hwMu          sync.Mutex // orders movements of highWatermark
	highWatermark atomic.Int64

	watchMu sync.Mutex
	watches watchList
	watched atomic.Int32 // number of watches: appends to an unwatched partition take no lock
}

// New makes a partition without a role over its log. highWatermark is the checkpointed one; it is brought within the log's bounds.
func New(topic string, index, brokerID int32, log Log, highWatermark int64) *Partition {
	p := &Partition{Topic: topic, Index: index, name: topic + "-" + strconv.Itoa(int(index)), brokerID: brokerID, log: log}
	p.state.Store(&State{Role: None, Leader: -1, LeaderEpoch: -1, PartitionEpoch: -1, LeaderEpochStart: -1})
	p.setHighWatermark(min(max(highWatermark, log.LogStartOffset()), log.LogEndOffset()))
	return p
}

// State is the current standing; never nil.
func (p *Partition) State() *State { return p.state.Load() }

// HighWatermark is the offset below which everything is committed.
func (p *Partition) HighWatermark() int64 { return p.highWatermark.Load() }

// LastStableOffset is the offset below which every transaction is decided: never above the high watermark.
func (p *Partition) LastStableOffset() int64 {
	hw := p.highWatermark.Load()
	if first, ok := p.log.FirstUnstableOffset(); ok && first < hw {
		return first
	}
	return hw
}

// Name is "topic-0", for messages.
func (p *Partition) Name() string { return p.name }

// Log is the partition's log.
func (p *Partition) Log() Log { return p.log }

// Change is what a LeaderAndIsr request says of one partition.
type Change struct {
	Leader         int32
	LeaderEpoch    int32
	PartitionEpoch int32
	Replicas       []int32
	Adding         []int32
	ISR            []int32
	ELR            []int32
}

// Become takes a change of leader, ISR or replicas. An older epoch than the present one changes nothing and is
// ErrFencedLeaderEpoch; a state that is already there too. The leader of a new epoch notes where it starts; the error is the
// log's.
func (p *Partition) Become(c Change) error {
	p.mu.Lock()
	led := p.state.Load().Role == Leader
	err := p.becomeLocked(c)
	p.mu.Unlock()
	if err == nil {
		if !led {
			p.syncOwn()
		}
		p.notify()
	}
	return err
}

func (p *Partition) becomeLocked(c Change) error {
	old := p.state.Load()
	switch {
	case old.Role == Offline:
		return ErrOffline
	case c.LeaderEpoch < old.LeaderEpoch, c.LeaderEpoch == old.LeaderEpoch && c.PartitionEpoch <= old.PartitionEpoch:
		return ErrFencedLeaderEpoch
	}
	next := &State{
		Role: Follower, Leader: c.Leader, LeaderEpoch: c.LeaderEpoch, PartitionEpoch: c.PartitionEpoch, LeaderEpochStart: -1,
		Replicas: slices.Clone(c.Replicas), Adding: slices.Clone(c.Adding), ISR: slices.Clone(c.ISR), ELR: slices.Clone(c.ELR),
	}
	next.MaximalISR = next.ISR
	if c.Leader == p.brokerID {
		next.Role = Leader
		next.LeaderEpochStart, next.LedSince = old.LeaderEpochStart, old.LedSince
		if old.Role != Leader {
			next.LedSince = c.LeaderEpoch
		}
		if c.LeaderEpoch > old.LeaderEpoch {
			next.LeaderEpochStart = p.log.LogEndOffset()
			if err := p.log.AssignEpochStart(c.LeaderEpoch, next.LeaderEpochStart); err != nil {
				return err
			}
		}
	}
	if !p.state.CompareAndSwap(old, next) {
		return ErrOffline // the only change that does not wait for mu
	}
	p.follow(old, next)
	if next.Role == Leader {
		p.commit(next)
	}
	return nil
}

// UnderReplicated tells a leader whose ISR has fewer members than the partition should have replicas. Those that a reassignment is adding do not
// count among these, though they may be members.
func (s *State) UnderReplicated() bool {
	return s.Role == Leader && len(s.ISR) < len(s.Replicas)-len(s.Adding)
}

// GoOffline refuses everything from now on, and tells those who wait.
func (p *Partition) GoOffline() {
	// Not under mu: an append that hangs on the failed disk holds it. The pointer is enough, for no role follows Offline.
	for {
		old := p.state.Load()
		if old.Role == Offline {
			return
		}
		next := *old
		next.Role = Offline
		if p.state.CompareAndSwap(old, &next) {
			break
		}
	}
	p.notify()
}

// Retire takes the partition from service (it is being deleted or moved away): appends under way have ended when it returns, and
// later ones are refused with ErrNotLeaderOrFollower.
func (p *Partition) Retire() {
	p.mu.Lock()
	old := p.state.Load()
	if next := *old; next.Role != Offline {
		next.Role = None
		p.state.CompareAndSwap(old, &next)
	}
	p.mu.Unlock()
	p.notify()
}

// check refuses a request whose idea of the leader epoch differs (-1: not checked), then one that needs a leader where there is
// none.
func (s *State) check(currentLeaderEpoch int32, leaderOnly bool) error {
	switch {
	case s.Role == Offline:
		return ErrOffline
	case currentLeaderEpoch >= 0 && currentLeaderEpoch < s.LeaderEpoch:
		return ErrFencedLeaderEpoch
	case currentLeaderEpoch >= 0 && currentLeaderEpoch > s.LeaderEpoch:
		return ErrUnknownLeaderEpoch
	case s.Role == None, leaderOnly && s.Role != Leader:
		return ErrNotLeaderOrFollower
	}
	return nil
}
