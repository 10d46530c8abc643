package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milena/internal/record"
)

func load(t *testing.T, text string, overrides ...string) (*Broker, []string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file, overrides)
}

func TestWithoutFile(t *testing.T) {
	b, warnings, err := Load("", nil)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if b.BrokerID != 1 || !b.BrokerIDGenerated || b.InterBrokerListener != "PLAINTEXT" || b.AdvertisedListeners != nil {
		t.Errorf("%+v", b)
	}
	if got := b.Listeners; len(got) != 1 || got[0] != (Listener{"PLAINTEXT", "localhost", 9092, "PLAINTEXT"}) {
		t.Error(got)
	}
	if len(b.LogDirs) != 1 || b.LogDirs[0] != "./milena-data" {
		t.Error(b.LogDirs)
	}
	if b.NumPartitions != 1 || b.SocketRequestMaxBytes != 100<<20 || b.MessageMaxBytes != 1048588 || !b.AutoCreateTopics ||
		b.MaxConnections != 1<<31-1 || b.ProducerIDExpirationMs != 86400000 || b.QueuedMaxRequestBytes != -1 {
		t.Errorf("%+v", b)
	}
}

func TestTopicDefaults(t *testing.T) {
	topic, err := TopicOf(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if topic.SegmentBytes != 1<<30 || topic.SegmentMs != 604800000 || topic.RetentionMs != 604800000 || topic.RetentionBytes != -1 ||
		!topic.Delete || topic.Compact || topic.Codec != record.ProducerCodec || topic.TimestampAfterMaxMs != 3600000 ||
		topic.FlushMessages != 1<<63-1 || topic.FlushMs != 1<<63-1 || topic.MinCleanableDirtyRatio != 0.5 {
		t.Errorf("%+v", topic)
	}
}

func TestTopicInheritsFromTheBroker(t *testing.T) {
	b, _, err := load(t, "log.retention.hours=2\nlog.roll.hours=3\nlog.segment.bytes=4096\nmessage.max.bytes=77\n"+
		"compression.type=zstd\ncompression.zstd.level=7\nlog.cleanup.policy=compact,delete\nlog.message.timestamp.difference.max.ms=5")
	if err != nil {
		t.Fatal(err)
	}
	topic, err := TopicOf(b, map[string]string{"segment.ms": "9"})
	if err != nil {
		t.Fatal(err)
	}
	if topic.RetentionMs != 2*3600*1000 || topic.SegmentMs != 9 || topic.SegmentBytes != 4096 || topic.MaxMessageBytes != 77 ||
		topic.Codec != record.Zstd || topic.Level() != 7 || !topic.Compact || !topic.Delete || !topic.Rules().KeysRequired ||
		topic.TimestampBeforeMaxMs != 5 || topic.TimestampAfterMaxMs != 5 {
		t.Errorf("%+v", topic)
	}
}

func TestEveryKeyOfTheTableIsSound(t *testing.T) {
	for _, table := range []*table{tables().broker, tables().topic} {
		for _, name := range table.names {
			r := table.rows[name]
			if !r.HasDefault {
				continue
			}
			v, err := r.parse(r.Default)
			if err != nil {
				t.Errorf("the default of %s is refused: %v", name, err)
			} else if got := canonical(r.Type, v); got != r.Default {
				t.Errorf("%s: default %q is printed as %q", name, r.Default, got)
			}
		}
	}
	for _, names := range []map[string]bool{honouredBrokerKeys(), honouredTopicKeys()} {
		for name := range names {
			if !names[name] || tables().broker.rows[name] == nil && tables().topic.rows[name] == nil {
				t.Errorf("honoured, but not in the table: %s", name)
			}
		}
	}
	for _, r := range tables().topic.rows {
		for _, s := range r.Synonyms {
			if tables().broker.rows[s] == nil {
				t.Errorf("%s: no broker key %s", r.Name, s)
			}
		}
	}
	if n := len(tables().broker.names); n < 380 {
		t.Errorf("only %d broker keys", n)
	}
}

func TestWarnings(t *testing.T) {
	_, warnings, err := load(t, "log.dirs=/tmp/x\nnum.netwrk.threads=4\nssl.protocol=TLSv1.2\nbackground.threads=10\nfoo=1\nssl.provider=x")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(warnings, "\n")
	want := "unknown key foo: neither Kafka nor Milena has it\n" +
		"unknown key num.netwrk.threads: did you mean num.network.threads?\n" +
		"this release does not honour the keys ssl.protocol, ssl.provider"
	if got != want {
		t.Errorf("got %s", got)
	}
}
