//go:build oracle

package oracle

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// step is one request of testdata/requests.txt at one version.
type step struct {
	name    string // "Produce v9, line 12"
	line    int
	api     string
	version int16
	body    string
	only    string // the version of Kafka that it is for; "" all
}

// readScript reads lines "API VERSIONS JSON": VERSIONS is "7", "0-7" or, for one Kafka alone, "0-7@4.3.1"; the JSON holds the fields of kmsg's
// request. In it $v stands for the version, $id(TOPIC) for a topic's id, $session for the last fetch session, and $batch(KIND) for a record
// batch, see batchOf.
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
		steps = append(steps, stepsOf(t, path, n, line)...)
	}
	return steps
}

// stepsOf are the steps of one line.
func stepsOf(t *testing.T, path string, n int, line string) (steps []step) {
	t.Helper()
	fields := strings.SplitN(line, " ", 3)
	if len(fields) != 3 {
		t.Fatalf("%s:%d: want API VERSIONS JSON", path, n)
	}
	versions, only, _ := strings.Cut(fields[1], "@")
	from, to, ok := strings.Cut(versions, "-")
	if !ok {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil {
		t.Fatalf("%s:%d: versions %q", path, n, fields[1])
	}
	for v := first; v <= last; v++ {
		steps = append(steps, step{fmt.Sprintf("%s v%d, line %d", fields[0], v, n), n, fields[0], int16(v), fields[2], only})
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
	// session is the id of the last fetch session.
	session int32
	// versions are the first and the last that the broker advertises, by API.
	versions map[string][2]int16
}

func newPlayer(t *testing.T, address string) *player {
	t.Helper()
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	return &player{conn: conn, at: address, ids: map[string][16]byte{}, versions: advertised(t, conn)}
}

func advertised(t *testing.T, conn *load.Conn) map[string][2]int16 {
	t.Helper()
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(3)
	req.ClientSoftwareName, req.ClientSoftwareVersion = "oracle", "1"
	resp, err := conn.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string][2]int16{}
	for _, key := range resp.(*kmsg.ApiVersionsResponse).ApiKeys {
		versions[kmsg.NameForKey(key.ApiKey)] = [2]int16{key.MinVersion, key.MaxVersion}
	}
	return versions
}

// isLater tells of a request for versions in a version that no broker knows: it is answered in version 0.
func (s step) isLater() bool { return s.api == "ApiVersions" && s.version > 4 }

type laterRequest struct{ *kmsg.ApiVersionsRequest }

func (laterRequest) ResponseKind() kmsg.Response { return kmsg.NewPtrApiVersionsResponse() }

// serves tells whether the broker advertises a step's version.
func (p *player) serves(s step) bool {
	r, ok := p.versions[s.api]
	return s.isLater() || ok && r[0] <= s.version && s.version <= r[1]
}

// play returns the fields of the decoded reply; a connection that is closed, or silent, is told as one field.
func (p *player) play(t *testing.T, s step) map[string]string {
	t.Helper()
	body := strings.NewReplacer("$v", strconv.Itoa(int(s.version)), `"$session"`, strconv.Itoa(int(p.session))).Replace(s.body)
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
	if s.isLater() {
		req = laterRequest{req.(*kmsg.ApiVersionsRequest)}
	}
	if err := p.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		t.Fatal(err)
	}
	resp, err := p.conn.Do(req)
	for tries := 0; err == nil && loading(resp) && tries < 50; tries++ {
		<-time.After(100 * time.Millisecond)
		resp, err = p.conn.Do(req)
	}
	if err != nil {
		p.conn.Close()
		p.conn = newPlayer(t, p.at).conn
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return map[string]string{"answer": "none"}
		}
		return map[string]string{"answer": "connection closed"}
	}
	if fetched, ok := resp.(*kmsg.FetchResponse); ok && fetched.SessionID != 0 {
		p.session = fetched.SessionID
	}
	return fieldsOf(t, resp, p.names())
}

// loading tells whether Kafka wants to be asked again: it fetches a block of producer ids behind the first request for one.
func loading(resp kmsg.Response) bool {
	r, ok := resp.(*kmsg.InitProducerIDResponse)
	return ok && r.ErrorCode == kerr.CoordinatorLoadInProgress.Code
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

// names are the names of the topics whose ids the script has used.
func (p *player) names() map[string]string {
	names := map[string]string{}
	for name, id := range p.ids {
		names[fmt.Sprint(id)] = "id of " + name
	}
	return names
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

// batchOf makes a record batch: "N" has N records; "N,codec"; "N,pid,epoch,sequence" is idempotent; any other
// kind is one that a broker refuses.
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
	case "shifted":
		binary.BigEndian.PutUint64(batch, 5) // the base offset, which the checksum does not cover
	case "miscounted":
		binary.BigEndian.PutUint32(batch[57:], 7)
		binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli)))
	case "old-format":
		batch[16] = 1
	case "cut":
		batch = batch[:len(batch)-3]
	case "empty":
		batch = nil
	}
	return batch
}
