//go:build oracle

package oracle

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// step is one request of testdata/requests.txt at one version.
type step struct {
	name    string // "Produce v9, line 12"
	line    int
	api     string
	version int16
	body    string
}

// readScript reads lines "API VERSIONS JSON": VERSIONS is "7" or "0-7"; the JSON holds the fields of kmsg's request. In it $v stands for the version,
// $id(TOPIC) for a topic's id, and $batch(KIND) for a record batch, see batchOf.
func readScript(t *testing.T, path string) []step {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, " ", 3)
		if len(fields) != 3 {
			t.Fatalf("%s:%d: want API VERSIONS JSON", path, n)
		}
		from, to, ok := strings.Cut(fields[1], "-")
		if !ok {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s:%d: versions %q", path, n, fields[1])
		}
		for v := first; v <= last; v++ {
			steps = append(steps, step{fmt.Sprintf("%s v%d, line %d", fields[0], v, n), n, fields[0], int16(v), fields[2]})
		}
	}
	return steps
}

var (
	idPattern    = regexp.MustCompile(`"\$id\(([^)]*)\)"`)
	batchPattern = regexp.MustCompile(`"\$batch\(([^)]*)\)"`)
)

// player sends steps to one broker.
type player struct {
	conn *load.Conn
	at   string
	ids  map[string][16]byte
}

func newPlayer(t *testing.T, address string) *player {
	t.Helper()
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	return &player{conn: conn, at: address, ids: map[string][16]byte{}}
}

// play returns the decoded reply as text, without what differs from one broker to another; a closed connection is "closed".
func (p *player) play(t *testing.T, s step) string {
	t.Helper()
	body := strings.ReplaceAll(s.body, "$v", strconv.Itoa(int(s.version)))
	body = idPattern.ReplaceAllStringFunc(body, func(m string) string {
		id, err := json.Marshal(p.idOf(t, idPattern.FindStringSubmatch(m)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return string(id)
	})
	body = batchPattern.ReplaceAllStringFunc(body, func(m string) string {
		return `"` + base64.StdEncoding.EncodeToString(batchOf(t, batchPattern.FindStringSubmatch(m)[1])) + `"`
	})
	req := requestOf(t, s.api)
	req.SetVersion(s.version)
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(req); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	if err := p.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		t.Fatal(err)
	}
	resp, err := p.conn.Do(req)
	if err != nil {
		p.conn.Close()
		p.conn = newPlayer(t, p.at).conn
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return "no answer"
		}
		return "closed"
	}
	return normalize(t, resp)
}

// answerWithin is how long a broker may take: more than any time-out in the script.
const answerWithin = 30 * time.Second

func requestOf(t *testing.T, api string) kmsg.Request {
	t.Helper()
	for key := range int16(kmsg.MaxKey + 1) {
		if r := kmsg.RequestForKey(key); r != nil && kmsg.NameForKey(key) == api {
			return r
		}
	}
	t.Fatalf("no request is called %s", api)
	return nil
}

func (p *player) idOf(t *testing.T, topic string) [16]byte {
	t.Helper()
	if id, ok := p.ids[topic]; ok {
		return id
	}
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = &topic
	req.Topics = append(req.Topics, one)
	resp, err := p.conn.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	p.ids[topic] = resp.(*kmsg.MetadataResponse).Topics[0].TopicID
	return p.ids[topic]
}

// masked fields differ from one broker to another by their nature.
var masked = map[string]bool{
	"ClusterID": true, "TopicID": true, "ControllerID": true, "NodeID": true, "Host": true, "Port": true, "ThrottleMillis": true, "Leader": true,
	"Replicas": true, "ISR": true, "LogAppendTime": true, "SessionID": true, "ProducerID": true, "TotalBytes": true, "UsableBytes": true, "Dir": true,
	"CoordinatorEpoch": true, "LastTimestamp": true, "LeaderID": true, "Version": true,
	// Kafka in KRaft mode says 0 where Kafka with ZooKeeper counts elections of its own.
	"LeaderEpoch": true, "PartitionEpoch": true,
}

func normalize(t *testing.T, resp kmsg.Response) string {
	t.Helper()
	raw, err := json.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(mask(v), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mask(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			if name == "UnknownTags" {
				delete(v, name)
			} else if masked[name] {
				v[name] = "*"
			} else {
				v[name] = mask(field)
			}
		}
	case []any:
		for i := range v {
			v[i] = mask(v[i])
		}
		// Lists of topics, partitions and configs come in any order.
		sort.SliceStable(v, func(i, j int) bool { return order(v[i]) < order(v[j]) })
	}
	return v
}

func order(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	for _, name := range []string{"Topic", "Name", "Partition", "ResourceName"} {
		if field, ok := m[name]; ok && field != nil {
			return fmt.Sprintf("%8v", field)
		}
	}
	return ""
}

// batchOf makes a record batch: "N" has N records; "N,codec"; "N,pid,epoch,sequence" is idempotent; "bad-crc", "keyless", "empty", "two", "control", "large", "old-time".
func batchOf(t *testing.T, kind string) []byte {
	t.Helper()
	fields := strings.Split(kind, ",")
	b := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
	n, _ := strconv.Atoi(fields[0])
	n = max(n, 1)
	codecs := map[string]record.Codec{"gzip": record.Gzip, "snappy": record.Snappy, "lz4": record.LZ4, "zstd": record.Zstd}
	if len(fields) == 2 {
		b.Codec = codecs[fields[1]]
	}
	if len(fields) == 4 {
		pid, _ := strconv.ParseInt(fields[1], 10, 64)
		epoch, _ := strconv.Atoi(fields[2])
		sequence, _ := strconv.Atoi(fields[3])
		b.ProducerID, b.ProducerEpoch, b.BaseSequence = pid, int16(epoch), int32(sequence)
	}
	b.Control = fields[0] == "control"
	var records []record.Record
	for i := range n {
		r := record.Record{Offset: int64(i), TimestampMs: fixedTimeMs + int64(i), Key: []byte("k"), Value: []byte("v" + strconv.Itoa(i))}
		switch fields[0] {
		case "keyless":
			r.Key = nil
		case "large":
			r.Value = make([]byte, 1_100_000)
		case "old-time":
			r.TimestampMs = 1
		}
		records = append(records, r)
	}
	batch, err := b.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	switch fields[0] {
	case "bad-crc":
		batch[20] ^= 1
	case "two":
		batch = append(batch, batch...)
	case "cut":
		batch = batch[:len(batch)-3]
	case "empty":
		batch = nil
	}
	return batch
}

// differences reads testdata/differences.txt: "LINE: reason" for each line of the script whose replies differ, and why.
func differences(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := map[string]string{}
	for scan := bufio.NewScanner(f); scan.Scan(); {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, ": ")
		if !ok || reason == "" {
			t.Fatalf("%s: %q gives no reason", path, line)
		}
		known[name] = reason
	}
	return known
}
