package group

import (
	"encoding/binary"
	"fmt"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// machine is the groups of one partition and the offsets they committed. Everything in it is under the partition's lock.
type machine struct {
	host coordinator.Host
	c    *Coordinator

	// groups holds every group by its id, of whatever kind. An offset's group is always here: who commits without membership has an
	// empty classic group.
	groups map[string]group
	// offsets are those of the groups above; a group without offsets has no entry.
	offsets offsetStore
	// consumer is what consumer groups share.
	consumer consumerShare
	// live is false while the log is loaded. A live machine's records come from its own handlers: classic groups have done then what
	// their records tell.
	live bool
	// timers counts the keys given out by newTimer.
	timers uint64
	// unfinished are those who wait for work that is done in several steps: what tells them that it ends here.
	unfinished map[*func(code int16)]struct{}
}

// group is what every kind of group answers for. Errors are kerr's.
type group interface {
	// kind is the group's type as ListGroups names it: "classic", "consumer".
	kind() string
	// state is its state as ListGroups names it.
	state() string
	protocolType() string
	hasMember(id string) bool
	// empty tells that it has no members.
	empty() bool
	// subscribedTo tells whether its members consume a topic, or may do so: offsets of such topics stay.
	subscribedTo(topic string) bool
	// checkCommit and checkFetch refuse members, instances and generations (or member epochs) that are not the group's.
	checkCommit(f *fence) error
	checkFetch(memberID *string, epoch int32) error // GROUP_ID_NOT_FOUND: as if it were not there
	checkOffsetDelete() error
	checkDelete() error
	// tombstones appends the records that remove the group, without its offsets.
	tombstones(records []coordinator.Record) []coordinator.Record
	// retentionStart is when the retention of an offset begins, in ms since 1970; false: never as long as the group is as it is.
	retentionStart(o *offset) (sinceMs int64, expires bool)
	// dropped is called when the group has left machine.groups, by a tombstone or because another kind took its place: the time to
	// cancel timers and to answer those who wait.
	dropped()
	// unloaded is called when the partition moves away: answer those who wait with NOT_COORDINATOR.
	unloaded()
}

// classicProtocol is a group of another kind that members of the classic protocol may be in, too (KIP-848's conversion). The requests
// come here as long as the group is not empty; each is answered once, under the lock.
type classicProtocol interface {
	group
	joinClassic(by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) coordinator.Result
	syncClassic(by Caller, req *kmsg.SyncGroupRequest, reply func(*kmsg.SyncGroupResponse)) coordinator.Result
	heartbeatClassic(by Caller, req *kmsg.HeartbeatRequest, reply func(*kmsg.HeartbeatResponse)) coordinator.Result
	// leaveClassic has LeaveGroup of every version with Members; leaveReply makes the answer.
	leaveClassic(by Caller, req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) coordinator.Result
}

// fence is who commits.
type fence struct {
	memberID      string
	instanceID    *string
	epoch         int32 // generation or member epoch
	transactional bool
	version       int16 // of OffsetCommit or TxnOffsetCommit
	// partition, where checkCommit has set it, refuses partitions that the member did not have in that epoch.
	partition func(topic metadata.TopicID, partition int32) error
}

func newMachine(c *Coordinator, host coordinator.Host) *machine {
	m := &machine{host: host, c: c, groups: map[string]group{}, unfinished: map[*func(int16)]struct{}{}}
	m.offsets.init()
	m.consumer.init(m)
	return m
}

// Replay applies a record of the log. Those of share and streams groups, and of what a later Kafka may have, are passed over.
func (m *machine) Replay(r *coordinator.Replayed) error {
	if len(r.Key) < 2 {
		return fmt.Errorf("group: a key of %d bytes", len(r.Key))
	}
	switch kind := groupmsg.Type(binary.BigEndian.Uint16(r.Key)); kind {
	case groupmsg.LegacyOffsetCommit, groupmsg.OffsetCommit:
		return m.replayOffset(r)
	case groupmsg.GroupMetadata:
		return m.replayClassic(r)
	default:
		return m.replayConsumer(int16(kind), r)
	}
}

// EndTransaction applies or forgets the offsets of a producer's transaction.
func (m *machine) EndTransaction(producerID int64, _ int16, committed bool) {
	m.endTransaction(producerID, committed)
}

// Loaded schedules what the groups wait for.
func (m *machine) Loaded() {
	m.live = true
	m.classicLoaded()
	m.consumerLoaded()
	m.offsetsLoaded()
}

// Unloaded answers everyone who waits.
func (m *machine) Unloaded() {
	for _, g := range m.groups {
		g.unloaded()
	}
	for tell := range m.unfinished {
		m.host.Reply(func() { (*tell)(kerr.NotCoordinator.Code) })
	}
}
