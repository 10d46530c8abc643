//go:build oracle

package oracle

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupStep is one line of testdata/groups.txt at one version.
type groupStep struct {
	step
	actor string // whose connection it goes over
	later bool   // sent, and its reply not waited for
	takes bool   // waits for the reply to what was sent
	until string // "PATH = VALUE": asked again until the reply says so
}

var groupLine = regexp.MustCompile(`^(?:([a-z][\w$]*)([:>]) )?([A-Z]\w+ \S+) (\{.*\})(?: until (.+))?$`)

// readGroupScript reads lines "[ACTOR:] API VERSIONS JSON [until PATH = VALUE]", as readScript has them. Each ACTOR has a connection of its own;
// "ACTOR> …" sends and goes on, and a line "ACTOR<" takes the reply. In the JSON $member(ACTOR) stands for the member id that the actor was given
// last, "$epoch(ACTOR)" for its member epoch or generation, "$subscription(TOPIC,…)" and "$assignment(TOPIC:PARTITION,…)" for those of Kafka's consumers.
func readGroupScript(t *testing.T, path string) (steps []groupStep) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if actor, ok := strings.CutSuffix(line, "<"); ok {
			steps = append(steps, groupStep{step: step{name: fmt.Sprintf("line %d", n), line: n}, actor: actor, takes: true})
			continue
		}
		m := groupLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s:%d: %q is no step", path, n, line)
		}
		for _, s := range stepsOf(t, path, n, m[3]+" "+m[4]) {
			steps = append(steps, groupStep{step: s, actor: withVersion(m[1], s.version), later: m[2] == ">", until: withVersion(m[5], s.version)})
		}
	}
	return steps
}

func withVersion(text string, version int16) string {
	return strings.ReplaceAll(text, "$v", strconv.Itoa(int(version)))
}

// untilField is the path and the value that a step waits for; "nothing" is a field that is not there.
func (s groupStep) untilField() (path, value string) {
	path, value, _ = strings.Cut(s.until, " = ")
	return path, strings.TrimSuffix(value, "nothing")
}

// groupPlayer tells a story of several connections to one broker.
type groupPlayer struct {
	*player
	actors map[string]*actor
	// given are the member ids that the broker gave, each with what it is called in a comparison.
	given []string
}

// actor is one connection.
type actor struct {
	conn   *load.Conn
	member string
	ids    int             // how many member ids it was given
	epoch  int32           // of a member of the new protocol, or the generation, told last
	reply  chan groupReply // of what was sent and not waited for
}

type groupReply struct {
	resp kmsg.Response
	err  error
}

func newGroupPlayer(t *testing.T, address string) *groupPlayer {
	t.Helper()
	p := &groupPlayer{player: newPlayer(t, address), actors: map[string]*actor{}}
	t.Cleanup(func() {
		for _, a := range p.actors {
			a.conn.Close()
		}
		p.conn.Close()
	})
	return p
}

func (p *groupPlayer) actor(t *testing.T, name string) *actor {
	t.Helper()
	a := p.actors[name]
	if a == nil {
		conn, err := load.Dial(p.at)
		if err != nil {
			t.Fatal(err)
		}
		a = &actor{conn: conn}
		p.actors[name] = a
	}
	return a
}

// play makes one step and returns the reply's fields, none where it is not waited for.
func (p *groupPlayer) play(t *testing.T, s groupStep) (fields map[string]string) {
	t.Helper()
	a := p.actor(t, s.actor)
	if s.takes {
		return p.fields(t, s.actor, <-a.reply)
	}
	if s.later {
		req := p.request(t, s.step)
		a.reply = make(chan groupReply, 1)
		go func() { a.reply <- a.ask(req) }()
		return nil
	}
	path, want := s.untilField()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(settledWithin); ; <-tick.C {
		fields = p.fields(t, s.actor, a.ask(p.request(t, s.step)))
		if !settling(fields) && fields[path] == want || time.Now().After(deadline) {
			return fields
		}
	}
}

// settledWithin is how long a broker may take to come to what a step waits for: more than the shortest session.
const settledWithin = 15 * time.Second

func (a *actor) ask(req kmsg.Request) (r groupReply) {
	if r.err = a.conn.SetDeadline(time.Now().Add(answerWithin)); r.err == nil {
		r.resp, r.err = a.conn.Do(req)
	}
	return r
}

// settling tells whether the coordinator is not there yet.
func settling(fields map[string]string) bool {
	for path, value := range fields {
		if strings.HasSuffix(path, "ErrorCode") && (value == "14" || value == "15" || value == "16") {
			return true
		}
	}
	return false
}

var (
	memberPattern     = regexp.MustCompile(`\$member\(([^)]*)\)`)
	epochPattern      = regexp.MustCompile(`"\$epoch\(([^)]*)\)"`)
	subscribedPattern = regexp.MustCompile(`\$subscription\(([^)]*)\)`)
	assignedPattern   = regexp.MustCompile(`\$assignment\(([^)]*)\)`)
	memberIDText      = regexp.MustCompile(`bench-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	uuidText          = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|^[\w-]{22}$`)
)

func (p *groupPlayer) request(t *testing.T, s step) kmsg.Request {
	t.Helper()
	body := withVersion(s.body, s.version)
	body = idPattern.ReplaceAllStringFunc(body, func(m string) string {
		id, err := json.Marshal(p.idOf(t, idPattern.FindStringSubmatch(m)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return string(id)
	})
	body = memberPattern.ReplaceAllStringFunc(body, func(m string) string { return p.actor(t, memberPattern.FindStringSubmatch(m)[1]).member })
	body = epochPattern.ReplaceAllStringFunc(body, func(m string) string {
		return strconv.Itoa(int(p.actor(t, epochPattern.FindStringSubmatch(m)[1]).epoch))
	})
	body = subscribedPattern.ReplaceAllStringFunc(body, func(m string) string {
		sub := kmsg.NewConsumerMemberMetadata()
		sub.Version, sub.Topics = 1, strings.Split(subscribedPattern.FindStringSubmatch(m)[1], ",")
		return base64.StdEncoding.EncodeToString(sub.AppendTo(nil))
	})
	body = assignedPattern.ReplaceAllStringFunc(body, func(m string) string {
		topic, list, _ := strings.Cut(assignedPattern.FindStringSubmatch(m)[1], ":")
		assigned := kmsg.NewConsumerMemberAssignment()
		one := kmsg.NewConsumerMemberAssignmentTopic()
		one.Topic = topic
		for number := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("%s: partition %q", s.name, number)
			}
			one.Partitions = append(one.Partitions, int32(n))
		}
		assigned.Topics = append(assigned.Topics, one)
		return base64.StdEncoding.EncodeToString(assigned.AppendTo(nil))
	})
	req := requestOf(t, s.api)
	req.SetVersion(s.version)
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(req); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return req
}

// fields are the reply's, in which a member id that the broker gave is told by whose it is.
func (p *groupPlayer) fields(t *testing.T, name string, r groupReply) map[string]string {
	t.Helper()
	if r.err != nil {
		p.actors[name].conn.Close()
		delete(p.actors, name)
		return map[string]string{"answer": "none, or the connection closed"}
	}
	p.learn(name, r.resp)
	told := strings.NewReplacer(p.given...)
	fields := map[string]string{}
	for path, value := range fieldsOf(t, r.resp, p.names()) {
		fields[anonymous(told.Replace(path))] = anonymous(told.Replace(value))
	}
	return fields
}

// anonymous hides the ids of members that nobody was told of yet.
func anonymous(text string) string { return memberIDText.ReplaceAllString(text, "bench-UUID") }

// learn keeps the member id that a reply gives.
func (p *groupPlayer) learn(name string, resp kmsg.Response) {
	id, code := "", int16(0)
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		id, code = r.MemberID, r.ErrorCode
		if r.ErrorCode == 0 {
			p.actors[name].epoch = r.Generation
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		if r.MemberID != nil {
			id, code = *r.MemberID, r.ErrorCode
		}
		if r.ErrorCode == 0 {
			p.actors[name].epoch = r.MemberEpoch
		}
	}
	const memberIDRequired = 79
	if id == "" || code != 0 && code != memberIDRequired || slices.Contains(p.given, id) {
		return
	}
	a := p.actors[name]
	a.member = id
	a.ids++
	p.given = append(p.given, id, fmt.Sprintf("member %d of %s, %s", a.ids, name, uuidText.ReplaceAllString(id, "UUID")))
}

// groupOverrides are given to both brokers: one partition of offsets, and assignments at once.
var groupOverrides = []string{"offsets.topic.num.partitions=1", "group.consumer.assignment.interval.ms=0",
	"group.consumer.assignor.offload.enable=false"}

// TestGroups tells stories of groups of both protocols, request by request, to Apache Kafka and to Milena.
func TestGroups(t *testing.T) {
	for _, c := range []struct {
		version string
		mode    kafka.Mode
		port    int
	}{{kafka.V4, kafka.KRaft, 25700}, {kafka.V3, kafka.ZooKeeper, 25740}} {
		t.Run(c.version, func(t *testing.T) {
			theirs := newGroupPlayer(t, startKafka(t, c.version, c.mode, c.port, groupOverrides...).Address())
			ours := newGroupPlayer(t, startMilena(t, t.TempDir(), groupOverrides...).Address())
			all := readDifferences(t, "testdata/group-differences-"+c.version+".txt")
			shown := report{t: t, from: map[string]string{}}
			sent := map[string]step{}
			for _, s := range readGroupScript(t, "testdata/groups.txt") {
				switch {
				case s.takes:
					s.step = sent[s.actor]
				case !theirs.serves(s.step) || s.only != "" && s.only != c.version:
					continue
				case s.later:
					sent[s.actor] = s.step
				}
				got := make(chan map[string]string, 1)
				go func() { got <- ours.play(t, s) }()
				want := theirs.play(t, s)
				shown.add(s.step, unknown(all, s.api, compare(want, <-got)))
				if path, value := s.untilField(); want[path] != value {
					t.Errorf("line %d: Kafka never says %s, but %s", s.line, s.until, want[path])
				}
			}
			shown.flush()
			for _, k := range all {
				if !k.met {
					t.Errorf("%q is listed as different but is the same: take it off the list", k.line)
				}
			}
		})
	}
}
