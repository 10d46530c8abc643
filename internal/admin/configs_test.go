package admin

import (
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
)

func set(name, value string) ConfigOp     { return ConfigOp{Name: name, Value: &value} }
func remove(name string) ConfigOp         { return ConfigOp{Name: name, Op: OpDelete} }
func add(name, value string) ConfigOp     { return ConfigOp{Name: name, Op: OpAppend, Value: &value} }
func without(name, value string) ConfigOp { return ConfigOp{Name: name, Op: OpSubtract, Value: &value} }

func TestTopicConfigs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		if err := b.admin.CreateTopics(ctx, topic("t", 1, 1), 1000, false)[0].Err; err != nil {
			t.Fatal(err)
		}
		r := Resource{KindTopic, "t"}
		for _, c := range []struct {
			ops           []ConfigOp
			replace, only bool
			want          map[string]string
		}{
			{[]ConfigOp{set("retention.ms", "5"), set("flush.ms", "7")}, false, false, map[string]string{"retention.ms": "5", "flush.ms": "7"}},
			{[]ConfigOp{set("retention.ms", "9")}, false, true, map[string]string{"retention.ms": "5", "flush.ms": "7"}},
			{[]ConfigOp{remove("flush.ms"), remove("segment.ms")}, false, false, map[string]string{"retention.ms": "5"}},
			// A list without a value of its own starts with the one in force.
			{[]ConfigOp{add("cleanup.policy", "compact")}, false, false, map[string]string{"retention.ms": "5", "cleanup.policy": "delete,compact"}},
			{[]ConfigOp{add("cleanup.policy", "compact")}, false, false, map[string]string{"retention.ms": "5", "cleanup.policy": "delete,compact"}},
			{[]ConfigOp{without("cleanup.policy", "delete")}, false, false, map[string]string{"retention.ms": "5", "cleanup.policy": "compact"}},
			{[]ConfigOp{set("segment.ms", "100000")}, true, false, map[string]string{"segment.ms": "100000"}},
			{nil, true, false, map[string]string{}},
		} {
			if err := b.admin.AlterConfigs(ctx, r, c.ops, c.replace, c.only); err != nil {
				t.Fatalf("%v: %v", c.ops, err)
			}
			if got, err := b.store.Config(ctx, clusterstore.TopicEntity("t")); err != nil || !maps.Equal(got, c.want) {
				t.Errorf("%+v: %v, %v; want %v", c.ops, got, err, c.want)
			}
		}
		entries, err := b.admin.DescribeConfigs(ctx, r, []string{"retention.ms"})
		if err != nil || len(entries) != 1 || *entries[0].Value != "604800000" || entries[0].Source != config.SourceDefault {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

func TestConfigRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		if err := b.admin.CreateTopics(ctx, topic("t", 1, 1), 1000, false)[0].Err; err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			r      Resource
			op     ConfigOp
			reason Reason
			text   string
		}{
			{Resource{KindTopic, "t"}, set("retention.ms", "x"), InvalidConfig, "Invalid value x for configuration retention.ms: Not a number of type LONG"},
			{Resource{KindTopic, "t"}, ConfigOp{Name: "retention.ms"}, InvalidRequest, "Null value not supported for : retention.ms"},
			{Resource{KindTopic, "t"}, add("retention.ms", "1"), InvalidConfig, "Can't APPEND to key retention.ms because its type is not LIST."},
			{Resource{KindTopic, "t"}, ConfigOp{Name: "retention.ms", Op: 9}, Unknown, ""},
			{Resource{KindTopic, "nope"}, set("retention.ms", "1"), UnknownTopic, "The topic 'nope' does not exist."},
			{Resource{KindTopic, ""}, set("retention.ms", "1"), InvalidRequest, "Default topic resources are not allowed."},
			{Resource{KindBroker, "1"}, set("log.dirs", "/x"), InvalidRequest, "Cannot update these configs dynamically: [log.dirs]"},
			{Resource{KindBroker, "7"}, set("log.cleaner.threads", "1"), InvalidRequest, "Unexpected broker id, expected 1, but received 7"},
			{Resource{KindBroker, "x"}, set("log.cleaner.threads", "1"), InvalidRequest, "Node id must be an integer, but it is: x"},
			{Resource{KindBrokerLogger, "1"}, set("root", "LOUD"), InvalidConfig, "Cannot set the log level of root to LOUD as it is not a supported " +
				"log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN"},
			{Resource{KindBrokerLogger, "1"}, set("other", "INFO"), InvalidConfig, "Logger other does not exist!"},
			{Resource{KindBrokerLogger, "1"}, remove("root"), InvalidRequest, "Removing the log level of the root logger is not allowed"},
			{Resource{99, "1"}, set("root", "INFO"), InvalidRequest, "Unknown resource type 99"},
		} {
			refused(t, b.admin.AlterConfigs(ctx, c.r, []ConfigOp{c.op}, false, false), c.reason, c.text)
		}
		refused(t, b.admin.AlterConfigs(ctx, Resource{KindTopic, "t"}, []ConfigOp{set("a", "1"), set("a", "2")}, false, false), InvalidRequest,
			"Error due to duplicate config keys")
	})
}

func TestLogLevelChangesAtRunTime(t *testing.T) {
	var level slog.LevelVar
	l := NewLoggers(&level)
	if err := l.change([]ConfigOp{set("root", "TRACE")}, true); err != nil || level.Level() != slog.LevelInfo {
		t.Errorf("validating changed it: %v, %v", level.Level(), err)
	}
	for name, want := range map[string]slog.Level{"TRACE": -8, "debug": -4, "WARN": 4, "ERROR": 8, "FATAL": 12} {
		if err := l.change([]ConfigOp{set("root", name)}, false); err != nil || level.Level() != want {
			t.Errorf("%s: %v, %v", name, level.Level(), err)
		}
	}
	if err := l.change([]ConfigOp{set("root", "INFO")}, false); err != nil || l.Levels()["root"] != "INFO" {
		t.Errorf("%v, %v", l.Levels(), err)
	}
}

func TestConfigWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		change := func(e clusterstore.Entity, key, value string) {
			t.Helper()
			err := b.store.ChangeConfig(ctx, e, func(old map[string]string) (map[string]string, error) {
				old[key] = value
				return old, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		change(clusterstore.TopicEntity("early"), "retention.ms", "1")
		change(clusterstore.BrokerEntity(""), "log.retention.ms", "3600000")
		change(clusterstore.BrokerEntity(""), "listeners", "PLAINTEXT://x:1") // written by hand: not dynamic here

		var mu sync.Mutex
		var told []string
		w, err := WatchConfigs(ctx, b.store, b.admin.Config, b.admin.Logger, func(name string, overrides map[string]string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(name, overrides))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if got := b.admin.Config.Broker().Values.DynamicDefault; len(got) != 1 || got["log.retention.ms"] != "3600000" {
			t.Errorf("dynamic values at the start: %v", got)
		}
		if got := w.Topic("early"); got["retention.ms"] != "1" {
			t.Errorf("at the start: %v", got)
		}
		change(clusterstore.TopicEntity("early"), "retention.ms", "2")
		change(clusterstore.TopicEntity("late"), "flush.ms", "3")
		change(clusterstore.BrokerEntity("1"), "log.retention.ms", "7200000")
		change(clusterstore.BrokerEntity("2"), "log.retention.ms", "5")
		if got := fmt.Sprint(told); got != "[earlymap[retention.ms:2] latemap[flush.ms:3]]" {
			t.Errorf("told %s", got)
		}
		if got := w.Topic("early"); got["retention.ms"] != "2" {
			t.Errorf("after the change: %v", got)
		}
		if got := b.admin.Config.Broker().Values.DynamicBroker; got["log.retention.ms"] != "7200000" {
			t.Errorf("dynamic values: %v", got)
		}
		// Notifications are purged once all have had time to read them.
		<-time.After(time.Hour)
		synctest.Wait()
		if changes, err := b.store.ConfigChanges(ctx); err != nil || len(changes) != 0 {
			t.Errorf("%d notifications stand, %v", len(changes), err)
		}
		told = nil
		change(clusterstore.TopicEntity("early"), "retention.ms", "4")
		if len(told) != 1 {
			t.Errorf("after the purge: told %v", told)
		}
	})
}
