package cli

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// orDash is a number, or a dash where there is none.
func orDash[N int32 | int64](n *N) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(int64(*n), 10)
}

// column is how a table's column is laid out: left aligned, at least so wide; the last one ends where its text does.
type column struct {
	head  string
	width int
}

// writeRow writes the cells of one row, with a space between columns.
func writeRow(line *strings.Builder, columns []column, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			line.WriteByte(' ')
		}
		fmt.Fprintf(line, "%-*s", columns[i].width, cell)
	}
}

// widen makes columns as wide as their cells.
func widen(columns []column, cells []string, which ...int) {
	for _, i := range which {
		columns[i].width = max(columns[i].width, len([]rune(cells[i])))
	}
}

func heads(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.head
	}
	return names
}

// printOffsetRows prints one group's offsets, as --describe does.
func printOffsetRows(env *Env, group *groupDescription, rows []groupRow, verbose bool) error {
	shown, err := announce(env, group, len(rows))
	if err != nil || !shown {
		return err
	}
	columns := []column{{"GROUP", 15}, {"TOPIC", 15}, {"PARTITION", 10}, {"LEADER-EPOCH", 15}, {"CURRENT-OFFSET", 15},
		{"LOG-END-OFFSET", 15}, {"LAG", 15}, {"CONSUMER-ID", 15}, {"HOST", 15}, {"CLIENT-ID", 0}}
	table := make([][]string, len(rows))
	for i := range rows {
		r := &rows[i]
		table[i] = []string{group.id, r.topic, strconv.Itoa(int(r.partition)), orDash(r.leaderEpoch), orDash(r.offset), orDash(r.end),
			orDash(r.lag()), r.member, r.at, r.from}
		widen(columns, table[i], 0, 1, 7, 8)
	}
	const epoch = 3
	if !verbose {
		columns = slices.Delete(columns, epoch, epoch+1)
	}
	var text strings.Builder
	text.WriteByte('\n')
	writeRow(&text, columns, heads(columns))
	for _, cells := range table {
		if !verbose {
			cells = slices.Delete(cells, epoch, epoch+1)
		}
		text.WriteByte('\n')
		writeRow(&text, columns, cells)
	}
	env.println(text.String())
	return nil
}

// assignmentText is a list of partitions as topic:0,1;topic:2, or a dash.
func assignmentText(partitions []topicPartition) string {
	if len(partitions) == 0 {
		return "-"
	}
	byTopic := map[string][]int32{}
	for _, tp := range partitions {
		byTopic[tp.topic] = append(byTopic[tp.topic], tp.partition)
	}
	var texts []string
	for topic, numbers := range byTopic {
		slices.Sort(numbers)
		var words []string
		for _, n := range numbers {
			words = append(words, strconv.Itoa(int(n)))
		}
		texts = append(texts, topic+":"+strings.Join(words, ","))
	}
	sort.Strings(texts)
	return strings.Join(texts, ";")
}

// printMembers prints one group's members. The column of instance ids is there if one member has such a name; the one of
// upgraded members while members of both protocols are in the group.
func printMembers(env *Env, group *groupDescription, verbose bool) error {
	shown, err := announce(env, group, len(group.members))
	if err != nil {
		return err
	}
	columns := []column{{"GROUP", 15}, {"CONSUMER-ID", 15}, {"GROUP-INSTANCE-ID", 17}, {"HOST", 15}, {"CLIENT-ID", 15},
		{"#PARTITIONS", 15}, {"CURRENT-EPOCH", 15}, {"CURRENT-ASSIGNMENT", 20}, {"TARGET-EPOCH", 15}, {"TARGET-ASSIGNMENT", 20},
		{"UPGRADED", 0}}
	const instance, current, upgraded = 2, 6, 10
	var static, old, young bool
	table := make([][]string, len(group.members))
	for i := range group.members {
		m := &group.members[i]
		table[i] = []string{group.id, m.id, m.instanceID, m.host, m.clientID, strconv.Itoa(len(m.assigned)), orDash(m.epoch),
			assignmentText(m.assigned), orDash(group.targetEpoch), assignmentText(m.target), "-"}
		if m.upgraded != nil {
			table[i][upgraded] = strconv.FormatBool(*m.upgraded)
			old, young = old || !*m.upgraded, young || *m.upgraded
		}
		static = static || m.instanceID != ""
		if shown {
			widen(columns, table[i], 0, 1, 2, 3, 4, 7, 9)
		}
	}
	var text strings.Builder
	line := func(cells []string) {
		mine := slices.Clone(columns)
		end := current
		if verbose && old && young {
			end = upgraded + 1
		} else if verbose {
			end = upgraded
		}
		mine, cells = mine[:end], slices.Clone(cells[:end])
		if !static {
			mine, cells = slices.Delete(mine, instance, instance+1), slices.Delete(cells, instance, instance+1)
		}
		writeRow(&text, mine, cells)
		if !verbose {
			text.WriteByte(' ')
		}
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	line(heads(columns))
	for _, cells := range table {
		line(cells)
	}
	fmt.Fprint(env.Stdout, text.String())
	return nil
}

// printState prints one group's state.
func printState(env *Env, group *groupDescription, verbose bool) error {
	if shown, err := announce(env, group, 1); err != nil || !shown {
		return err
	}
	coordinator := fmt.Sprintf("%s:%d  (%d)", group.coordinator.Host, group.coordinator.Port, group.coordinator.NodeID)
	strategy := group.assignor
	if strategy == "" {
		strategy = "-"
	}
	columns := []column{{"GROUP", 15}, {"COORDINATOR (ID)", 25}, {"ASSIGNMENT-STRATEGY", 20}, {"STATE", 20}, {"#MEMBERS", 0}}
	cells := []string{group.id, coordinator, strategy, group.state, strconv.Itoa(len(group.members))}
	if verbose {
		columns = slices.Insert(columns, 4, column{"GROUP-EPOCH", 15}, column{"TARGET-ASSIGNMENT-EPOCH", 25})
		cells = slices.Insert(cells, 4, orDash(group.epoch), orDash(group.targetEpoch))
	}
	widen(columns, cells, 0, 1)
	var text strings.Builder
	text.WriteByte('\n')
	writeRow(&text, columns, heads(columns))
	text.WriteByte('\n')
	writeRow(&text, columns, cells)
	env.println(text.String())
	return nil
}
