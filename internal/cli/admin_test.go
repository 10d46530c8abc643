package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func parsed(t *testing.T, o *Options, args ...string) *Values {
	t.Helper()
	v, err := o.parse(args)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReplicaAssignment(t *testing.T) {
	for text, want := range map[string]string{"": "", "1,2,3": "[1] [2] [3]", "1:2, 2:3": "[1, 2] [2, 3]",
		"1:1":   "error Partition replica lists may not contain duplicate entries: 1",
		"1:2,3": "error Partition 1 has different replication factor: [3]",
		"x":     `error For input string: "x"`} {
		assignment, err := replicaAssignment(text)
		var parts []string
		for _, brokers := range assignment {
			parts = append(parts, javaList(brokers))
		}
		got := strings.Join(parts, " ")
		if err != nil {
			got = "error " + err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A list that is too short stays a list: without one the controller would choose by itself.
func TestNewPartitions(t *testing.T) {
	for existing, want := range map[int]int{1: 2, 3: 0, 4: 0} {
		if got := newPartitions([][]int32{{1}, {2}, {3}}, existing); got == nil || len(got) != want {
			t.Errorf("of 3 with %d there: %v, want %d", existing, got, want)
		}
	}
}

// The first who asks for a coordinator has to wait until there is one.
func TestRetryWaitsForACoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &admin{timeout: time.Minute}
		for _, passes := range []error{kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator} {
			tries := 0
			_, err := a.retry(t.Context(), "x", func(context.Context) (kmsg.Response, error) {
				if tries++; tries < 10 {
					return nil, passes
				}
				return nil, nil
			})
			if err != nil || tries != 10 {
				t.Errorf("%v: %v after %d tries", passes, err, tries)
			}
		}
		_, err := a.retry(t.Context(), "x", func(context.Context) (kmsg.Response, error) { return nil, kerr.CoordinatorNotAvailable })
		if want := "Timed out waiting for a node assignment. Call: x"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without an end: %v, want %s", err, want)
		}
		if _, err := a.retry(t.Context(), "x", func(context.Context) (kmsg.Response, error) { return nil, kerr.GroupAuthorizationFailed }); err == nil ||
			strings.Contains(err.Error(), "Timed out") {
			t.Errorf("a refusal: %v", err)
		}
	})
}

func TestTopicFilter(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		match          bool
	}{
		{"foo", "foo", true}, {"foo", "foobar", false}, {"fo.*", "foobar", true}, {"a, b", "b", true}, {"'a|b'", "a", true}, {"a|b", "ab", false},
	} {
		filter, err := topicFilter(c.pattern)
		if err != nil || filter.MatchString(c.topic) != c.match {
			t.Errorf("%s on %s: %v", c.pattern, c.topic, err)
		}
	}
	if _, err := topicFilter("("); err == nil || !strings.Contains(err.Error(), "is an invalid regex") {
		t.Errorf("( is %v", err)
	}
}

func TestPrintTopic(t *testing.T) {
	ptr := kmsg.StringPtr
	topic := topicDescription{name: "foo", id: [16]byte{1}, partitions: []partitionDescription{
		{partition: 0, leader: 1, replicas: []int32{1, 2}, isr: []int32{1, 2}, elr: []int32{}, lastElr: []int32{}},
		{partition: 1, leader: -1, replicas: []int32{1, 2, 3}, isr: []int32{2}, adding: []int32{3}, removing: []int32{1}},
	}}
	configs := []configEntry{{name: "min.insync.replicas", value: ptr("2"), source: kmsg.ConfigSourceDynamicTopicConfig},
		{name: "segment.bytes", value: ptr("7"), source: kmsg.ConfigSourceDefaultConfig}}
	head := "Topic: foo\tTopicId: AQAAAAAAAAAAAAAAAAAAAA\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: min.insync.replicas=2\n"
	first := "\tTopic: foo\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1,2\tElr: \tLastKnownElr: \n"
	second := "\tTopic: foo\tPartition: 1\tLeader: none\tReplicas: 1,2,3\tIsr: 2\tAdding Replicas: 3\tRemoving Replicas: 1\t" +
		"Elr: N/A\tLastKnownElr: N/A\n"
	for flags, want := range map[string]string{
		"--describe":                               head + first + second,
		"--describe --topics-with-overrides":       head,
		"--describe --under-replicated-partitions": second,
		"--describe --unavailable-partitions":      second,
		"--describe --under-min-isr-partitions":    second,
		"--describe --at-min-isr-partitions":       first,
	} {
		var out bytes.Buffer
		printTopic(&out, parsed(t, topicsOptions(), strings.Fields(flags)...), &topic, configs, map[int32]bool{1: true})
		if out.String() != want {
			t.Errorf("%s:\n%swant\n%s", flags, out.String(), want)
		}
	}
}

func TestUUID(t *testing.T) {
	id, err := parseUUID("iXNdS5s-QIiEX_F0mvHC2w")
	if err != nil || formatUUID(id) != "iXNdS5s-QIiEX_F0mvHC2w" {
		t.Errorf("%v %v", id, err)
	}
	for text, want := range map[string]string{"x": "Input byte[] should at least have 2 bytes for base64 bytes",
		"AAAA":                      "Input string `AAAA` decoded as 3 bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID",
		"AAAAAAAAAAAAAAAAAAAAAAAAA": "Input string with prefix `AAAAAAAAAAAAAAAAAAAAAAAA` is too long to be decoded as a base64 UUID"} {
		if _, err := parseUUID(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestConfigsToAdd(t *testing.T) {
	for text, want := range map[string]string{
		"a=1":                      "a=1",
		"a=1,b=[x,y],c=":           "a=1 b=x,y c=",
		" a = 1 , b = 2":           "a=1 b=2",
		"a":                        "error",
		"a=b=c":                    "error",
		"a!=1":                     "error Invalid character found for config key: a!",
		"cleanup.policy=[compact]": "cleanup.policy=compact",
	} {
		p, err := configsToAdd(parsed(t, configsOptions(), "--alter", "--add-config", text))
		var parts []string
		got := ""
		if err != nil {
			got = "error " + err.Error()
		} else {
			for _, key := range p.keys {
				parts = append(parts, key+"="+p.values[key])
			}
			got = strings.Join(parts, " ")
		}
		if got != want && !(want == "error" && strings.HasPrefix(got, "error requirement failed: Invalid entity config")) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := configsToDelete(parsed(t, configsOptions(), "--delete-config", "a, b", "--delete-config", "c")); strings.Join(got, " ") != "a b c" {
		t.Errorf("to delete: %q", got)
	}
}

func TestOffsetRules(t *testing.T) {
	for _, c := range []struct{ args, in, out string }{
		{"--topic fo.*", "foo:0 foo:9 fo:1", "bar:0"},
		{"--topic foo --partitions 0,2", "foo:0 foo:2", "foo:1"},
		{"--topic-partitions foo:1,bar", "foo:1 bar:0 bar:7", "foo:0"},
		{"--topic-partitions foo:1-3", "foo:1 foo:2", "foo:0 foo:3"},
		{"--topic-partitions foo:2-", "foo:2 foo:9", "foo:1"},
		{"--topic-partitions foo:-2", "foo:0 foo:1", "foo:2"},
		{"--topic-partitions :0", "foo:0 bar:0", "foo:1"},
	} {
		rules, err := offsetRules(parsed(t, getOffsetsOptions(), strings.Fields(c.args)...))
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		has := func(text string) bool {
			topic, number, _ := strings.Cut(text, ":")
			for i := range rules {
				if rules[i].has(topic, int32(number[0]-'0')) {
					return true
				}
			}
			return false
		}
		for _, text := range strings.Fields(c.in) {
			if !has(text) {
				t.Errorf("%s lacks %s", c.args, text)
			}
		}
		for _, text := range strings.Fields(c.out) {
			if has(text) {
				t.Errorf("%s has %s", c.args, text)
			}
		}
	}
}

func TestOffsetJSON(t *testing.T) {
	partitions, offsets, err := parseOffsetJSON([]byte(`{"partitions":[{"topic":"foo","partition":1,"offset":5},{"topic":"foo","partition":0,"offset":-1}]}`))
	if err != nil || len(partitions) != 2 || offsets[topicPartition{"foo", 1}] != 5 || offsets[topicPartition{"foo", 0}] != -1 {
		t.Errorf("%v %v %v", partitions, offsets, err)
	}
	for text, want := range map[string]string{
		`{`:                   "The input string is not a valid JSON",
		`{"version":1}`:       "Missing partitions field",
		`{"version":2}`:       "Not supported version field value 2",
		`{"partitions":[{}]}`: "Each of partitions needs the fields topic, partition and offset",
		`{"partitions":[{"topic":"a","partition":0,"offset":1},{"topic":"a","partition":0,"offset":2}]}`: "Offset json file contains duplicate topic partitions: a-0",
	} {
		if _, _, err := parseOffsetJSON([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// The order and the fields of Kafka's own output for the same directory.
func TestLogDirsJSON(t *testing.T) {
	response := kmsg.NewPtrDescribeLogDirsResponse()
	d := kmsg.NewDescribeLogDirsResponseDir()
	d.Dir = "/data"
	for _, name := range []string{"foo", "bar"} {
		topic := kmsg.NewDescribeLogDirsResponseDirTopic()
		topic.Topic = name
		for p := range int32(5) {
			partition := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
			partition.Partition, partition.Size = p, int64(p)
			topic.Partitions = append(topic.Partitions, partition)
		}
		d.Topics = append(d.Topics, topic)
	}
	offline := kmsg.NewDescribeLogDirsResponseDir()
	offline.Dir, offline.ErrorCode = "/gone", kerr.KafkaStorageError.Code
	response.Dirs = append(response.Dirs, d, offline)
	text, err := json.Marshal(dirsOf(1, response, []string{"foo"}))
	if err != nil {
		t.Fatal(err)
	}
	partition := func(n string) string {
		return `{"partition":"foo-` + n + `","size":` + n + `,"offsetLag":0,"isFuture":false}`
	}
	data := `{"partitions":[` + partition("4") + "," + partition("2") + "," + partition("3") + "," + partition("0") + "," + partition("1") +
		`],"error":null,"logDir":"/data"}`
	gone := `{"partitions":[],"error":"org.apache.kafka.common.errors.KafkaStorageException","logDir":"/gone"}`
	if got := string(text); got != `{"broker":1,"logDirs":[`+data+","+gone+`]}` && got != `{"broker":1,"logDirs":[`+gone+","+data+`]}` {
		t.Errorf("%s", got)
	}
}

func TestPrintAPIVersions(t *testing.T) {
	key := func(k, lowest, highest int16) kmsg.ApiVersionsResponseApiKey {
		row := kmsg.NewApiVersionsResponseApiKey()
		row.ApiKey, row.MinVersion, row.MaxVersion = k, lowest, highest
		return row
	}
	var out bytes.Buffer
	printAPIVersions(&out, []kmsg.ApiVersionsResponseApiKey{key(3, 0, 12), key(0, 3, 11), key(4, 0, 7), key(1, 50, 60), key(19, 0, 1), key(47, 0, 0)})
	for _, want := range []string{"(\n\tProduce(0): 3 to 11 [usable: 11],\n", "\tMetadata(3): 0 to 12 [usable: 12],\n", "\tUNKNOWN(4): 0 to 7,\n",
		"\tFetch(1): 50 to 60 [unusable: node too new],\n", "\tCreateTopics(19): 0 to 1 [unusable: node too old],\n",
		"\tOffsetDelete(47): 0 [usable: 0],\n", "\tListOffsets(2): UNSUPPORTED,\n", "UNSUPPORTED\n)\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

func TestJavaNames(t *testing.T) {
	for code, want := range map[int16]string{
		kerr.UnknownTopicOrPartition.Code: "UnknownTopicOrPartitionException", kerr.TopicAlreadyExists.Code: "TopicExistsException",
		kerr.InvalidConfig.Code: "InvalidConfigurationException", kerr.RequestTimedOut.Code: "TimeoutException",
		kerr.KafkaStorageError.Code: "KafkaStorageException", kerr.InvalidTopicException.Code: "InvalidTopicException",
		kerr.NetworkException.Code: "NetworkException", kerr.TopicAuthorizationFailed.Code: "TopicAuthorizationException",
		kerr.SaslAuthenticationFailed.Code: "SaslAuthenticationException", kerr.OffsetOutOfRange.Code: "OffsetOutOfRangeException",
		kerr.UnknownServerError.Code: "UnknownServerException", kerr.MessageTooLarge.Code: "RecordTooLargeException",
	} {
		if got := javaClass(code); got != "org.apache.kafka.common.errors."+want {
			t.Errorf("%d is %s, want %s", code, got, want)
		}
	}
	if got := (&apiError{code: kerr.MessageTooLarge.Code}).Error(); got != "The request included a message larger than the max message size the server will accept." {
		t.Error(got)
	}
}

func TestJavaDouble(t *testing.T) {
	for f, want := range map[float64]string{1000: "1000.0", 0.5: "0.5", 0: "0.0", 1e7: "1.0E7", 12345678: "1.2345678E7", 0.0001: "1.0E-4", -3: "-3.0"} {
		if got := javaDouble(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}
