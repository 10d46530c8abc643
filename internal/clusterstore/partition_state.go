package clusterstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"milena/internal/coord"

	"golang.org/x/sync/errgroup"
)

// PartitionID names a partition.
type PartitionID struct {
	Topic     string
	Partition int32
}

func (p PartitionID) String() string { return p.Topic + "-" + strconv.Itoa(int(p.Partition)) }

// Compare orders partitions by topic and number.
func (p PartitionID) Compare(other PartitionID) int {
	return cmp.Or(cmp.Compare(p.Topic, other.Topic), cmp.Compare(p.Partition, other.Partition))
}

// PartitionState is what /brokers/topics/T/partitions/P/state tells.
type PartitionState struct {
	Leader      int32 // -1 none
	LeaderEpoch int32
	ISR         []int32
	// Recovering: the leader was elected uncleanly and has not said that it recovered (KIP-704).
	Recovering bool
	// ELR are replicas outside the ISR that have all that is committed (KIP-966): they left while the ISR was below min.insync.replicas, and
	// nothing is committed until it is not. LastKnownELR are those that were in sync and may have lost records since; the only member of an ISR
	// may be one of them.
	ELR          []int32
	LastKnownELR []int32
	// LastLeader led before Leader became -1; -1 where that is not known, and where there is a leader.
	LastLeader      int32
	ControllerEpoch int32
	// Version is that of the node, which Kafka calls partition epoch; set when read or written.
	Version int32
	// ModID is the position of the node's last change in the history of the store (coord.Stat); set when read.
	ModID int64
}

// /brokers/topics/T/partitions/P/state: {"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}
// with "leader_recovery_state":1 while Recovering, and Milena's "milena":{"elr":[2],"lastKnownElr":[1],"lastLeader":1} where one of them is
// there. Kafka's controller leaves those out when it writes: then nobody outside the ISR counts as eligible.
type partitionStateJSON struct {
	ControllerEpoch int32    `json:"controller_epoch"`
	Leader          int32    `json:"leader"`
	Version         int      `json:"version"`
	LeaderEpoch     int32    `json:"leader_epoch"`
	ISR             []int32  `json:"isr"`
	Recovery        int8     `json:"leader_recovery_state,omitempty"`
	Milena          *elrJSON `json:"milena,omitempty"`
}

type elrJSON struct {
	ELR        []int32 `json:"elr,omitempty"`
	LastKnown  []int32 `json:"lastKnownElr,omitempty"`
	LastLeader *int32  `json:"lastLeader,omitempty"`
}

func encodePartitionState(p *PartitionState) []byte {
	j := partitionStateJSON{ControllerEpoch: p.ControllerEpoch, Leader: p.Leader, Version: 1, LeaderEpoch: p.LeaderEpoch, ISR: p.ISR}
	if j.ISR == nil {
		j.ISR = []int32{}
	}
	if p.Recovering {
		j.Recovery = 1
	}
	if len(p.ELR)+len(p.LastKnownELR) > 0 || p.Leader < 0 && p.LastLeader >= 0 {
		j.Milena = &elrJSON{ELR: p.ELR, LastKnown: p.LastKnownELR}
		if p.Leader < 0 && p.LastLeader >= 0 {
			j.Milena.LastLeader = &p.LastLeader
		}
	}
	return encode(j)
}

func decodePartitionState(path string, data []byte) (*PartitionState, error) {
	j := partitionStateJSON{Leader: -2}
	if err := decode(path, data, &j); err != nil {
		return nil, err
	}
	if j.Leader < -1 {
		return nil, corrupt(path, "no leader")
	}
	p := &PartitionState{
		Leader: j.Leader, LeaderEpoch: j.LeaderEpoch, ISR: j.ISR, Recovering: j.Recovery == 1, ControllerEpoch: j.ControllerEpoch,
		LastLeader: -1,
	}
	if j.Milena != nil {
		p.ELR, p.LastKnownELR = j.Milena.ELR, j.Milena.LastKnown
		if j.Milena.LastLeader != nil {
			p.LastLeader = *j.Milena.LastLeader
		}
	}
	return p, nil
}

// readers bounds how many reads run at once where a store has no bulk read; bulkFrom is how many states are worth reading all.
const (
	readers  = 64
	bulkFrom = 16
)

// PartitionStates reads the states of all partitions of the topics given; those without a state node are left out.
func (s *Store) PartitionStates(ctx context.Context, topics []*Topic) (map[PartitionID]*PartitionState, error) {
	var ids []PartitionID
	for _, t := range topics {
		for n := range t.Partitions {
			ids = append(ids, PartitionID{t.Name, int32(n)})
		}
	}
	if bulk, ok := s.coord.(bulkReader); ok && len(ids) > bulkFrom {
		return s.bulkStates(ctx, bulk)
	}
	found := make([]*PartitionState, len(ids))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, id := range ids {
		group.Go(func() error {
			state, err := s.PartitionState(groupCtx, id)
			if errors.Is(err, coord.ErrNoNode) {
				return nil
			}
			found[i] = state
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	states := make(map[PartitionID]*PartitionState, len(ids))
	for i, id := range ids {
		if found[i] != nil {
			states[id] = found[i]
		}
	}
	return states, nil
}

func (s *Store) bulkStates(ctx context.Context, bulk bulkReader) (map[PartitionID]*PartitionState, error) {
	nodes, err := bulk.ListBelow(ctx, TopicsPath, 4)
	if err != nil {
		return nil, err
	}
	states := make(map[PartitionID]*PartitionState, len(nodes))
	for path, node := range nodes {
		rest, ok := strings.CutSuffix(path, "/state")
		if !ok {
			continue
		}
		topic, number, ok := strings.Cut(strings.TrimPrefix(rest, TopicsPath+"/"), "/partitions/")
		n, err := strconv.ParseInt(number, 10, 32)
		if !ok || err != nil {
			continue
		}
		state, err := decodePartitionState(path, node.Data)
		if err != nil {
			return nil, err
		}
		state.Version, state.ModID = node.Stat.Version, node.Stat.ModID
		states[PartitionID{topic, int32(n)}] = state
	}
	return states, nil
}

// PartitionState reads one state; coord.ErrNoNode where there is none.
func (s *Store) PartitionState(ctx context.Context, id PartitionID) (*PartitionState, error) {
	path := PartitionStatePath(id.Topic, id.Partition)
	node, err := s.coord.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	state, err := decodePartitionState(path, node.Data)
	if err == nil {
		state.Version, state.ModID = node.Stat.Version, node.Stat.ModID
	}
	return state, err
}

// CreatePartitionStates makes the nodes of new partitions, by a controller; fresh names the topics that have no partitions' parent yet. The
// states are given their versions. Nodes that are there already, because a controller was interrupted, stay, and their states are taken over.
func (s *Store) CreatePartitionStates(ctx context.Context, epoch Epoch, states map[PartitionID]*PartitionState, fresh map[string]bool) error {
	err := s.createStates(ctx, epoch, states, fresh)
	if errors.Is(err, ErrFenced) || !errors.Is(err, coord.ErrNodeExists) && !errors.Is(err, coord.ErrNoNode) {
		return err
	}
	there := map[string]map[string]bool{} // topic → numbers of the partitions that have a node
	missing, fresh := map[PartitionID]*PartitionState{}, map[string]bool{}
	for id, state := range states {
		if there[id.Topic] == nil {
			names, err := s.coord.Children(ctx, partitionsPath(id.Topic))
			if err != nil && !errors.Is(err, coord.ErrNoNode) {
				return err
			}
			fresh[id.Topic] = err != nil
			there[id.Topic] = map[string]bool{}
			for _, name := range names {
				there[id.Topic][name] = true
			}
		}
		if !there[id.Topic][strconv.Itoa(int(id.Partition))] {
			missing[id] = state
			continue
		}
		if err := s.repairState(ctx, epoch, id, state); err != nil {
			return err
		}
	}
	maps.DeleteFunc(fresh, func(_ string, is bool) bool { return !is })
	return s.createStates(ctx, epoch, missing, fresh)
}

func (s *Store) createStates(ctx context.Context, epoch Epoch, states map[PartitionID]*PartitionState, fresh map[string]bool) error {
	var steps [][]coord.Op
	for topic := range fresh {
		steps = append(steps, []coord.Op{coord.Create{Path: partitionsPath(topic)}})
	}
	for id, state := range states {
		state.Version = 0
		steps = append(steps, []coord.Op{
			coord.Create{Path: partitionPath(id.Topic, id.Partition)},
			coord.Create{Path: PartitionStatePath(id.Topic, id.Partition), Data: encodePartitionState(state)},
		})
	}
	return fenced(s.multi(ctx, []coord.Op{epoch.Guard()}, steps))
}

// repairState takes over the state of a partition that has a node, or makes it where only the partition's node is there.
func (s *Store) repairState(ctx context.Context, epoch Epoch, id PartitionID, state *PartitionState) error {
	written, err := s.PartitionState(ctx, id)
	if err == nil {
		*state = *written
		return nil
	}
	if !errors.Is(err, coord.ErrNoNode) {
		return err
	}
	state.Version = 0
	_, err = s.coord.Multi(ctx, epoch.Guard(), coord.Create{
		Path: PartitionStatePath(id.Topic, id.Partition), Data: encodePartitionState(state),
	})
	return fenced(err)
}

// UpdatePartitionStates writes changed states, each against the version it was read at, by a controller; versions are raised.
// It returns those refused because another has written them (an ISR change by a leader).
func (s *Store) UpdatePartitionStates(ctx context.Context, epoch Epoch, states map[PartitionID]*PartitionState) (refused []PartitionID, err error) {
	ids := slices.Collect(maps.Keys(states))
	for len(ids) > 0 {
		part := ids[:min(len(ids), int(s.maxOps.Load())-1)]
		again, err := s.updateStates(ctx, epoch, states, part)
		if err != nil && len(part) > 1 && s.lowerLimit(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ids = ids[len(part):]
		refused = append(refused, again...)
	}
	return refused, nil
}

func (s *Store) updateStates(
	ctx context.Context, epoch Epoch, states map[PartitionID]*PartitionState, part []PartitionID,
) (refused []PartitionID, err error) {
	for len(part) > 0 {
		ops := []coord.Op{epoch.Guard()}
		for _, id := range part {
			state := states[id]
			ops = append(ops, coord.Set{
				Path: PartitionStatePath(id.Topic, id.Partition), Data: encodePartitionState(state), Version: state.Version,
			})
		}
		results, err := s.coord.Multi(ctx, ops...)
		if err == nil {
			for i, id := range part {
				states[id].Version = results[i+1].Stat.Version
			}
			return refused, nil
		}
		var multi *coord.MultiError
		if !errors.As(err, &multi) || multi.Index == 0 || multi.Index > len(part) {
			return refused, fenced(err)
		}
		// All but the refused one, again.
		refused = append(refused, part[multi.Index-1])
		rest := append([]PartitionID{}, part[:multi.Index-1]...)
		part = append(rest, part[multi.Index:]...)
	}
	return refused, nil
}
