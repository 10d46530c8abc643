package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const alreadyMoving = "Cannot execute because there is an existing partition assignment.  Use --additional to override this and create " +
	"a new partition assignment in addition to the existing one. The --additional flag can also be used to change the throttle by " +
	"resubmitting the current reassignment."

// execute is --execute: throttles first, then the moves between brokers, then those between directories.
func (r *reassigner) execute(ctx context.Context, v *Values, plan []replicaMove) error {
	if err := checkReassignment(plan); err != nil {
		return err
	}
	moving, err := r.moving(ctx)
	if err != nil {
		return err
	}
	if len(moving) > 0 && !v.Has("additional") {
		return terseError(alreadyMoving)
	}
	live, err := r.liveBrokers(ctx)
	if err != nil {
		return err
	}
	for _, broker := range brokersOf(plan) {
		if !live[broker] {
			return fmt.Errorf("Unknown broker id %d", broker)
		}
	}
	current, err := r.currentOf(ctx, plan)
	if err != nil {
		return err
	}
	dirs, err := r.directories(ctx, current)
	if err != nil {
		return err
	}
	r.env.printf("Current partition replica assignment\n\n%s\n\nSave this to use as the --reassignment-json-file option during rollback\n",
		formatReassignment(current, dirs))
	if err := r.throttle(ctx, v, plan, planThrottles(moving, plan, current), live); err != nil {
		return err
	}
	targets := map[topicPartition][]int32{}
	for _, move := range plan {
		targets[move.topicPartition] = move.replicas
	}
	refused, err := r.alter(ctx, targets, !v.Has("disallow-replication-factor-change"))
	if err != nil {
		return err
	}
	if len(refused) > 0 {
		return terseError("Error reassigning partition(s):\n" + refusals(refused))
	}
	r.env.printf("Successfully started partition reassignment%s for %s\n", plural(len(plan)), joined(partitionsOf(plan)))
	return r.moveDirs(ctx, dirTargets(plan), time.Duration(v.Int("timeout"))*time.Millisecond)
}

// currentOf tells where the partitions of a plan are; one that is not there is an error.
func (r *reassigner) currentOf(ctx context.Context, plan []replicaMove) (map[topicPartition][]int32, error) {
	assigned, err := r.assignments(ctx, topicsOf(plan))
	if err != nil {
		return nil, err
	}
	current := map[topicPartition][]int32{}
	var missing []string
	for _, tp := range partitionsOf(plan) {
		replicas, ok := assigned[tp]
		if !ok {
			missing = append(missing, tp.String())
			continue
		}
		current[tp] = replicas
	}
	if len(missing) > 0 {
		return nil, unknownPartition("Unable to find partition: " + strings.Join(missing, ", "))
	}
	return current, nil
}

// alter asks the controller to move partitions; nil replicas cancel. It returns what was refused.
func (r *reassigner) alter(ctx context.Context, targets map[topicPartition][]int32, anyFactor bool) (map[topicPartition]error, error) {
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis, request.AllowReplicationFactorChange = requestTimeoutMs, anyFactor
	for _, tp := range sortedPartitions(targets) {
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Topic != tp.topic {
			request.Topics = append(request.Topics, kmsg.AlterPartitionAssignmentsRequestTopic{Topic: tp.topic})
		}
		topic := &request.Topics[len(request.Topics)-1]
		topic.Partitions = append(topic.Partitions,
			kmsg.AlterPartitionAssignmentsRequestTopicPartition{Partition: tp.partition, Replicas: targets[tp]})
	}
	response, err := call[*kmsg.AlterPartitionAssignmentsResponse](ctx, r.admin, "alterPartitionReassignments", request)
	if err != nil {
		return nil, err
	}
	refused := map[topicPartition]error{}
	if err := codeError(response.ErrorCode, response.ErrorMessage); err != nil {
		for tp := range targets {
			refused[tp] = err
		}
		return refused, nil
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if err := codeError(p.ErrorCode, p.ErrorMessage); err != nil {
				refused[topicPartition{t.Topic, p.Partition}] = err
			}
		}
	}
	return refused, nil
}

func refusals(refused map[topicPartition]error) string {
	var lines []string
	for _, tp := range sortedPartitions(refused) {
		lines = append(lines, tp.String()+": "+refused[tp].Error())
	}
	return strings.Join(lines, "\n")
}

// dirTargets are the directories that a plan names.
func dirTargets(plan []replicaMove) map[partitionReplica]string {
	targets := map[partitionReplica]string{}
	for _, move := range plan {
		for i, dir := range move.logDirs {
			if dir != anyLogDir {
				targets[partitionReplica{move.topicPartition, move.replicas[i]}] = dir
			}
		}
	}
	return targets
}

func sortedReplicas(targets map[partitionReplica]string) []partitionReplica {
	return slices.SortedFunc(maps.Keys(targets), compareReplicas)
}

// moveDirs begins the moves between directories. A replica that its broker does not have yet is asked for again, until the time-out.
func (r *reassigner) moveDirs(ctx context.Context, targets map[partitionReplica]string, timeout time.Duration) error {
	end := time.Now().Add(timeout)
	for len(targets) > 0 {
		for _, replica := range sortedReplicas(targets) {
			begun, err := r.alterDir(ctx, replica, targets[replica])
			if err != nil {
				return err
			}
			if begun {
				r.env.printf("Successfully started moving log directory to %s for replica %s with broker %d \n", targets[replica],
					replica.topicPartition, replica.broker)
				delete(targets, replica)
			}
		}
		if len(targets) == 0 {
			break
		}
		if !time.Now().Before(end) {
			return terseError(fmt.Sprintf("Timed out before log directory move%s could be started for: %s", plural(len(targets)),
				joined(sortedReplicas(targets))))
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// alterDir asks a broker to move a replica into a directory; false where the broker has no such replica yet.
func (r *reassigner) alterDir(ctx context.Context, replica partitionReplica, dir string) (bool, error) {
	request := kmsg.NewPtrAlterReplicaLogDirsRequest()
	request.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{{Dir: dir,
		Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: replica.topic, Partitions: []int32{replica.partition}}}}}
	answer, err := r.askBroker(ctx, "alterReplicaLogDirs", replica.broker, request)
	if err != nil {
		return false, err
	}
	for _, t := range answer.(*kmsg.AlterReplicaLogDirsResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == kerr.ReplicaNotAvailable.Code {
				return false, nil
			}
			if err := codeError(p.ErrorCode, nil); err != nil {
				return false, errors.New("Failed to alter dir for " + replica.String() + ": " + err.Error())
			}
		}
	}
	return true, nil
}

// pause waits; the error is that of a context that ended first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
