package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kgo"
)

// captured is an Env whose output is kept.
func captured() (*Env, *bytes.Buffer, *bytes.Buffer) {
	var stdout, stderr bytes.Buffer
	return &Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}, &stdout, &stderr
}

// TestGroupTables lays out groups as Kafka 4.3.1 did with the same groups; the expected text is Kafka's.
func TestGroupTables(t *testing.T) {
	datadriven.RunTest(t, "testdata/consumer_groups/kafka_4.3.1.txt", func(t *testing.T, d *datadriven.TestData) string {
		env, stdout, stderr := captured()
		group := parseGroup(t, d.Input)
		verbose := d.HasArg("verbose")
		var err error
		switch d.Cmd {
		case "offsets":
			rows := group.rows(parseStored(t, d.Input))
			for i := range rows {
				if end, ok := parseEnds(t, d.Input)[rows[i].topicPartition]; ok {
					rows[i].end = &end
				}
			}
			err = printOffsetRows(env, group, rows, verbose)
		case "members":
			err = printMembers(env, group, verbose)
		case "state":
			err = printState(env, group, verbose)
		}
		if err != nil {
			t.Fatal(err)
		}
		// Each line ends with a bar, since editors take blanks at the end of lines away.
		out := strings.ReplaceAll(stdout.String(), "\n", "|\n")
		if stderr.Len() > 0 {
			out += "stderr:" + stderr.String()
		}
		return out
	})
}

// parseGroup reads the lines "group ID STATE ASSIGNOR [EPOCH TARGET]" and "member ID INSTANCE CLIENT ASSIGNED [TARGET EPOCH UPGRADED]".
func parseGroup(t *testing.T, input string) *groupDescription {
	number := func(text string) *int32 {
		var n int32
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(text, err)
		}
		return &n
	}
	group := &groupDescription{coordinator: kgo.BrokerMetadata{NodeID: 1, Host: "127.0.0.1", Port: 24001}}
	for _, line := range strings.Split(input, "\n") {
		words := strings.Fields(strings.ReplaceAll(line, "none", "\"\""))
		for i := range words {
			words[i] = strings.Trim(words[i], "\"")
		}
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "group":
			group.id, group.state, group.assignor = words[1], words[2], words[3]
			if len(words) > 4 {
				group.epoch, group.targetEpoch = number(words[4]), number(words[5])
			}
		case "member":
			m := groupMember{id: words[1], instanceID: words[2], clientID: words[3], host: "/127.0.0.1", assigned: parsePartitions(t, words[4])}
			if len(words) > 5 {
				upgraded := words[7] == "true"
				m.target, m.epoch, m.upgraded = parsePartitions(t, words[5]), number(words[6]), &upgraded
			}
			group.members = append(group.members, m)
		}
	}
	return group
}

// parsePartitions reads topic:0,1;topic:2.
func parsePartitions(t *testing.T, text string) (partitions []topicPartition) {
	for _, spec := range strings.Split(text, ";") {
		if spec == "" {
			continue
		}
		some, err := partitionSpec(spec)
		if err != nil {
			t.Fatal(err)
		}
		partitions = append(partitions, some...)
	}
	return partitions
}

// parseStored reads the lines "stored TOPIC PARTITION OFFSET EPOCH".
func parseStored(t *testing.T, input string) map[topicPartition]committedOffset {
	stored := map[topicPartition]committedOffset{}
	for _, line := range strings.Split(input, "\n") {
		var tp topicPartition
		var at committedOffset
		if strings.HasPrefix(line, "stored") {
			if _, err := fmt.Sscanf(line, "stored %s %d %d %d", &tp.topic, &tp.partition, &at.offset, &at.leaderEpoch); err != nil {
				t.Fatal(line, err)
			}
			stored[tp] = at
		}
	}
	return stored
}

// parseEnds reads the lines "end TOPIC PARTITION OFFSET".
func parseEnds(t *testing.T, input string) map[topicPartition]int64 {
	ends := map[topicPartition]int64{}
	for _, line := range strings.Split(input, "\n") {
		var tp topicPartition
		var end int64
		if strings.HasPrefix(line, "end") {
			if _, err := fmt.Sscanf(line, "end %s %d %d", &tp.topic, &tp.partition, &end); err != nil {
				t.Fatal(line, err)
			}
			ends[tp] = end
		}
	}
	return ends
}

// TestGroupRefusals: command lines that need no broker to be refused, with Kafka 4.3.1's exit codes and words.
func TestGroupRefusals(t *testing.T) {
	const broker = " --bootstrap-server 127.0.0.1:1"
	for _, c := range []struct {
		args string
		code int
		want string // the first line, of standard error or of standard output
	}{
		{"", 1, "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets."},
		{"--list", 1, `Missing required argument "[bootstrap-server]"`},
		{broker, 1, "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets, --validate-regex"},
		{"--list --describe --group g" + broker, 1, `Option "[group]" can't be used with option "[list]"`},
		{"--describe" + broker, 1, "Option [describe] takes one of these options: [all-groups], [group]"},
		{"--describe --group g --members --state" + broker, 1, "Option [describe] takes at most one of these options: [members], [offsets], [state]"},
		{"--describe --group g --state stable" + broker, 1, "Option [describe] does not take a value for [state]"},
		{"--describe --group g --all-groups" + broker, 1, `Option "[group]" can't be used with option "[all-groups]"`},
		{"--describe --group g --topic t" + broker, 1, `Option "[topic]" can't be used with option "[describe]"`},
		{"--list --members" + broker, 1, `Exception in thread "main" joptsimple.UnavailableOptionException: Option(s) [members] are unavailable given other options on the command line`},
		{"--list --state nowhere" + broker, 1, "Invalid state list 'nowhere'. Valid states are: Reconciling, PreparingRebalance, Stable, CompletingRebalance, Dead, Empty, Assigning"},
		{"--list --type share" + broker, 1, "Invalid types list 'share'. Valid types are: Consumer, Classic"},
		{"--delete" + broker, 1, "Option [delete] takes one of these options: [group], [all-groups]"},
		{"--delete --group g --topic t" + broker, 1, "The consumer does not support topic-specific offset deletion from a consumer group."},
		{"--delete-offsets --group g" + broker, 1, "Option [delete-offsets] takes the following options: [group], [topic]"},
		{"--delete-offsets --group g --topic t:x" + broker, 1, "Invalid partition 'x' specified in topic arg 't:x''"},
		{"--reset-offsets --to-earliest --dry-run" + broker, 1, "Option [reset-offsets] takes one of these options: [group], [all-groups]"},
		{"--reset-offsets --group g --to-earliest --to-latest --dry-run" + broker, 1, `Option "[to-earliest]" can't be used with option "[to-latest]"`},
		{"--reset-offsets --group g --to-earliest --dry-run --execute" + broker, 1, "Option [reset-offsets] only accepts one of [execute] and [dry-run]"},
		{"--list --timeout abc" + broker, 0, "Error: Executing consumer group command failed due to Cannot parse argument 'abc' of option timeout"},
		{"--list --timeout 1" + broker, 0, "Error: Executing consumer group command failed due to java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment. Call: listGroups"},
		{"--validate-regex a.*", 0, "The regular expression `a.*` is valid."},
		{"--validate-regex a(", 0, "The regular expression `a(` is invalid: missing closing )."},
		{"--validate-regex )", 0, "The regular expression `)` is invalid: regexp/syntax: internal error."},
		{"--validate-regex x{1001}", 0, "The regular expression `x{1001}` is invalid: invalid repeat count."},
	} {
		env, stdout, stderr := captured()
		code := RunArgs(t.Context(), env, append([]string{"kafka-consumer-groups.sh"}, strings.Fields(c.args)...))
		line, _, _ := strings.Cut(strings.TrimLeft(stdout.String()+stderr.String(), "\n"), "\n")
		if code != c.code || line != c.want {
			t.Errorf("%s\n got %d %s\nwant %d %s", c.args, code, line, c.code, c.want)
		}
	}
}

func TestDateTime(t *testing.T) {
	for text, want := range map[string]string{
		"2020-01-01T00:00:00.000":          "2020-01-01T00:00:00Z",
		"2020-01-01T00:00:00.000Z":         "2020-01-01T00:00:00Z",
		"2020-01-01T00:00:00.1+02":         "2019-12-31T22:00:00.001Z",
		"2020-01-01T00:00:00.000-0230":     "2020-01-01T02:30:00Z",
		"2020-01-01T00:00:00.000+02:00":    "2019-12-31T22:00:00Z",
		"2020-01-01":                       "java.text.ParseException: Error parsing timestamp. It does not contain a 'T' according to ISO8601 format",
		"2020-01-01T00:00:00":              `java.text.ParseException: Unparseable date: "2020-01-01T00:00:00Z"`,
		"2020-13-01T00:00:00.000":          `java.text.ParseException: Unparseable date: "2020-13-01T00:00:00.000Z"`,
		"2020-02-30T00:00:00.000Z":         `java.text.ParseException: Unparseable date: "2020-02-30T00:00:00.000Z"`,
		"2020-01-01T00:00:00.1000Z":        `java.text.ParseException: Unparseable date: "2020-01-01T00:00:00.1000Z"`,
		"99999999999999999999-1-1T0:0:0.0": `java.text.ParseException: Unparseable date: "99999999999999999999-1-1T0:0:0.0Z"`,
	} {
		ms, err := dateTimeMs(text)
		got := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"P1D": "24h0m0s", "PT1H30M": "1h30m0s", "PT0S": "0s", "pt1.5s": "1.5s", "PT-3M": "-3m0s", "-PT3M": "-3m0s", "-PT-3M": "3m0s",
		"P2DT3H4M5.006S": "51h4m5.006s", "PT-1.5S": "-1.5s", "P": "", "PT": "", "P1Y": "", "P1DT": "", "soon": "", "": "",
		"P9999999999999999999D": "", "P999999999999D": "",
	} {
		d, err := javaDuration(text)
		if got := d.String(); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
}

func TestPlanLines(t *testing.T) {
	for _, c := range []struct {
		line    string
		grouped bool
		want    string
	}{
		{"alpha,0,2", false, " alpha-0 2"},
		{"\"a-topic-with-a-rather-long-name\",1,7\r", false, " a-topic-with-a-rather-long-name-1 7"},
		{"alpha,3", false, " alpha-3 0"},
		{"g,alpha,0,2", true, "g alpha-0 2"},
		{"\"g,1\",alpha,0,2", true, "g,1 alpha-0 2"},
		{"g,alpha,0,2", false, "error"},
		{"alpha,x,2", false, "error"},
		{"alpha,3000000000,2", false, "error"},
		{"alpha,0,9223372036854775808", false, "error"},
		{"", false, "error"},
	} {
		group, tp, offset, err := planLine(c.line, c.grouped)
		got := fmt.Sprintf("%s %s %d", group, tp, offset)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.line, got, c.want)
		}
	}
}

// TestPlans prints, exports and orders plans as Kafka 4.3.1 did.
func TestPlans(t *testing.T) {
	offsets := map[topicPartition]int64{{"alpha", 0}: 1, {"alpha", 1}: 0, {"alpha", 2}: 6, {"beta", 0}: 3}
	partitions := []topicPartition{{"alpha", 0}, {"alpha", 1}, {"alpha", 2}, {"beta", 0}}
	plan := newPlan("g-empty", partitions, offsets)
	if got, want := exportPlans([]*resetPlan{plan}, true), "alpha,2,6\nalpha,0,1\nalpha,1,0\nbeta,0,3\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := newPlan("g-longer-than-twenty-four-characters", partitions[3:], offsets)
	if got, want := exportPlans([]*resetPlan{long}, false), "\"g-longer-than-twenty-four-characters\",beta,0,3\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	env, stdout, _ := captured()
	printPlans(env, []*resetPlan{plan})
	const want = `
GROUP           TOPIC           PARTITION  NEW-OFFSET
g-empty         alpha           2          6
g-empty         alpha           0          1
g-empty         alpha           1          0
g-empty         beta            0          3
`
	if got := stdout.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGroupSettings(t *testing.T) {
	for _, c := range []struct{ props, want string }{
		{"group.id=g", ""},
		{"group.id=g group.protocol=Consumer group.remote.assignor=range auto.offset.reset=by_duration:PT1H", ""},
		{"group.id=g partition.assignment.strategy=org.apache.kafka.clients.consumer.StickyAssignor,RoundRobinAssignor", ""},
		{"group.id=g session.timeout.ms=3000", ""},
		{"group.id=g group.protocol=foo", "Invalid value foo for configuration group.protocol: String must be one of (case insensitive): CONSUMER, CLASSIC"},
		{"group.id=g group.protocol=consumer session.timeout.ms=9000", "session.timeout.ms cannot be set when group.protocol=CONSUMER"},
		{"group.id=g group.remote.assignor=range", "group.remote.assignor cannot be set when group.protocol=CLASSIC"},
		{"group.id=g session.timeout.ms=3000 heartbeat.interval.ms=3000", "Heartbeat must be set lower than the session timeout"},
		{"group.id=g session.timeout.ms=soon", "Invalid value soon for configuration session.timeout.ms: Not a number of type INT"},
		{"group.id=g auto.offset.reset=never", "Invalid value never for configuration auto.offset.reset: The value must be either " +
			"'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."},
		{"group.id=g auto.offset.reset=by_duration:-PT1H", "Invalid value by_duration:-PT1H for configuration auto.offset.reset: Unable to parse " +
			"duration string in `by_duration` strategy."},
		{"group.id=g partition.assignment.strategy=org.example.Own", "Invalid value org.example.Own for configuration " +
			"partition.assignment.strategy: there are RangeAssignor, RoundRobinAssignor, StickyAssignor and CooperativeStickyAssignor of " +
			"org.apache.kafka.clients.consumer"},
	} {
		p := newProperties()
		p.SetPairs(strings.Fields(c.props))
		_, err := groupSettings(p)
		got := ""
		var wrong *configError
		if errors.As(err, &wrong) {
			got = wrong.message
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.props, got, c.want)
		}
	}
}
