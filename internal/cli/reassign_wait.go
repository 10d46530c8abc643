package cli

import (
	"context"
	"fmt"
	"time"
)

// reassignPause is how often --wait looks.
const reassignPause = 500 * time.Millisecond

// await waits until nothing of a plan is being moved any more. A terminal sees how much is left; elsewhere each partition that is done gets
// its line. A signal ends the waiting, not the move.
func (r *reassigner) await(ctx context.Context, plan []replicaMove) error {
	ctx, stop := r.env.Interruptible(ctx)
	defer stop()
	p := r.env.newProgress("")
	defer p.done()
	open := partitionsOf(plan)
	var rate moveRate
	for {
		moving, err := r.moving(ctx)
		if err != nil {
			return r.stopped(ctx, err)
		}
		states, err := r.dirStates(ctx, plan)
		if err != nil {
			return r.stopped(ctx, err)
		}
		dirs := map[topicPartition]bool{}
		for i := range states {
			if states[i].active() {
				dirs[states[i].topicPartition] = true
			}
		}
		var still []topicPartition
		for _, tp := range open {
			if _, is := moving[tp]; is || dirs[tp] {
				still = append(still, tp)
			} else {
				p.done()
				r.env.printf("Partition %s is moved.\n", tp)
			}
		}
		if open = still; len(open) == 0 {
			return nil
		}
		if p.shows() {
			left, err := r.bytesLeft(ctx, open, moving)
			if err != nil {
				return r.stopped(ctx, err)
			}
			p.line(fmt.Sprintf("%d of %d partitions to move, %s", len(open), len(plan), rate.text(left, time.Now())))
		}
		if err := pause(ctx, reassignPause); err != nil {
			return r.stopped(ctx, err)
		}
	}
}

// stopped is the error of a wait that ended early.
func (r *reassigner) stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	r.env.errorf("The move goes on, and throttles stand. --verify --wait waits on, --cancel gives it up.\n")
	return interrupted(ctx)
}

// bytesLeft is what the new replicas lack of what the others have on disk.
func (r *reassigner) bytesLeft(ctx context.Context, open []topicPartition, moving map[topicPartition]movingPartition) (int64, error) {
	live, err := r.liveBrokers(ctx)
	if err != nil {
		return 0, err
	}
	var replicas []partitionReplica
	for _, tp := range open {
		for _, broker := range moving[tp].replicas {
			if live[broker] {
				replicas = append(replicas, partitionReplica{tp, broker})
			}
		}
	}
	described, err := r.describeReplicas(ctx, replicas)
	if err != nil {
		return 0, err
	}
	return lacking(open, moving, described), nil
}

func lacking(open []topicPartition, moving map[topicPartition]movingPartition, described map[partitionReplica]replicaDirs) (left int64) {
	for _, tp := range open {
		m := moving[tp]
		var whole int64
		for _, broker := range without(m.replicas, m.adding) {
			whole = max(whole, described[partitionReplica{tp, broker}].sizeBytes)
		}
		for _, broker := range m.adding {
			left += max(0, whole-described[partitionReplica{tp, broker}].sizeBytes)
		}
	}
	return left
}

// moveRate tells from two looks how fast bytes are moved.
type moveRate struct {
	begin time.Time
	first int64
}

func (m *moveRate) text(left int64, now time.Time) string {
	if m.begin.IsZero() {
		m.begin, m.first = now, left
	}
	text := bytesText(left) + " left"
	if moved := m.first - left; moved > 0 && now.Sub(m.begin) >= time.Second {
		perSecond := float64(moved) / now.Sub(m.begin).Seconds()
		text += fmt.Sprintf(", %s/s, about %s", bytesText(int64(perSecond)), (time.Duration(float64(left)/perSecond) * time.Second).String())
	}
	return text
}

// bytesText writes a size as people read it.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
