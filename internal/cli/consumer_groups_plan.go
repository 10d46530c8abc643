package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// printPlans shows plans as a table.
func printPlans(env *Env, plans []*resetPlan) {
	columns := []column{{"GROUP", 15}, {"TOPIC", 15}, {"PARTITION", 10}, {"NEW-OFFSET", 0}}
	var table [][]string
	for _, plan := range plans {
		widen(columns, []string{plan.group}, 0)
		for _, tp := range plan.order {
			cells := []string{plan.group, tp.topic, strconv.Itoa(int(tp.partition)), strconv.FormatInt(plan.offsets[tp], 10)}
			widen(columns, cells, 1)
			table = append(table, cells)
		}
	}
	var text strings.Builder
	if len(plans) > 0 {
		text.WriteByte('\n')
		writeRow(&text, columns, heads(columns))
	}
	for _, cells := range table {
		text.WriteByte('\n')
		writeRow(&text, columns, cells)
	}
	env.println(text.String())
}

// exportPlans is the text of a file that --from-file reads: topic,partition,offset for a single group, with the group before it
// for several.
func exportPlans(plans []*resetPlan, single bool) string {
	var text strings.Builder
	for _, plan := range plans {
		for _, tp := range plan.order {
			if !single {
				text.WriteString(csvField(plan.group) + ",")
			}
			fmt.Fprintf(&text, "%s,%d,%d\n", csvField(tp.topic), tp.partition, plan.offsets[tp])
		}
	}
	return text.String()
}

// csvField quotes what Kafka's tool quotes: text with separators or controls in it, and text of over 24 letters.
func csvField(text string) string {
	if len([]rune(text)) <= 24 && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || strings.ContainsRune(`",#`, r) }) {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

// readPlans reads a file of offsets by group. Where single, a file without groups is for group.
func readPlans(path string, single bool, group string) (map[string]map[topicPartition]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &groupFailure{"java.io.IOException: Unable to read file " + path}
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	_, _, _, err = planLine(lines[0], false)
	grouped := err != nil || !single
	plans := map[string]map[topicPartition]int64{}
	for i, line := range lines {
		id, tp, offset, err := planLine(line, grouped)
		if err != nil {
			return nil, &groupFailure{fmt.Sprintf("%v (%s, line %d)", err, path, i+1)}
		}
		if !grouped {
			id = group
		}
		if plans[id] == nil {
			plans[id] = map[topicPartition]int64{}
		}
		plans[id][tp] = offset
	}
	return plans, nil
}

// planLine reads one line: [group,]topic,partition,offset. Numbers that are left out are 0, as for Kafka's tool.
func planLine(line string, grouped bool) (group string, tp topicPartition, offset int64, err error) {
	reader := csv.NewReader(strings.NewReader(strings.TrimSuffix(line, "\r")))
	reader.LazyQuotes = true
	cells, err := reader.Read()
	if err != nil {
		return "", tp, 0, errors.New("No content to map due to end-of-input")
	}
	columns := 3
	if grouped {
		columns = 4
	}
	if len(cells) > columns {
		return "", tp, 0, fmt.Errorf("Too many entries: expected at most %d", columns)
	}
	cells = append(cells, "", "", "", "")
	if grouped {
		group, cells = cells[0], cells[1:]
	}
	partition, err := planNumber(cells[1], "int", math.MinInt32, math.MaxInt32)
	if err != nil {
		return "", tp, 0, err
	}
	offset, err = planNumber(cells[2], "long", math.MinInt64, math.MaxInt64)
	return group, topicPartition{cells[0], int32(partition)}, offset, err
}

func planNumber(text, kind string, least, most int64) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("com.fasterxml.jackson.databind.exc.InvalidFormatException: Cannot deserialize value of type `%s` from String "+
			"%q: not a valid `%s` value", kind, text, kind)
	}
	return n, nil
}

// dateTimeMs reads YYYY-MM-DDThh:mm:ss.sss, with or without a zone (Z, +02, +0200, +02:00); without one it is in UTC. The result
// is milliseconds since 1970.
func dateTimeMs(text string) (int64, error) {
	_, clock, ok := strings.Cut(text, "T")
	if !ok {
		return 0, &groupFailure{"java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format"}
	}
	if !strings.ContainsAny(clock, "Z+-") {
		text += "Z"
	}
	unreadable := &groupFailure{fmt.Sprintf("java.text.ParseException: Unparseable date: %q", text)}
	form := regexp.MustCompile(`^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)(?:Z|([+-])(\d{2}):?(\d{2})?)$`)
	m := form.FindStringSubmatch(text)
	if m == nil {
		return 0, unreadable
	}
	number := func(i int) int {
		n, err := strconv.Atoi(m[i])
		if err != nil && m[i] != "" {
			return math.MaxInt32
		}
		return n
	}
	// Whatever is out of its range (a 13th month, 1000 milliseconds) comes back as something else.
	year, month, day, hour, minute, second, ms := number(1), number(2), number(3), number(4), number(5), number(6), number(7)
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Year() != year || int(t.Month()) != month || t.Day() != day || t.Hour() != hour || t.Minute() != minute || t.Second() != second ||
		year > 200_000_000 || ms > 999 || number(9) > 23 || number(10) > 59 {
		return 0, unreadable
	}
	east := time.Duration(number(9))*time.Hour + time.Duration(number(10))*time.Minute
	if m[8] == "-" {
		east = -east
	}
	return t.Add(-east).UnixMilli() + int64(ms), nil
}

// javaDuration reads PnDTnHnMn.nS, as Java's Duration has it: signs before the whole and before each number.
func javaDuration(text string) (time.Duration, error) {
	form := regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?$`)
	m := form.FindStringSubmatch(text)
	unreadable := &groupFailure{"Text cannot be parsed to a Duration"}
	if m == nil || strings.EqualFold(m[3], "T") || m[2]+m[4]+m[5]+m[6] == "" {
		return 0, unreadable
	}
	var seconds float64
	for i, unit := range map[int]float64{2: 86400, 4: 3600, 5: 60, 6: 1} {
		if m[i] == "" {
			continue
		}
		n, err := strconv.ParseInt(m[i], 10, 64)
		if err != nil {
			return 0, unreadable
		}
		seconds += float64(n) * unit
	}
	if m[7] != "" {
		fraction, _ := strconv.ParseFloat("0."+m[7], 64)
		if strings.HasPrefix(m[6], "-") {
			fraction = -fraction
		}
		seconds += fraction
	}
	if m[1] == "-" {
		seconds = -seconds
	}
	if math.Abs(seconds) > math.MaxInt64/float64(time.Second) {
		return 0, unreadable
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
