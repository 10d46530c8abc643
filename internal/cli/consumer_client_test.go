package cli

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"milena/internal/groupmsg"
)

// TestConsoleGroup: which group a command line of console-consumer asks for, and what Kafka 4.3.1 says where it asks for two.
func TestConsoleGroup(t *testing.T) {
	const twoGroups = "The group ids provided in different places (directly using '--group', via '--consumer-property', or via " +
		"'--consumer.config') do not match. Detected group ids: 'g-other', 'g-fmt'"
	for _, c := range []struct{ args, group, auto, refused string }{
		{"--group g", "g", "", ""},
		{"--command-property group.id=g", "g", "", ""},
		{"--group g --command-property group.id=g", "g", "", ""},
		{"", "console-consumer-[0-9]+", "false", ""},
		{"--command-property enable.auto.commit=true", "console-consumer-[0-9]+", "true", ""},
		{"--partition 0", "", "", ""},
		{"--group g --partition 0", "", "", "Options group and partition cannot be specified together."},
		{"--group g-fmt --command-property group.id=g-other", "", "", twoGroups},
	} {
		options := consoleConsumerOptions()
		v, err := options.parse(append([]string{"--bootstrap-server", "b:1", "--topic", "t"}, strings.Fields(c.args)...))
		if err != nil {
			t.Fatal(err)
		}
		env, _, _ := captured()
		p, err := consumerProperties(env, v)
		if c.refused != "" {
			if err == nil || err.Error() != c.refused {
				t.Errorf("%s: %v, want %s", c.args, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Fatal(c.args, err)
		}
		if group := p.Value("group.id", ""); !regexp.MustCompile("^"+c.group+"$").MatchString(group) || p.Value("enable.auto.commit", "") != c.auto {
			t.Errorf("%s: group %q, auto commit %q", c.args, group, p.Value("enable.auto.commit", ""))
		}
	}
}

// TestCoordinatorFormatters prints records of internal topics as Kafka 4.3.1's formatters did.
func TestCoordinatorFormatters(t *testing.T) {
	offset := groupmsg.OffsetKey("g-empty", "alpha", 2)
	group := groupmsg.Key{Type: groupmsg.GroupMetadata, Group: "g-new"}
	epoch := groupmsg.Key{Type: groupmsg.ConsumerGroupMetadata, Group: "g-next"}
	leader, protocol := "m-1", "range"
	records := []*kgo.Record{
		{Key: offset.Bytes(), Value: (&groupmsg.OffsetCommitValue{Version: 4, Offset: 6, CommitTimestampMs: 1795386328779,
			TopicID: [16]byte{1}}).Append(nil)},
		{Key: offset.Bytes()},
		{Key: group.Bytes(), Value: (&groupmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 1, Protocol: &protocol,
			Leader: &leader, CurrentStateTimestampMs: 5, Members: []groupmsg.GroupMember{{MemberID: leader, ClientID: "c", ClientHost: "/127.0.0.1",
				RebalanceTimeoutMs: 300000, SessionTimeoutMs: 45000, Subscription: []byte{0, 3}, Assignment: []byte{0, 3}}}}).Append(nil)},
		{Key: group.Bytes()},
		{Key: epoch.Bytes(), Value: (&groupmsg.ConsumerGroupMetadataValue{Epoch: 2}).Append(nil)},
		{Key: nil, Value: []byte("v")},
		{Key: []byte("k1"), Value: []byte("v")},
	}
	for class, want := range map[string]string{
		"org.apache.kafka.tools.consumer.OffsetsMessageFormatter": `{"key":{"type":1,"data":{"group":"g-empty","topic":"alpha","partition":2}},` +
			`"value":{"version":4,"data":{"offset":6,"leaderEpoch":0,"metadata":"","commitTimestamp":1795386328779,"topicId":"AQAAAAAAAAAAAAAAAAAAAA"}}}` +
			`{"key":{"type":1,"data":{"group":"g-empty","topic":"alpha","partition":2}},"value":null}`,
		"kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter": `{"key":{"type":2,"data":{"group":"g-new"}},"value":` +
			`{"version":3,"data":{"protocolType":"consumer","generation":1,"protocol":"range","leader":"m-1","currentStateTimestamp":5,"members":` +
			`[{"memberId":"m-1","groupInstanceId":null,"clientId":"c","clientHost":"/127.0.0.1","rebalanceTimeout":300000,"sessionTimeout":45000,` +
			`"subscription":"AAM=","assignment":"AAM="}]}}}{"key":{"type":2,"data":{"group":"g-new"}},"value":null}`,
	} {
		var text, log bytes.Buffer
		f, err := newFormatter(class, newProperties(), &log)
		if err != nil {
			t.Fatal(err)
		}
		out := bufio.NewWriter(&text)
		for _, r := range records {
			if err := f.write(out, r); err != nil {
				t.Error(err)
			}
		}
		out.Flush()
		if text.String() != want {
			t.Errorf("%s\n got %s\nwant %s", class, text.String(), want)
		}
		if old := strings.HasPrefix(class, "kafka."); old != (log.Len() > 0) {
			t.Errorf("%s: %s", class, log.String())
		}
	}
}
