package cli

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// treeFixture is a cluster's tree with brokers in it, and what tools print.
type treeFixture struct {
	t     *testing.T
	store *clusterstore.Store
	out   bytes.Buffer
	env   *Env
}

// newTree registers brokers 1, 2, … in these racks.
func newTree(t *testing.T, racks ...string) *treeFixture {
	t.Helper()
	f := &treeFixture{t: t, store: clusterstore.New(memcoord.NewServer().Open())}
	f.env = &Env{Stdout: &f.out, Stderr: &f.out}
	t.Cleanup(func() { _ = f.store.Coord().Close() })
	f.must(f.store.EnsureParents(t.Context()))
	session, err := f.store.Coord().NewSession(t.Context(), 60_000)
	f.must(err)
	for i, rack := range racks {
		_, err := f.store.Register(t.Context(), session, &clusterstore.Broker{ID: int32(i + 1), Rack: rack})
		f.must(err)
	}
	return f
}

func (f *treeFixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// topics runs one command line of topics, and gives what it printed, or the error.
func (f *treeFixture) topics(line string) string {
	f.t.Helper()
	f.out.Reset()
	v := parsed(f.t, topicsOptions(), strings.Fields("--zookeeper z "+line)...)
	err := checkTopics(f.env, v)
	if err == nil {
		err = (&treeTopics{f.env, f.store}).act(f.t.Context(), v)
	}
	return f.out.String() + errorText(err)
}

func (f *treeFixture) expect(run func(string) string, line, want string) {
	f.t.Helper()
	if got := run(line); got != want {
		f.t.Errorf("%s\n got %s\nwant %s", line, got, want)
	}
}

// The words are those of Kafka 2.4.1.
func TestTopicsByZooKeeper(t *testing.T) {
	f := newTree(t, "a", "b", "a")
	f.expect(f.topics, "--create --topic t", `Missing required argument "[partitions]"`)
	f.expect(f.topics, "--create --topic t --partitions 3 --replication-factor 4", "Replication factor: 4 larger than available brokers: 3.")
	f.expect(f.topics, "--create --topic t --partitions 3 --replication-factor 2 --config retention.ms=7 --config max.message.bytes=9", "Created topic t.\n")
	f.expect(f.topics, "--create --topic t --partitions 3 --replication-factor 2", "Topic 't' already exists.")
	f.expect(f.topics, "--create --topic t --partitions 3 --replication-factor 2 --if-not-exists", "")
	f.expect(f.topics, "--create --topic bad/name --partitions 1 --replication-factor 1",
		"Topic name is invalid: 'bad/name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
	if got := f.topics("--create --topic u --replica-assignment 1:2,2:3 --config retention.ms=x"); !strings.Contains(got, "retention.ms") {
		t.Error(got)
	}
	f.expect(f.topics, "--create --topic u_1 --replica-assignment 1:2,2:3", "WARNING: Due to limitations in metric names, topics with a period ('.') or "+
		"underscore ('_') could collide. To avoid issues it is best to use either, but not both.\nCreated topic u_1.\n")
	f.expect(f.topics, "--list", "t\nu_1\n")
	f.expect(f.topics, "--describe --topic u_1", "Topic: u_1\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: \n"+
		"\tTopic: u_1\tPartition: 0\tLeader: none\tReplicas: 1,2\tIsr: \n\tTopic: u_1\tPartition: 1\tLeader: none\tReplicas: 2,3\tIsr: \n")
	f.expect(f.topics, "--describe --topics-with-overrides",
		"Topic: t\tPartitionCount: 3\tReplicationFactor: 2\tConfigs: "+settingsText(map[string]string{"retention.ms": "7", "max.message.bytes": "9"})+"\n")
	f.expect(f.topics, "--describe --topic none", "Topic 'none' does not exist as expected")
	f.expect(f.topics, "--describe --topic none --if-exists", "")
	f.expect(f.topics, "--describe --under-min-isr-partitions", `Option "[under-min-isr-partitions]" can't be used with option "[zookeeper]"`)
	f.expect(f.topics, "--alter --topic u_1 --partitions 2", keyWarning+"\nThe number of partitions for a topic can only be increased. "+
		"Topic u_1 currently has 2 partitions, 2 would not be an increase.")
	f.expect(f.topics, "--alter --topic u_1 --partitions 3 --replica-assignment 1:2,2:3,9:1", keyWarning+"\nSome brokers specified for partition id 2 are "+
		"not available. Specified brokers: 9, 1, available brokers: 1, 2, 3.")
	f.expect(f.topics, "--alter --topic u_1 --partitions 3 --replica-assignment 1:2,2:3,3:2", keyWarning+"\nAdding partitions succeeded!\n")
	f.expect(f.topics, "--alter --topic t --partitions 9", keyWarning+"\nAdding partitions succeeded!\n")
	f.expect(f.topics, "--alter --topic t --config retention.ms=8 --delete-config max.message.bytes",
		"WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.\n"+
			"         Going forward, please use kafka-configs.sh for this functionality\nUpdated config for topic t.\n")
	topic, err := f.store.Topic(t.Context(), "t")
	f.must(err)
	for p, a := range topic.Partitions {
		if racks := []string{"a", "b", "a"}; len(topic.Partitions) != 9 || len(a.Replicas) != 2 || racks[a.Replicas[0]-1] == racks[a.Replicas[1]-1] {
			t.Errorf("partition %d of %d on %v", p, len(topic.Partitions), a.Replicas)
		}
	}
	if settings, err := f.store.Config(t.Context(), clusterstore.TopicEntity("t")); err != nil || len(settings) != 1 || settings["retention.ms"] != "8" {
		t.Errorf("settings are %v, %v", settings, err)
	}
	const marked = "Topic t is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n"
	f.expect(f.topics, "--delete --topic t", marked)
	f.expect(f.topics, "--delete --topic t", "Topic t is already marked for deletion.\n")
	f.expect(f.topics, "--list", "t - marked for deletion\nu_1\n")
	f.expect(f.topics, "--delete --topic none --if-exists", "")
}

func TestTopicsByZooKeeperWithSomeRacks(t *testing.T) {
	f := newTree(t, "a", "")
	f.expect(f.topics, "--create --topic t --partitions 1 --replication-factor 2", rackAdvice)
	f.expect(f.topics, "--create --topic t --partitions 1 --replication-factor 2 --disable-rack-aware", "Created topic t.\n")
}

func TestConfigsByZooKeeper(t *testing.T) {
	f := newTree(t, "", "")
	f.topics("--create --topic t --partitions 1 --replication-factor 1")
	configs := func(line string) string {
		f.out.Reset()
		v := parsed(t, configsOptions(), strings.Fields("--zookeeper z "+line)...)
		entity, err := checkTreeConfigs(v)
		switch {
		case err != nil:
		case v.Has("alter"):
			err = f.env.alterTreeConfig(t.Context(), v, f.store, entity)
		default:
			err = f.env.describeTreeConfig(t.Context(), f.store, entity)
		}
		return f.out.String() + errorText(err)
	}
	f.expect(configs, "--describe", "At least one --entity-type must be specified")
	f.expect(configs, "--alter --entity-type topics --entity-name t --add-config retention.ms=5", "Completed Updating config for entity: topic 't'.\n")
	f.expect(configs, "--alter --entity-type topics --entity-name none --add-config retention.ms=5", "Topic 'none' does not exist.")
	f.expect(configs, "--alter --entity-type topics --entity-name t --delete-config max.message.bytes", "Invalid config(s): max.message.bytes")
	f.expect(configs, "--describe --entity-type topics", "Configs for topic 't' are retention.ms=5\n")
	f.expect(configs, "--alter --entity-type topics --add-config retention.ms=5", "--entity-name must be specified with --alter of topics")
	f.expect(configs, "--alter --entity-type brokers --entity-name 1 --add-config leader.replication.throttled.rate=1000",
		"Completed Updating config for entity: brokers '1'.\n")
	f.expect(configs, "--alter --entity-type brokers --entity-name 9 --add-config message.max.bytes=1000", "Completed Updating config for entity: brokers '9'.\n")
	if got := configs("--alter --entity-type brokers --entity-name 1 --add-config message.max.bytes=1000"); !strings.Contains(got,
		"--bootstrap-server option must be specified to update broker configs Set(message.max.bytes). when broker 1 is running.") {
		t.Error(got)
	}
	f.expect(configs, "--alter --entity-type users --entity-name a/b --entity-type clients --entity-default --add-config producer_byte_rate=10",
		"Completed Updating config for entity: user-principal 'a/b', default client-id.\n")
	f.expect(configs, "--describe --entity-type users --entity-type clients", "Configs for user-principal 'a/b', default client-id are producer_byte_rate=10\n")
	// Brokers are told.
	if changes, err := f.store.ConfigChanges(t.Context()); err != nil || len(changes) != 4 || changes[0].Entity != clusterstore.TopicEntity("t") {
		t.Errorf("%v, %v", changes, err)
	}
}

func TestReassignByZooKeeper(t *testing.T) {
	f := newTree(t, "", "", "")
	f.topics("--create --topic t --replica-assignment 1:2,2:1")
	file := filepath.Join(t.TempDir(), "plan.json")
	reassign := func(line string) string {
		f.out.Reset()
		v := parsed(t, reassignOptions(), append(strings.Fields("--zookeeper z "+line), "--reassignment-json-file", file)...)
		err := checkTreeReassign(v)
		if err == nil {
			err = (&treeReassigner{f.env, f.store}).act(t.Context(), v)
		}
		return f.out.String() + errorText(err)
	}
	plan := func(partition string) {
		text := `{"version":1,"partitions":[{"topic":"t","partition":` + partition + `,"replicas":[3,1]}]}`
		f.must(os.WriteFile(file, []byte(text), 0o600))
	}
	plan("5")
	f.expect(reassign, "--execute", "The proposed assignment contains non-existent partitions: List(t-5)")
	plan("0")
	f.expect(reassign, "--cancel", "Command must include exactly one action: --generate, --execute or --verify")
	const status = "Status of partition reassignment: \nReassignment of partition t-0 "
	f.expect(reassign, "--verify", status+"failed\n")
	f.expect(reassign, "--execute --throttle 5000", `Current partition replica assignment

{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","any"]},`+
		`{"topic":"t","partition":1,"replicas":[2,1],"log_dirs":["any","any"]}]}

Save this to use as the --reassignment-json-file option during rollback
Warning: You must run Verify periodically, until the reassignment completes, to ensure the throttle is removed. `+
		`You can also alter the throttle by rerunning the Execute command passing a new value.
The inter-broker throttle limit was set to 5000 B/s
Successfully started reassignment of partitions.
`)
	node, err := f.store.Coord().Get(t.Context(), clusterstore.ReassignPath)
	if err != nil || string(node.Data) != `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[3,1]}]}` {
		t.Errorf("%s, %v", node.Data, err)
	}
	f.expectSettings(clusterstore.TopicEntity("t"), "follower.replication.throttled.replicas=0:3 leader.replication.throttled.replicas=0:1,0:2")
	f.expectSettings(clusterstore.BrokerEntity("3"), "follower.replication.throttled.rate=5000 leader.replication.throttled.rate=5000")
	f.expect(reassign, "--verify", status+"is still in progress\n")
	f.expect(reassign, "--execute --throttle 6000", "There is an existing assignment running.\n")
	f.expectSettings(clusterstore.BrokerEntity("2"), "follower.replication.throttled.rate=6000 leader.replication.throttled.rate=6000")
	// The controller does its work.
	topic, err := f.store.Topic(t.Context(), "t")
	f.must(err)
	topic.Partitions[0].Replicas = []int32{3, 1}
	f.must(f.store.GrowTopic(t.Context(), topic))
	f.must(f.store.Coord().Delete(t.Context(), clusterstore.ReassignPath, -1))
	f.expect(reassign, "--verify", status+"completed successfully\nThrottle was removed.\n")
	f.expectSettings(clusterstore.TopicEntity("t"), "")
	f.expectSettings(clusterstore.BrokerEntity("3"), "")
	f.expect(reassign, "--verify", status+"completed successfully\n")
}

func (f *treeFixture) expectSettings(e clusterstore.Entity, want string) {
	f.t.Helper()
	settings, err := f.store.Config(context.Background(), e)
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		pairs = append(pairs, key+"="+settings[key])
	}
	if got := strings.Join(pairs, " "); err != nil || got != want {
		f.t.Errorf("%s has %q, %v; want %q", e, got, err, want)
	}
}

func TestPreferredElectionByZooKeeper(t *testing.T) {
	f := newTree(t, "")
	f.topics("--create --topic t --partitions 2 --replication-factor 1")
	elect := func(topics ...kmsg.ElectLeadersRequestTopic) string {
		f.out.Reset()
		err := f.env.electInTree(t.Context(), f.store, topics)
		return f.out.String() + errorText(err)
	}
	some := kmsg.ElectLeadersRequestTopic{Topic: "t", Partitions: []int32{1, 7}}
	if got := elect(some); got != "Created preferred replica election path with t-1\n"+
		"Successfully started preferred replica election for partitions Set(t-1)\n"+
		"Skipping preferred replica leader election for partition t-7 since it doesn't exist.\n" {
		t.Error(got)
	}
	if got := elect(); got != "Preferred replica leader election currently in progress for t-1. Aborting operation" {
		t.Error(got)
	}
	f.must(f.store.Coord().Delete(t.Context(), clusterstore.PreferredElectionPath, -1))
	if got := elect(); !strings.HasPrefix(got, "Created preferred replica election path with t-0,t-1\n") {
		t.Error(got)
	}
}
