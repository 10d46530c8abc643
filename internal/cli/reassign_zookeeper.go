package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	placing "milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kgo"
)

// treeReassigner moves partitions by leaving requests in the cluster's tree, as Kafka's tool of 2.4 did.
type treeReassigner struct {
	env   *Env
	store *clusterstore.Store
}

// reassignByZooKeeper is kafka-reassign-partitions.sh --zookeeper.
func (env *Env) reassignByZooKeeper(ctx context.Context, v *Values) error {
	if err := checkTreeReassign(v); err != nil {
		return err
	}
	store, err := openTree(ctx, v.Value("zookeeper"))
	if err == nil {
		defer store.Coord().Close()
		err = (&treeReassigner{env, store}).act(ctx, v)
	}
	if err != nil {
		env.printf("Partitions reassignment failed due to %v\n", err)
		return Exit(1)
	}
	return nil
}

// checkTreeReassign refuses what does not go together, in the words of Kafka 2.4.
func checkTreeReassign(v *Values) error {
	given := 0
	for _, action := range reassignActions() {
		if v.Has(action) {
			given++
		}
	}
	if given != 1 || v.Has("cancel") || v.Has("list") {
		return Usage("Command must include exactly one action: --generate, --execute or --verify")
	}
	for _, name := range []string{"additional", "bootstrap-controller", "disallow-replication-factor-change", "preserve-throttles", "wait"} {
		if v.Has(name) {
			return Usagef("Option \"[%s]\" can't be used with option \"[zookeeper]\"", name)
		}
	}
	const generated = " that was output during the --generate option"
	switch {
	case v.Has("verify"):
		if !v.Has("reassignment-json-file") {
			return Usage("If --verify option is used, command must include --reassignment-json-file that was used during the --execute option")
		}
		return v.Exclude("verify", "throttle", "replica-alter-log-dirs-throttle", "topics-to-move-json-file", "disable-rack-aware", "broker-list")
	case v.Has("generate"):
		if !v.Has("topics-to-move-json-file") || !v.Has("broker-list") {
			return Usage("If --generate option is used, command must include both --topics-to-move-json-file and --broker-list options")
		}
		return v.Exclude("generate", "throttle", "replica-alter-log-dirs-throttle", "reassignment-json-file")
	}
	if !v.Has("reassignment-json-file") {
		return Usage("If --execute option is used, command must include --reassignment-json-file" + generated)
	}
	return v.Exclude("execute", "topics-to-move-json-file", "disable-rack-aware", "broker-list")
}

func (r *treeReassigner) act(ctx context.Context, v *Values) error {
	if v.Has("generate") {
		return r.generate(ctx, v)
	}
	text, err := readWhole(v.Value("reassignment-json-file"))
	if err != nil {
		return err
	}
	plan, err := parseReassignment(text)
	if err != nil {
		return err
	}
	var brokers *reassigner // for directories
	if len(dirTargets(plan)) > 0 {
		if !v.Has("bootstrap-server") {
			return errors.New("bootstrap-server needs to be provided in order to reassign replica to the specified log directory")
		}
		a, err := r.env.openAdmin(v.Value("bootstrap-server"), v.Value("command-config"), kgo.ClientID("reassign-partitions-tool"))
		if err != nil {
			return err
		}
		defer a.close()
		brokers = &reassigner{a}
	}
	if v.Has("verify") {
		return r.verify(ctx, plan, brokers)
	}
	return r.execute(ctx, v, plan, brokers)
}

func (r *treeReassigner) generate(ctx context.Context, v *Values) error {
	wanted, err := brokersToReassign(v.Value("broker-list"))
	if err != nil {
		return err
	}
	text, err := readWhole(v.Value("topics-to-move-json-file"))
	if err != nil {
		return err
	}
	topics, err := parseTopicsToMove(text)
	if err != nil {
		return err
	}
	current, err := r.assigned(ctx, topics)
	if err != nil {
		return err
	}
	registered, err := r.store.Brokers(ctx)
	if err != nil {
		return err
	}
	var candidates []placing.Candidate
	for _, b := range registered {
		if slices.Contains(wanted, b.ID) {
			candidates = append(candidates, placing.Candidate{ID: b.ID, Rack: b.Rack})
		}
	}
	proposed, err := propose(current, candidates, !v.Has("disable-rack-aware"))
	var few *tooFewBrokers
	if errors.As(err, &few) {
		return fmt.Errorf("Replication factor: %d larger than available brokers: %d.", few.replicas, few.brokers)
	}
	if err != nil {
		return err
	}
	r.env.printf("Current partition replica assignment\n%s\n\n", formatReassignment(current, nil))
	r.env.printf("Proposed partition reassignment configuration\n%s\n", formatReassignment(proposed, nil))
	return nil
}

// assigned tells where the partitions of topics are; topics that are not there are left out.
func (r *treeReassigner) assigned(ctx context.Context, topics []string) (map[topicPartition][]int32, error) {
	assigned := map[topicPartition][]int32{}
	for _, name := range topics {
		topic, err := r.store.Topic(ctx, name)
		if errors.Is(err, coord.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for p, a := range topic.Partitions {
			assigned[topicPartition{name, int32(p)}] = a.Replicas
		}
	}
	return assigned, nil
}

// requested are the partitions whose move has been asked for by way of the tree and is not done; nil where there is no such request.
func (r *treeReassigner) requested(ctx context.Context) (map[topicPartition]bool, error) {
	targets, err := r.store.Reassignments(ctx)
	if targets == nil || err != nil {
		return nil, err
	}
	running := map[topicPartition]bool{}
	targets.Each(func(id clusterstore.PartitionID, _ []int32) { running[topicPartition{id.Topic, id.Partition}] = true })
	return running, nil
}

func (r *treeReassigner) execute(ctx context.Context, v *Values, plan []replicaMove, brokers *reassigner) error {
	current, err := r.check(ctx, plan)
	if err != nil {
		return err
	}
	between, dirs := v.Int("throttle"), v.Int("replica-alter-log-dirs-throttle")
	running, err := r.requested(ctx)
	if err != nil {
		return err
	}
	if running != nil {
		r.env.println("There is an existing assignment running.")
		return r.limit(ctx, plan, current, between, dirs)
	}
	r.env.printf("Current partition replica assignment\n\n%s\n\nSave this to use as the --reassignment-json-file option during rollback\n",
		formatReassignment(current, nil))
	if between >= 0 || dirs >= 0 {
		r.env.println("Warning: You must run Verify periodically, until the reassignment completes, to ensure the throttle is removed. " +
			"You can also alter the throttle by rerunning the Execute command passing a new value.")
	}
	if err := r.throttle(ctx, plan, current, between, dirs); err != nil {
		return err
	}
	targets := map[clusterstore.PartitionID][]int32{}
	for _, move := range plan {
		targets[clusterstore.PartitionID{Topic: move.topic, Partition: move.partition}] = move.replicas
	}
	err = r.store.RequestReassignment(ctx, targets)
	if errors.Is(err, coord.ErrNodeExists) {
		return errors.New("Partition reassignment currently in progress. Aborting operation")
	}
	if err != nil {
		return err
	}
	if brokers != nil {
		if err := brokers.moveDirs(ctx, dirTargets(plan), time.Duration(v.Int("timeout"))*time.Millisecond); err != nil {
			return err
		}
	}
	r.env.println("Successfully started reassignment of partitions.")
	return nil
}

// check refuses plans that cannot be meant or name what is not there, and tells where the plan's topics are.
func (r *treeReassigner) check(ctx context.Context, plan []replicaMove) (map[topicPartition][]int32, error) {
	if len(plan) == 0 {
		return nil, errors.New("Partition reassignment data file is empty")
	}
	if err := checkReassignment(plan); err != nil {
		return nil, err
	}
	current, err := r.assigned(ctx, topicsOf(plan))
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, move := range plan {
		if _, ok := current[move.topicPartition]; !ok {
			missing = append(missing, move.String())
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("The proposed assignment contains non-existent partitions: List(%s)", strings.Join(missing, ", "))
	}
	registered, err := r.store.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, b := range registered {
		ids = append(ids, b.ID)
	}
	if unknown := without(brokersOf(plan), ids); len(unknown) > 0 {
		return nil, fmt.Errorf("The proposed assignment contains non-existent brokerIDs: %s", commaList(unknown))
	}
	return current, nil
}

// throttle sets which replicas are throttled, and rates.
func (r *treeReassigner) throttle(ctx context.Context, plan []replicaMove, current map[topicPartition][]int32, between, dirs int64) error {
	if between >= 0 {
		sources, destinations := map[topicPartition][]int32{}, map[topicPartition][]int32{}
		for _, move := range plan {
			moved := without(move.replicas, current[move.topicPartition])
			destinations[move.topicPartition], sources[move.topicPartition] = moved, nil
			if len(moved) > 0 {
				sources[move.topicPartition] = current[move.topicPartition]
			}
		}
		leaders, followers := throttledReplicas(sources), throttledReplicas(destinations)
		for _, topic := range topicsOf(plan) {
			set := map[string]string{leaderThrottledReplicas: leaders[topic], followerThrottledReplicas: followers[topic]}
			if err := r.set(ctx, clusterstore.TopicEntity(topic), set); err != nil {
				return err
			}
		}
	}
	if err := r.limit(ctx, plan, current, between, dirs); err != nil {
		return err
	}
	if between >= 0 {
		r.env.printf("The inter-broker throttle limit was set to %d B/s\n", between)
	}
	if dirs >= 0 {
		r.env.printf("The replica-alter-dir throttle limit was set to %d B/s\n", dirs)
	}
	return nil
}

// limit sets the rates of all brokers that have, or are to have, a partition of the plan's topics.
func (r *treeReassigner) limit(ctx context.Context, plan []replicaMove, current map[topicPartition][]int32, between, dirs int64) error {
	set := map[string]string{}
	if between >= 0 {
		set[leaderThrottledRate], set[followerThrottledRate] = strconv.FormatInt(between, 10), strconv.FormatInt(between, 10)
	}
	if dirs >= 0 {
		set[dirsThrottledRate] = strconv.FormatInt(dirs, 10)
	}
	if len(set) == 0 {
		return nil
	}
	var brokers []int32
	for _, replicas := range current {
		brokers = append(brokers, replicas...)
	}
	for _, broker := range brokersOf(plan, brokers...) {
		if err := r.set(ctx, clusterstore.BrokerEntity(strconv.Itoa(int(broker))), set); err != nil {
			return err
		}
	}
	return nil
}

func (r *treeReassigner) set(ctx context.Context, e clusterstore.Entity, set map[string]string) error {
	return r.store.ChangeConfig(ctx, e, func(config map[string]string) (map[string]string, error) {
		for key, value := range set {
			config[key] = value
		}
		return config, nil
	})
}

// verify tells how far the move is, and removes its throttles when all of the plan is where it should be.
func (r *treeReassigner) verify(ctx context.Context, plan []replicaMove, brokers *reassigner) error {
	r.env.println("Status of partition reassignment: ")
	running, err := r.requested(ctx)
	if err != nil {
		return err
	}
	current, err := r.assigned(ctx, topicsOf(plan))
	if err != nil {
		return err
	}
	all := true
	for _, move := range plan {
		state := "failed"
		if running[move.topicPartition] {
			state = "is still in progress"
		} else if slices.Equal(current[move.topicPartition], move.replicas) {
			state = "completed successfully"
		}
		all = all && state == "completed successfully"
		r.env.printf("Reassignment of partition %s %s\n", move.topicPartition, state)
	}
	if brokers != nil {
		states, err := brokers.dirStates(ctx, plan)
		if err != nil {
			return err
		}
		for i := range states {
			r.env.println(strings.TrimSuffix(states[i].String(), "."))
			all = all && states[i].future == "" && states[i].current == states[i].target
		}
	}
	if !all {
		return nil
	}
	return r.clear(ctx, plan)
}

// clear removes throttles from all registered brokers, and from the plan's topics.
func (r *treeReassigner) clear(ctx context.Context, plan []replicaMove) error {
	registered, err := r.store.Brokers(ctx)
	if err != nil {
		return err
	}
	names := map[clusterstore.Entity][]string{}
	for _, b := range registered {
		names[clusterstore.BrokerEntity(strconv.Itoa(int(b.ID)))] = brokerThrottles()
	}
	for _, topic := range topicsOf(plan) {
		names[clusterstore.TopicEntity(topic)] = topicThrottles()
	}
	changed := false
	for entity, remove := range names {
		config, err := r.store.Config(ctx, entity)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(remove, func(key string) bool { _, has := config[key]; return has }) {
			continue
		}
		changed = true
		err = r.store.ChangeConfig(ctx, entity, func(config map[string]string) (map[string]string, error) {
			for _, key := range remove {
				delete(config, key)
			}
			return config, nil
		})
		if err != nil {
			return err
		}
	}
	if changed {
		r.env.println("Throttle was removed.")
	}
	return nil
}
