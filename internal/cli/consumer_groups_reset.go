package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// resetPlan is what a group's offsets become, in the order in which Kafka's tool shows it.
type resetPlan struct {
	group   string
	order   []topicPartition
	offsets map[topicPartition]int64
}

// newPlan takes offsets, whose partitions came in the order of partitions.
func newPlan(group string, partitions []topicPartition, offsets map[topicPartition]int64) *resetPlan {
	order := slices.DeleteFunc(slices.Clone(partitions), func(tp topicPartition) bool { _, ok := offsets[tp]; return !ok })
	javaOrder(order, 16, topicPartition.javaHash)
	return &resetPlan{group, order, offsets}
}

// reset is --reset-offsets.
func (g *groupClient) reset(ctx context.Context, v *Values) error {
	ids, err := g.chosenGroups(ctx, v)
	if err != nil {
		return failedInCall(err)
	}
	answers, err := g.describe(ctx, ids)
	if err != nil {
		return failedInCall(err)
	}
	r := &resetter{groupClient: g, v: v, single: len(v.All("group")) == 1}
	var plans []*resetPlan
	for _, id := range javaHashOrder(ids) {
		plan, err := r.group(ctx, id, answers)
		if err != nil {
			return err
		}
		plans = append(plans, plan)
	}
	if v.Has("export") {
		g.env.println(exportPlans(plans, r.single))
		return nil
	}
	printPlans(g.env, plans)
	return nil
}

// resetter makes the plans of one run.
type resetter struct {
	*groupClient
	v      *Values
	single bool                                // one group was asked for: files have no column for it
	file   map[string]map[topicPartition]int64 // what --from-file says, once it is read
}

// group plans one group's offsets and, with --execute, commits them. Groups with members are left alone.
func (r *resetter) group(ctx context.Context, id string, answers *groupAnswers) (*resetPlan, error) {
	if err := answers.errs[id]; err != nil && !isCode(err, kerr.GroupIDNotFound) {
		return nil, failedInCall(err)
	}
	if group := answers.groups[id]; group != nil && group.state != "Empty" && group.state != "Dead" {
		r.env.printf("\nError: Assignments can only be reset if the group '%s' is inactive, but the current state is %s.\n", id, group.state)
		return newPlan(id, nil, nil), nil
	}
	partitions, err := r.partitions(ctx, id)
	if err != nil {
		return nil, err
	}
	plan, err := r.plan(ctx, id, partitions)
	if err != nil {
		return nil, err
	}
	if r.v.Has("execute") && len(plan.order) > 0 {
		return plan, r.commit(ctx, plan)
	}
	return plan, nil
}

// partitions are those to reset. They have to be there, and to have leaders.
func (r *resetter) partitions(ctx context.Context, id string) ([]topicPartition, error) {
	var partitions []topicPartition
	switch {
	case r.v.Has("all-topics"):
		stored, err := r.committed(ctx, []string{id})
		if err != nil {
			return nil, failedInCall(err)
		}
		partitions = slices.SortedFunc(maps.Keys(stored[id]), topicPartition.compare)
	case r.v.Has("topic"):
		var err error
		if partitions, err = r.namedPartitions(ctx, r.v.All("topic")); err != nil {
			return nil, err
		}
	case !r.v.Has("from-file"):
		return nil, Usage("One of the reset scopes should be defined: --all-topics, --topic.")
	}
	led, err := r.leaders(ctx, partitions)
	if err != nil {
		return nil, failedInCall(err)
	}
	var missing, leaderless []string
	for _, tp := range partitions {
		if leader, ok := led[tp]; !ok {
			missing = append(missing, tp.String())
		} else if leader < 0 {
			leaderless = append(leaderless, tp.String())
		}
	}
	if len(missing) > 0 {
		return nil, &groupFailure{fmt.Sprintf("The partitions \"%s\" do not exist", strings.Join(missing, ","))}
	}
	if len(leaderless) > 0 {
		return nil, &groupFailure{fmt.Sprintf("The partitions \"%s\" have no leader", strings.Join(leaderless, ","))}
	}
	javaOrder(partitions, 16, topicPartition.javaHash)
	return partitions, nil
}

// namedPartitions are those of --topic: T:0,1 names two, T all that the topic has.
func (r *resetter) namedPartitions(ctx context.Context, specs []string) ([]topicPartition, error) {
	var partitions []topicPartition
	var topics []string
	for _, spec := range specs {
		if !strings.Contains(spec, ":") {
			topics = append(topics, spec)
			continue
		}
		named, err := partitionSpec(spec)
		if err != nil {
			return nil, err
		}
		partitions = append(partitions, named...)
	}
	if len(topics) == 0 {
		return partitions, nil
	}
	response, err := r.metadata(ctx, "describeTopics", topics)
	if err != nil {
		return nil, &groupFailure{err.Error()}
	}
	for i := range response.Topics {
		topic := &response.Topics[i]
		if err := codeError(topic.ErrorCode, nil); err != nil {
			return nil, &groupFailure{err.Error()}
		}
		for _, p := range topic.Partitions {
			partitions = append(partitions, topicPartition{topicName(topic), p.Partition})
		}
	}
	return partitions, nil
}

// partitionSpec reads TOPIC:0,1,2.
func partitionSpec(spec string) ([]topicPartition, error) {
	topic, list, _ := strings.Cut(spec, ":")
	list = strings.TrimRight(list, ":")
	if list == "" || strings.Contains(list, ":") {
		return nil, Usagef("Invalid topic arg '%s', expected topic name and partitions", spec)
	}
	var partitions []topicPartition
	for _, word := range strings.Split(strings.TrimRight(list, ","), ",") {
		n, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, Usagef("Invalid partition '%s' specified in topic arg '%s''", word, spec)
		}
		partitions = append(partitions, topicPartition{topic, int32(n)})
	}
	return partitions, nil
}

// plan chooses the offsets by the scenario.
func (r *resetter) plan(ctx context.Context, id string, partitions []topicPartition) (*resetPlan, error) {
	var offsets map[topicPartition]int64
	var err error
	switch {
	case r.v.Has("to-offset"):
		offsets = map[topicPartition]int64{}
		for _, tp := range partitions {
			offsets[tp] = r.v.Int("to-offset")
		}
		err = r.keepInRange(ctx, offsets)
	case r.v.Has("to-earliest"):
		offsets, err = r.listed(ctx, partitions, -2)
	case r.v.Has("to-latest"):
		offsets, err = r.listed(ctx, partitions, -1)
	case r.v.Has("shift-by"):
		offsets, err = r.shifted(ctx, id, partitions)
	case r.v.Has("to-datetime"):
		var ms int64
		if ms, err = dateTimeMs(r.v.Value("to-datetime")); err == nil {
			offsets, err = r.atTime(ctx, partitions, ms)
		}
	case r.v.Has("by-duration"):
		var before time.Duration
		if before, err = javaDuration(r.v.Value("by-duration")); err == nil {
			offsets, err = r.atTime(ctx, partitions, time.Now().Add(-before).UnixMilli())
		}
	case r.v.Has("from-file"):
		offsets, err = r.fromFile(ctx, id)
		partitions = slices.SortedFunc(maps.Keys(offsets), topicPartition.compare)
	case r.v.Has("to-current"):
		offsets, err = r.current(ctx, id, partitions)
	default:
		return nil, Usage("Option '[reset-offsets]' requires one of the following scenarios: [[shift-by], [from-file], [to-datetime], " +
			"[by-duration], [to-latest], [to-current], [to-earliest], [to-offset]]")
	}
	if err != nil {
		return nil, err
	}
	return newPlan(id, partitions, offsets), nil
}

// listed asks for the offsets of a time; the error of one partition is that of the call.
func (r *resetter) listed(ctx context.Context, partitions []topicPartition, timestamp int64) (map[topicPartition]int64, error) {
	answers, err := r.listOffsets(ctx, partitions, timestamp)
	if err != nil {
		return nil, failedInCall(err)
	}
	offsets := map[topicPartition]int64{}
	for _, tp := range partitions {
		if err := answers[tp].err; err != nil {
			return nil, failedInCall(err)
		}
		offsets[tp] = answers[tp].offset
	}
	return offsets, nil
}

// atTime gives the offset of the first record of a time or later; where there is none, the next offset.
func (r *resetter) atTime(ctx context.Context, partitions []topicPartition, ms int64) (map[topicPartition]int64, error) {
	offsets, err := r.listed(ctx, partitions, ms)
	if err != nil {
		return nil, err
	}
	var after []topicPartition
	for _, tp := range partitions {
		if offsets[tp] < 0 {
			r.env.printf("\nWarn: Partition %d from topic %s is empty. Falling back to latest known offset.\n", tp.partition, tp.topic)
			after = append(after, tp)
		}
	}
	ends, err := r.listed(ctx, after, -1)
	maps.Copy(offsets, ends)
	return offsets, err
}

func (r *resetter) shifted(ctx context.Context, id string, partitions []topicPartition) (map[topicPartition]int64, error) {
	stored, err := r.committed(ctx, []string{id})
	if err != nil {
		return nil, failedInCall(err)
	}
	offsets := map[topicPartition]int64{}
	for _, tp := range slices.SortedFunc(slices.Values(partitions), topicPartition.compare) {
		at, ok := stored[id][tp]
		if !ok {
			return nil, Usagef("Cannot shift offset for partition %s since there is no current committed offset", tp)
		}
		offsets[tp] = at.offset + r.v.Int("shift-by")
	}
	return offsets, r.keepInRange(ctx, offsets)
}

// current keeps the offsets that are stored; partitions without one get the next offset.
func (r *resetter) current(ctx context.Context, id string, partitions []topicPartition) (map[topicPartition]int64, error) {
	stored, err := r.committed(ctx, []string{id})
	if err != nil {
		return nil, failedInCall(err)
	}
	var without []topicPartition
	for _, tp := range partitions {
		if _, ok := stored[id][tp]; !ok {
			without = append(without, tp)
		}
	}
	offsets, err := r.listed(ctx, without, -1)
	if err != nil {
		return nil, err
	}
	for _, tp := range partitions {
		if at, ok := stored[id][tp]; ok {
			offsets[tp] = at.offset
		}
	}
	return offsets, nil
}

func (r *resetter) fromFile(ctx context.Context, id string) (map[topicPartition]int64, error) {
	if r.file == nil {
		file, err := readPlans(r.v.Value("from-file"), r.single, id)
		if err != nil {
			return nil, err
		}
		r.file = file
	}
	offsets, ok := r.file[id]
	if !ok {
		r.env.printf("\nError: No reset plan for group %s found\n", id)
		return nil, nil
	}
	return offsets, r.keepInRange(ctx, offsets)
}

// keepInRange moves offsets that a log does not have to its nearest end.
func (r *resetter) keepInRange(ctx context.Context, offsets map[topicPartition]int64) error {
	partitions := slices.SortedFunc(maps.Keys(offsets), topicPartition.compare)
	first, err := r.listed(ctx, partitions, -2)
	if err != nil {
		return err
	}
	next, err := r.listed(ctx, partitions, -1)
	if err != nil {
		return err
	}
	for _, tp := range partitions {
		wanted := offsets[tp]
		offsets[tp] = max(min(wanted, next[tp]), first[tp])
		if which := "higher than latest"; wanted != offsets[tp] {
			if wanted < offsets[tp] {
				which = "lower than earliest"
			}
			r.env.errorf("WARN New offset (%d) is %s offset for topic partition %s. Value will be set to %d\n", wanted, which, tp, offsets[tp])
		}
	}
	return nil
}

// commit stores a plan's offsets as an administrator does: without being a member.
func (r *resetter) commit(ctx context.Context, plan *resetPlan) error {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.RetentionTimeMillis = plan.group, -1, -1
	at := map[string]int{}
	for _, tp := range plan.order {
		i, ok := at[tp.topic]
		if !ok {
			i = len(request.Topics)
			at[tp.topic] = i
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic = tp.topic
			request.Topics = append(request.Topics, topic)
		}
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = tp.partition, plan.offsets[tp], -1, kmsg.StringPtr("")
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, p)
	}
	response, err := call[*kmsg.OffsetCommitResponse](ctx, r.admin, "alterConsumerGroupOffsets(api=FIND_COORDINATOR)", request)
	if err != nil {
		return &groupFailure{err.Error()}
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if err := codeError(p.ErrorCode, nil); err != nil {
				return &groupFailure{err.Error()}
			}
		}
	}
	return nil
}
