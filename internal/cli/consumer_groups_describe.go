package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupRow is one line of a group's offsets: a partition that a member has, or one of which only an offset is stored. What is
// nil is not known, and shown as a dash.
type groupRow struct {
	topicPartition
	leaderEpoch      *int32
	offset, end      *int64
	member, at, from string // consumer id, host, client id
}

// lag is how many records the group has not read yet.
func (r *groupRow) lag() *int64 {
	if r.offset == nil || r.end == nil {
		return nil
	}
	behind := *r.end - *r.offset
	return &behind
}

// show is --describe.
func (g *groupClient) show(ctx context.Context, v *Values) error {
	ids, err := g.chosenGroups(ctx, v)
	if err != nil {
		return failedInCall(err)
	}
	groups, err := g.describeAll(ctx, ids)
	if err != nil {
		return failedBy(err)
	}
	switch {
	case v.Has("members"):
		for _, group := range groups {
			if err := printMembers(g.env, group, v.Has("verbose")); err != nil {
				return err
			}
		}
		return nil
	case v.Has("state"):
		for _, group := range groups {
			if err := printState(g.env, group, v.Has("verbose")); err != nil {
				return err
			}
		}
		return nil
	}
	rows, err := g.offsetRows(ctx, groups)
	if err != nil {
		return failedInCall(err)
	}
	for _, group := range groups {
		if err := printOffsetRows(g.env, group, rows[group.id], v.Has("verbose")); err != nil {
			return err
		}
	}
	return nil
}

// chosenGroups are the groups of --group, or all of them with --all-groups.
func (g *groupClient) chosenGroups(ctx context.Context, v *Values) ([]string, error) {
	if v.Has("all-groups") {
		return g.consumerGroupIDs(ctx)
	}
	ids := append([]string{}, v.All("group")...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// describeAll describes groups, sorted by their ids; a group that cannot be described fails the call.
func (g *groupClient) describeAll(ctx context.Context, ids []string) ([]*groupDescription, error) {
	answers, err := g.describe(ctx, ids)
	if err != nil {
		return nil, err
	}
	var groups []*groupDescription
	for _, id := range javaHashOrder(ids) {
		if err := answers.errs[id]; err != nil {
			return nil, err
		}
		if group := answers.groups[id]; group != nil {
			groups = append(groups, group)
		}
	}
	sort.Slice(groups, func(i, j int) bool { return groups[i].id < groups[j].id })
	return groups, nil
}

// offsetRows gathers the lines of these groups: of members with partitions, those with most of them first, and then what is
// stored for partitions that no member has.
func (g *groupClient) offsetRows(ctx context.Context, groups []*groupDescription) (map[string][]groupRow, error) {
	ids := make([]string, len(groups))
	for i, group := range groups {
		ids[i] = group.id
	}
	stored, err := g.committed(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := map[string][]groupRow{}
	wanted := map[topicPartition]bool{}
	for _, group := range groups {
		rows[group.id] = group.rows(stored[group.id])
		for _, row := range rows[group.id] {
			wanted[row.topicPartition] = true
		}
	}
	ends, err := g.ends(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for _, lines := range rows {
		for i := range lines {
			if end, ok := ends[lines[i].topicPartition]; ok {
				lines[i].end = &end
			}
		}
	}
	return rows, nil
}

// rows are a group's lines without the ends of the logs.
func (group *groupDescription) rows(stored map[topicPartition]committedOffset) []groupRow {
	members := append([]groupMember{}, group.members...)
	sort.SliceStable(members, func(i, j int) bool { return len(members[i].assigned) > len(members[j].assigned) })
	var rows []groupRow
	add := func(tps []topicPartition, member, host, client string) {
		begin := len(rows)
		for _, tp := range tps {
			row := groupRow{topicPartition: tp, member: member, at: host, from: client}
			if at, ok := stored[tp]; ok {
				row.offset = &at.offset
				if at.leaderEpoch >= 0 {
					row.leaderEpoch = &at.leaderEpoch
				}
			}
			rows = append(rows, row)
		}
		slices.SortFunc(rows[begin:], func(a, b groupRow) int { return a.compare(b.topicPartition) })
	}
	owned := map[topicPartition]bool{}
	for i := range members {
		add(members[i].assigned, members[i].id, members[i].host, members[i].clientID)
		for _, tp := range members[i].assigned {
			owned[tp] = true
		}
	}
	var others []topicPartition
	for tp := range stored {
		if !owned[tp] {
			others = append(others, tp)
		}
	}
	add(others, "-", "-", "-")
	return rows
}

func (tp topicPartition) compare(other topicPartition) int {
	return cmp.Or(cmp.Compare(tp.topic, other.topic), cmp.Compare(tp.partition, other.partition))
}

// ends asks for the next offsets of partitions; those without a leader have none. A topic that is not there is an error.
func (g *groupClient) ends(ctx context.Context, wanted map[topicPartition]bool) (map[topicPartition]int64, error) {
	ends := map[topicPartition]int64{}
	if len(wanted) == 0 {
		return ends, nil
	}
	partitions := make([]topicPartition, 0, len(wanted))
	for tp := range wanted {
		partitions = append(partitions, tp)
	}
	slices.SortFunc(partitions, topicPartition.compare)
	led, err := g.leaders(ctx, partitions)
	if err != nil {
		return nil, err
	}
	partitions = slices.DeleteFunc(partitions, func(tp topicPartition) bool { return led[tp] < 0 })
	answers, err := g.listOffsets(ctx, partitions, -1)
	if err != nil {
		return nil, err
	}
	for _, tp := range partitions {
		if err := answers[tp].err; err != nil {
			return nil, err
		}
		ends[tp] = answers[tp].offset
	}
	return ends, nil
}

// leaders gives the leader of each partition of these partitions' topics, -1 where there is none; partitions that are not there
// are missing, and a topic that is not there is an error.
func (g *groupClient) leaders(ctx context.Context, partitions []topicPartition) (map[topicPartition]int32, error) {
	var topics []string
	for _, tp := range partitions {
		if tp.topic == "" {
			return nil, &groupFailure{"java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidTopicException: " +
				"The given topic name '' cannot be represented in a request."}
		}
		if !contains(topics, tp.topic) {
			topics = append(topics, tp.topic)
		}
	}
	led := map[topicPartition]int32{}
	if len(topics) == 0 {
		return led, nil
	}
	response, err := g.metadata(ctx, "describeTopics", topics)
	if err != nil {
		return nil, err
	}
	for i := range response.Topics {
		topic := &response.Topics[i]
		if err := codeError(topic.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, p := range topic.Partitions {
			led[topicPartition{topicName(topic), p.Partition}] = p.Leader
		}
	}
	return led, nil
}

func topicName(topic *kmsg.MetadataResponseTopic) string {
	if topic.Topic == nil {
		return ""
	}
	return *topic.Topic
}

// announce says what is to be said of a group before its table, and whether there is one: count is how many lines it has.
func announce(env *Env, group *groupDescription, count int) (bool, error) {
	switch group.state {
	case "Dead":
		env.printf("\nError: Consumer group '%s' does not exist.\n", group.id)
		return false, nil
	case "Empty":
		env.errorf("\nConsumer group '%s' has no active members.\n", group.id)
	case "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling":
		env.errorf("\nWarning: Consumer group '%s' is rebalancing.\n", group.id)
	case "Stable":
	default:
		return false, &groupFailure{fmt.Sprintf("Expected a valid consumer group state, but found '%s'.", known(group.state))}
	}
	return count > 0, nil
}
