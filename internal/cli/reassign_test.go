package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	placing "milena/internal/admin"
)

// The refusals are Kafka's.
func TestReassignCommandLines(t *testing.T) {
	const server = "--bootstrap-server localhost:1 "
	for args, want := range map[string]string{
		"--list":                   "Please specify either --bootstrap-server or --bootstrap-controller",
		server:                     "Command must include exactly one action: --generate, --execute, --verify, --cancel, --list",
		server + "--list":          "",
		server + "--list --verify": "Command must include exactly one action: --generate, --execute, --verify, --cancel, --list",
		server + "--list --bootstrap-controller localhost:1":                                 "Please don't specify both --bootstrap-server and --bootstrap-controller",
		"--bootstrap-controller localhost:1 --list":                                          "",
		"--bootstrap-controller localhost:1 --execute --reassignment-json-file f":            `Option "[bootstrap-controller]" can't be used with action "[execute]"`,
		server + "--list --throttle 5":                                                       `Option "[throttle]" can't be used with action "[list]"`,
		server + "--generate":                                                                `Missing required argument "[topics-to-move-json-file]"`,
		server + "--generate --topics-to-move-json-file f":                                   `Missing required argument "[broker-list]"`,
		server + "--execute":                                                                 `Missing required argument "[reassignment-json-file]"`,
		server + "--execute --reassignment-json-file f --preserve-throttles":                 `Option "[preserve-throttles]" can't be used with action "[execute]"`,
		server + "--execute --reassignment-json-file f --preserve-throttles --wait":          "",
		server + "--execute --reassignment-json-file f --additional --throttle 1000":         "",
		server + "--execute --reassignment-json-file f --disallow-replication-factor-change": "",
		server + "--cancel --reassignment-json-file f --preserve-throttles --timeout 5":      "",
		server + "--verify --reassignment-json-file f --timeout 5":                           `Option "[timeout]" can't be used with action "[verify]"`,
	} {
		err := checkReassign(parsed(t, reassignOptions(), strings.Fields(args)...))
		if got := errorText(err); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReassignmentFiles(t *testing.T) {
	row := func(partition, replicas string) string {
		return `{"topic":"bar","partition":` + partition + `,"replicas":` + replicas + `}`
	}
	for text, want := range map[string]string{
		`{"version":1,"partitions":[` + row("0", "[3,1]") + `]}`: "",
		`{"partitions":[` + row("0", "[3,1]") + `]}`:             "",
		`{"partitions":[]}`:                                                                  "Partition reassignment list cannot be empty",
		`{"partitions":[` + row("0", "[]") + `]}`:                                            "Partition replica list cannot be empty",
		`{"partitions":[` + row("0", "[1]") + "," + row("0", "[2]") + `]}`:                   "Partition reassignment contains duplicate topic partitions: bar-0",
		`{"partitions":[` + row("0", "[1,1]") + "," + row("1", "[2,2,3,3]") + `]}`:           "Partition replica lists may not contain duplicate entries: bar-0 contains multiple entries for 1. bar-1 contains multiple entries for 2,3",
		`{"partitions":[{"topic":"bar","partition":0}]}`:                                     "No such field exists: `replicas`",
		`{"version":2,"partitions":[]}`:                                                      "Not supported version field value 2",
		`{"partitions":[{"topic":"bar","partition":0,"replicas":[1,2],"log_dirs":["any"]}]}`: "Size of replicas list [1, 2] is different from size of log dirs list [any] for partition bar-0",
	} {
		plan, err := parseReassignment([]byte(text))
		if err == nil {
			err = checkReassignment(plan)
		}
		if got := errorText(err); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if _, err := parseReassignment([]byte("{")); err == nil {
		t.Error("half a file is taken")
	}
	const whole = `{"version":1,"partitions":[{"topic":"bar","partition":0,"replicas":[3,1],"log_dirs":["any","/b"]},` +
		`{"topic":"foo","partition":10,"replicas":[2],"log_dirs":["any"]}]}`
	plan, err := parseReassignment([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	assigned := map[topicPartition][]int32{}
	for _, move := range plan {
		assigned[move.topicPartition] = move.replicas
	}
	if got := formatReassignment(assigned, dirTargets(plan)); got != whole {
		t.Errorf("%s\nbecomes\n%s", whole, got)
	}
	topics, err := parseTopicsToMove([]byte(`{"topics":[{"topic":"foo"},{"topic":"foo"}],"version":1}`))
	if errorText(err) != "List of topics to reassign contains duplicate entries: [foo]" {
		t.Error(topics, err)
	}
}

// What Kafka 4.3.1 sets for the same plan.
func TestReassignmentThrottles(t *testing.T) {
	tp := func(p int32) topicPartition { return topicPartition{"bar", p} }
	plan := []replicaMove{{topicPartition: tp(0), replicas: []int32{3, 1}}, {topicPartition: tp(1), replicas: []int32{1, 2}},
		{topicPartition: tp(10), replicas: []int32{1}}}
	current := map[topicPartition][]int32{tp(0): {1, 2}, tp(1): {2, 3}, tp(10): {1}}
	got := planThrottles(nil, plan, current)
	if got.leaders["bar"] != "0:1,0:2,10:1,1:2,1:3" || got.followers["bar"] != "0:3,1:1" || commaList(got.brokers) != "1,2,3" {
		t.Errorf("%+v", got)
	}
	// A partition that is on its way already keeps its sources; one that the plan does not name stays throttled.
	moving := map[topicPartition]movingPartition{
		tp(0):        {replicas: []int32{4, 1, 2}, adding: []int32{4}, removing: []int32{2}},
		{"other", 0}: {replicas: []int32{5, 6}, adding: []int32{6}},
	}
	got = planThrottles(moving, plan[:1], current)
	if got.leaders["bar"] != "0:1,0:2" || got.followers["bar"] != "0:3" || got.leaders["other"] != "0:5" || got.followers["other"] != "0:6" ||
		commaList(got.brokers) != "1,2,3,5,6" {
		t.Errorf("beside another move: %+v", got)
	}
}

func TestReassignmentStatus(t *testing.T) {
	tp := func(p int32) topicPartition { return topicPartition{"bar", p} }
	plan := []replicaMove{{topicPartition: tp(2), replicas: []int32{1}}, {topicPartition: tp(0), replicas: []int32{3, 1}},
		{topicPartition: tp(1), replicas: []int32{1, 2}}, {topicPartition: tp(7), replicas: []int32{1}}}
	moving := map[topicPartition]movingPartition{tp(2): {}}
	got := reassignmentStatus(plan, moving, map[topicPartition][]int32{tp(0): {3, 1}, tp(1): {2, 1}})
	want := "Status of partition reassignment:\n" +
		"Reassignment of partition bar-0 is completed.\n" +
		"There is no active reassignment of partition bar-1, but replica set is 2,1 rather than 1,2.\n" +
		"Reassignment of partition bar-2 is still in progress.\n" +
		"There is no active reassignment of partition bar-7, but replica set is  rather than 1."
	if got != want {
		t.Errorf("got\n%s", got)
	}
	replica := partitionReplica{tp(0), 3}
	for want, state := range map[string]dirState{
		"Partition bar-0 is not found in any live log dir on broker 3. There is likely an offline log directory on the broker.": {},
		"Reassignment of replica bar-0-3 is still in progress.":                                                                 {replicaDirs: replicaDirs{current: "/a", future: "/b"}},
		"Partition bar-0 on broker 3 is being moved to log dir /c instead of /b.":                                               {replicaDirs: replicaDirs{current: "/a", future: "/c"}},
		"Reassignment of replica bar-0-3 completed successfully.":                                                               {replicaDirs: replicaDirs{current: "/b"}},
		"Partition bar-0 on broker 3 is not being moved from log dir /a to /b.":                                                 {replicaDirs: replicaDirs{current: "/a"}},
	} {
		state.partitionReplica, state.target = replica, "/b"
		if got := state.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPropose(t *testing.T) {
	current := map[topicPartition][]int32{{"foo", 0}: {1, 2}, {"foo", 1}: {2, 3}, {"foo", 2}: {1, 2}, {"foo", 3}: {1, 2}}
	brokers := func() []placing.Candidate {
		return []placing.Candidate{{ID: 4, Rack: "b"}, {ID: 1, Rack: "a"}, {ID: 2, Rack: "b"}, {ID: 3, Rack: "a"}}
	}
	rack := map[int32]string{1: "a", 2: "b", 3: "a", 4: "b"}
	proposed, err := propose(current, brokers(), true)
	if err != nil || len(proposed) != len(current) {
		t.Fatal(proposed, err)
	}
	leads := map[int32]int{}
	for tp, replicas := range proposed {
		leads[replicas[0]]++
		if len(replicas) != 2 || rack[replicas[0]] == rack[replicas[1]] {
			t.Errorf("%s on %v", tp, replicas)
		}
	}
	if len(leads) != 4 {
		t.Errorf("leaders are %v", leads)
	}
	mixed := brokers()
	mixed[0].Rack = ""
	if _, err := propose(current, mixed, true); errorText(err) != rackAdvice {
		t.Error(err)
	}
	if _, err := propose(current, mixed, false); err != nil {
		t.Error(err)
	}
	if _, err := propose(current, brokers()[:1], true); err == nil || !strings.Contains(err.Error(), "replication factor of 2 cannot be reached because only 1") {
		t.Error(err)
	}
}

func TestReassignmentProgress(t *testing.T) {
	tp := topicPartition{"bar", 0}
	moving := map[topicPartition]movingPartition{tp: {replicas: []int32{3, 4, 1, 2}, adding: []int32{3, 4}}}
	sizes := map[partitionReplica]replicaDirs{{tp, 1}: {sizeBytes: 1000}, {tp, 2}: {sizeBytes: 900}, {tp, 3}: {sizeBytes: 400}}
	if left := lacking([]topicPartition{tp}, moving, sizes); left != 1600 {
		t.Errorf("%d bytes left", left)
	}
	var rate moveRate
	start := time.Unix(1000, 0)
	if got := rate.text(3<<30, start); got != "3.0 GiB left" {
		t.Error(got)
	}
	if got := rate.text(1<<30, start.Add(10*time.Second)); got != "1.0 GiB left, 204.8 MiB/s, about 5s" {
		t.Error(got)
	}
	var out bytes.Buffer
	env := &Env{Stderr: &out, StderrTerminal: true}
	p := env.newProgress("")
	p.line("1 of 2")
	p.line("")
	p.done()
	if got := out.String(); !strings.HasPrefix(got, "\r1 of 2\r      ") {
		t.Errorf("%q", got)
	}
}
