package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// verify is --verify. Throttles go when nothing at all is being moved any more.
func (r *reassigner) verify(ctx context.Context, plan []replicaMove, preserve bool) error {
	moving, err := r.moving(ctx)
	if err != nil {
		return err
	}
	var looked []replicaMove
	for _, move := range plan {
		if _, is := moving[move.topicPartition]; !is {
			looked = append(looked, move)
		}
	}
	current, err := r.found(ctx, topicsOf(looked))
	if err != nil {
		return err
	}
	r.env.println(reassignmentStatus(plan, moving, current))
	dirs, err := r.dirStates(ctx, plan)
	if err != nil {
		return err
	}
	var lines []string
	ongoing := len(moving) > 0
	for _, state := range dirs {
		lines = append(lines, state.String())
		ongoing = ongoing || state.active()
	}
	r.env.println(strings.Join(lines, "\n"))
	if ongoing || preserve {
		return nil
	}
	return r.clearThrottles(ctx, plan)
}

// reassignmentStatus tells how far each partition of a plan is.
func reassignmentStatus(plan []replicaMove, moving map[topicPartition]movingPartition, current map[topicPartition][]int32) string {
	targets := map[topicPartition][]int32{}
	for _, move := range plan {
		targets[move.topicPartition] = move.replicas
	}
	lines := []string{"Status of partition reassignment:"}
	for _, tp := range partitionsOf(plan) {
		_, is := moving[tp]
		switch {
		case is:
			lines = append(lines, fmt.Sprintf("Reassignment of partition %s is still in progress.", tp))
		case slices.Equal(current[tp], targets[tp]):
			lines = append(lines, fmt.Sprintf("Reassignment of partition %s is completed.", tp))
		default:
			lines = append(lines, fmt.Sprintf("There is no active reassignment of partition %s, but replica set is %s rather than %s.",
				tp, commaList(current[tp]), commaList(targets[tp])))
		}
	}
	return strings.Join(lines, "\n")
}

// dirState is where one replica is, and the directory that a plan names for it.
type dirState struct {
	partitionReplica
	replicaDirs
	target string
}

// active tells whether the replica is being moved between directories.
func (s *dirState) active() bool { return s.current != "" && s.future != "" }

func (s *dirState) String() string {
	switch {
	case s.current == "":
		return fmt.Sprintf("Partition %s is not found in any live log dir on broker %d. There is likely an offline log directory on the broker.",
			s.topicPartition, s.broker)
	case s.future == s.target:
		return fmt.Sprintf("Reassignment of replica %s is still in progress.", s.partitionReplica)
	case s.future != "":
		return fmt.Sprintf("Partition %s on broker %d is being moved to log dir %s instead of %s.", s.topicPartition, s.broker, s.future, s.target)
	case s.current == s.target:
		return fmt.Sprintf("Reassignment of replica %s completed successfully.", s.partitionReplica)
	}
	return fmt.Sprintf("Partition %s on broker %d is not being moved from log dir %s to %s.", s.topicPartition, s.broker, s.current, s.target)
}

// dirStates looks at all replicas for which a plan names directories.
func (r *reassigner) dirStates(ctx context.Context, plan []replicaMove) ([]dirState, error) {
	targets := dirTargets(plan)
	if len(targets) == 0 {
		return nil, nil
	}
	replicas := sortedReplicas(targets)
	described, err := r.describeReplicas(ctx, replicas)
	if err != nil {
		return nil, err
	}
	var states []dirState
	for _, replica := range replicas {
		states = append(states, dirState{replica, described[replica], targets[replica]})
	}
	return states, nil
}

// cancel is --cancel.
func (r *reassigner) cancel(ctx context.Context, v *Values, plan []replicaMove) error {
	moving, err := r.moving(ctx)
	if err != nil {
		return err
	}
	var active []topicPartition
	none := map[topicPartition][]int32{}
	for _, tp := range partitionsOf(plan) {
		if _, is := moving[tp]; is {
			active, none[tp] = append(active, tp), nil
		}
	}
	if len(active) == 0 {
		r.env.println("None of the specified partition reassignments are active.")
	} else {
		refused, err := r.alter(ctx, none, true)
		if err != nil {
			return err
		}
		if len(refused) > 0 {
			return terseError(fmt.Sprintf("Error cancelling partition reassignment%s for:\n%s", plural(len(refused)), refusals(refused)))
		}
		r.env.printf("Successfully cancelled partition reassignment%s for: %s\n", plural(len(active)), joined(active))
	}
	if err := r.cancelDirs(ctx, v, plan); err != nil || v.Has("preserve-throttles") {
		return err
	}
	return r.clearThrottles(ctx, plan)
}

// cancelDirs sends what is being moved between directories back to where it is.
func (r *reassigner) cancelDirs(ctx context.Context, v *Values, plan []replicaMove) error {
	states, err := r.dirStates(ctx, plan)
	if err != nil {
		return err
	}
	back := map[partitionReplica]string{}
	for i := range states {
		if states[i].active() {
			back[states[i].partitionReplica] = states[i].current
		}
	}
	if len(back) == 0 {
		r.env.printf("None of the specified partition moves are active.") // Kafka's tool has no line end here
		return nil
	}
	return r.moveDirs(ctx, back, time.Duration(v.Int("timeout"))*time.Millisecond)
}
