package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Settings by which replication is throttled: rates of brokers, and which replicas of a topic they are for.
const (
	leaderThrottledRate       = "leader.replication.throttled.rate"
	followerThrottledRate     = "follower.replication.throttled.rate"
	dirsThrottledRate         = "replica.alter.log.dirs.io.max.bytes.per.second"
	leaderThrottledReplicas   = "leader.replication.throttled.replicas"
	followerThrottledReplicas = "follower.replication.throttled.replicas"
)

func brokerThrottles() []string {
	return []string{leaderThrottledRate, followerThrottledRate, dirsThrottledRate}
}
func topicThrottles() []string { return []string{leaderThrottledReplicas, followerThrottledReplicas} }

// throttled is whom a throttle is for: per topic "partition:broker" of the replicas that are read from and of those that are filled, and
// all brokers of either kind.
type throttled struct {
	leaders, followers map[string]string
	brokers            []int32
}

// planThrottles tells what a plan moves, beside what is being moved already.
func planThrottles(moving map[topicPartition]movingPartition, plan []replicaMove, current map[topicPartition][]int32) throttled {
	sources, destinations := map[topicPartition][]int32{}, map[topicPartition][]int32{}
	for tp, m := range moving {
		sources[tp], destinations[tp] = without(m.replicas, m.adding), m.adding
	}
	for _, move := range plan {
		if _, is := moving[move.topicPartition]; !is {
			sources[move.topicPartition] = current[move.topicPartition]
		}
		destinations[move.topicPartition] = without(move.replicas, sources[move.topicPartition])
	}
	t := throttled{leaders: throttledReplicas(sources), followers: throttledReplicas(destinations)}
	for _, side := range []map[topicPartition][]int32{sources, destinations} {
		for _, brokers := range side {
			t.brokers = append(t.brokers, brokers...)
		}
	}
	slices.Sort(t.brokers)
	t.brokers = slices.Compact(t.brokers)
	return t
}

// without is list less what is in other.
func without(list, other []int32) []int32 {
	var left []int32
	for _, n := range list {
		if !slices.Contains(other, n) {
			left = append(left, n)
		}
	}
	return left
}

// throttledReplicas writes replicas as the topics' settings have them; sorted as text, as in Kafka.
func throttledReplicas(side map[topicPartition][]int32) map[string]string {
	words := map[string][]string{}
	for tp, brokers := range side {
		if words[tp.topic] == nil {
			words[tp.topic] = []string{}
		}
		for _, broker := range brokers {
			words[tp.topic] = append(words[tp.topic], fmt.Sprintf("%d:%d", tp.partition, broker))
		}
	}
	text := map[string]string{}
	for topic, list := range words {
		slices.Sort(list)
		text[topic] = strings.Join(slices.Compact(list), ",")
	}
	return text
}

// throttle puts the throttles of --execute in force.
func (r *reassigner) throttle(ctx context.Context, v *Values, plan []replicaMove, t throttled, live map[int32]bool) error {
	between, dirs := v.Int("throttle"), v.Int("replica-alter-log-dirs-throttle")
	if between < 0 && dirs < 0 {
		return nil
	}
	if !v.Has("wait") {
		r.env.println("Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed.")
	}
	if between >= 0 {
		for _, topic := range slices.Sorted(maps.Keys(t.leaders)) {
			add := newProperties()
			add.Set(leaderThrottledReplicas, t.leaders[topic])
			add.Set(followerThrottledReplicas, t.followers[topic])
			if err := r.alterResource(ctx, topicsEntity, topic, add, nil); err != nil {
				return err
			}
		}
		if err := r.setRates(ctx, t.brokers, live, between, leaderThrottledRate, followerThrottledRate); err != nil {
			return err
		}
		r.env.printf("The inter-broker throttle limit was set to %d B/s\n", between)
	}
	if dirs >= 0 {
		var brokers []int32
		for replica := range dirTargets(plan) {
			brokers = append(brokers, replica.broker)
		}
		slices.Sort(brokers)
		if err := r.setRates(ctx, slices.Compact(brokers), live, dirs, dirsThrottledRate); err != nil {
			return err
		}
		r.env.printf("The replica-alter-dir throttle limit was set to %d B/s\n", dirs)
	}
	return nil
}

// setRates sets rates of brokers. One that is gone needs none: its replicas may be what is being replaced.
func (r *reassigner) setRates(ctx context.Context, brokers []int32, live map[int32]bool, rate int64, names ...string) error {
	add := newProperties()
	for _, name := range names {
		add.Set(name, strconv.FormatInt(rate, 10))
	}
	for _, broker := range brokers {
		if !live[broker] {
			r.env.errorf("WARN Broker %d is not there: it gets no throttle.\n", broker)
			continue
		}
		if err := r.alterResource(ctx, brokersEntity, strconv.Itoa(int(broker)), add, nil); err != nil {
			return err
		}
	}
	return nil
}

// clearThrottles removes the throttles of all brokers, and of the plan's topics: which brokers were read from is not known any more.
func (r *reassigner) clearThrottles(ctx context.Context, plan []replicaMove) error {
	live, err := r.liveBrokers(ctx)
	if err != nil {
		return err
	}
	brokers := brokersOf(plan, slices.Collect(maps.Keys(live))...)
	javaOrder(brokers, 16, func(id int32) int32 { return id })
	r.env.printf("Clearing broker-level throttles on broker%s %s\n", plural(len(brokers)), commaList(brokers))
	for _, broker := range brokers {
		if !live[broker] {
			r.env.errorf("WARN Broker %d is not there: its throttle is not removed.\n", broker)
			continue
		}
		if err := r.alterResource(ctx, brokersEntity, strconv.Itoa(int(broker)), newProperties(), brokerThrottles()); err != nil {
			return err
		}
	}
	topics := javaHashOrder(topicsOf(plan))
	r.env.printf("Clearing topic-level throttles on topic%s %s\n", plural(len(topics)), strings.Join(topics, ","))
	for _, topic := range topics {
		if err := r.alterResource(ctx, topicsEntity, topic, newProperties(), topicThrottles()); err != nil {
			return err
		}
	}
	return nil
}
