package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

const reassignExamples = `
milena reassign-partitions --bootstrap-server localhost:9092 --generate --topics-to-move-json-file topics.json --broker-list 1,2,3,4
milena reassign-partitions --bootstrap-server localhost:9092 --execute --reassignment-json-file plan.json --throttle 50000000 --wait
milena reassign-partitions --bootstrap-server localhost:9092 --verify --reassignment-json-file plan.json
milena reassign-partitions --bootstrap-server localhost:9092 --cancel --reassignment-json-file plan.json
milena reassign-partitions --bootstrap-server localhost:9092 --list
milena reassign-partitions --zookeeper localhost:2181/kafka --execute --reassignment-json-file plan.json`

func reassignActions() []string { return []string{"generate", "execute", "verify", "cancel", "list"} }

func reassignOptions() *Options {
	flag := func(name, help string) Option { return Option{Name: name, Help: help} }
	return NewOptions(
		flag("additional", "With --execute: beside what is being moved already, which may get another target or throttle so."),
		Option{Name: "bootstrap-controller", Arg: "bootstrap controller to connect to",
			Help: "With --cancel or --list: KRaft controllers; Milena's brokers are their own."},
		Option{Name: "bootstrap-server", Arg: "Server(s) to use for bootstrapping", Help: "Brokers to begin with: HOST:PORT,HOST:PORT."},
		Option{Name: "broker-list", Arg: "brokerlist", Help: "With --generate: brokers to spread the partitions over, 0,1,2."},
		flag("cancel", "Give up what is being moved; the replicas stay where they were."),
		Option{Name: "command-config", Arg: "Admin client property file", Help: "Properties file with settings of the client."},
		flag("disable-rack-aware", "With --generate: do not look at racks."),
		flag("disallow-replication-factor-change", "With --execute: refuse to change how many replicas a partition has."),
		flag("execute", "Begin to move as --reassignment-json-file says."),
		flag("generate", "Propose where partitions could be. Nothing is moved."),
		flag("list", "List what is being moved."),
		flag("preserve-throttles", "With --verify, --cancel or --wait: let throttles stand."),
		Option{Name: "reassignment-json-file", Arg: "manual assignment json file path", Help: "Where partitions are to be:\n" +
			`{"version":1,"partitions":[{"topic":"foo","partition":1,"replicas":[1,2],"log_dirs":["any","/data/b"]}]}` +
			"\nlog_dirs may be missing; it names a data directory of each replica's broker, or any."},
		Option{Name: "replica-alter-log-dirs-throttle", Arg: "replicaAlterLogDirsThrottle", Kind: Long, Default: "-1",
			Help: "With --execute: bytes a second for what is moved between directories of a broker."},
		Option{Name: "throttle", Arg: "throttle", Kind: Long, Default: "-1",
			Help: "With --execute: bytes a second for what is moved between brokers, for each broker. --verify removes it at the end."},
		Option{Name: "timeout", Arg: "timeout", Kind: Long, Default: "10000",
			Help: "How many ms a move between directories may take to begin."},
		Option{Name: "topics-to-move-json-file", Arg: "topics to reassign json file path", Help: "With --generate: the topics:\n" +
			`{"version":1,"topics":[{"topic":"foo"},{"topic":"foo1"}]}`},
		flag("verify", "Tell how far the move is; when it is done, remove its throttles."),
		flag("wait", "With --execute or --verify: wait until all is moved, show progress, then remove the throttles. Milena's own."),
		zookeeperOption("With --generate, --execute or --verify"),
	)
}

// runReassign is kafka-reassign-partitions.sh.
func runReassign(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to move topic partitions between replicas."); err != nil {
		return err
	}
	if v.Has("zookeeper") {
		return env.reassignByZooKeeper(ctx, v)
	}
	if err := checkReassign(v); err != nil {
		return err
	}
	bootstrap := v.Value("bootstrap-server")
	if bootstrap == "" {
		bootstrap = v.Value("bootstrap-controller")
	}
	a, err := env.openAdmin(bootstrap, v.Value("command-config"), kgo.ClientID("reassign-partitions-tool"))
	if err == nil {
		defer a.close()
		err = (&reassigner{a}).act(ctx, v)
	}
	return env.reassignFailure(err)
}

// reassignFailure prints what went wrong where Kafka's tool does: on standard output.
func (env *Env) reassignFailure(err error) error {
	var exit *exitError
	var terse terseError
	switch {
	case err == nil || errors.As(err, &exit):
		return err
	case errors.As(err, &terse):
		env.println(terse.Error())
	default:
		env.printf("Error: %s\n", javaError(err))
	}
	return Exit(1)
}

// terseError is a failure whose words stand for themselves, without "Error:".
type terseError string

func (e terseError) Error() string { return string(e) }

// checkReassign refuses what does not go together, in Kafka's words.
func checkReassign(v *Values) error {
	action := ""
	for _, name := range reassignActions() {
		if v.Has(name) {
			if action != "" {
				action = ""
				break
			}
			action = name
		}
	}
	if action == "" {
		return Usage("Command must include exactly one action: --" + strings.Join(reassignActions(), ", --"))
	}
	switch server, controller := v.Has("bootstrap-server"), v.Has("bootstrap-controller"); {
	case server && controller:
		return Usage("Please don't specify both --bootstrap-server and --bootstrap-controller")
	case !server && !controller:
		return Usage("Please specify either --bootstrap-server or --bootstrap-controller")
	}
	needed := map[string][]string{
		"generate": {"topics-to-move-json-file", "broker-list"}, "execute": {"reassignment-json-file"},
		"verify": {"reassignment-json-file"}, "cancel": {"reassignment-json-file"},
	}[action]
	if err := v.Require(needed...); err != nil {
		return err
	}
	allowed := append(map[string][]string{
		"generate": {"disable-rack-aware"},
		"execute": {"additional", "throttle", "replica-alter-log-dirs-throttle", "timeout", "disallow-replication-factor-change",
			"wait", "preserve-throttles"},
		"verify": {"preserve-throttles", "wait"},
		"cancel": {"bootstrap-controller", "preserve-throttles", "timeout"},
		"list":   {"bootstrap-controller"},
	}[action], append(needed, action, "bootstrap-server", "command-config")...)
	for _, name := range v.Order {
		if !contains(allowed, name) || name == "preserve-throttles" && action == "execute" && !v.Has("wait") {
			return Usagef("Option \"[%s]\" can't be used with action \"[%s]\"", name, action)
		}
	}
	return nil
}

// reassigner moves partitions by asking brokers.
type reassigner struct{ *admin }

func (r *reassigner) act(ctx context.Context, v *Values) error {
	switch {
	case v.Has("generate"):
		text, err := readWhole(v.Value("topics-to-move-json-file"))
		if err != nil {
			return err
		}
		return r.generate(ctx, text, v.Value("broker-list"), !v.Has("disable-rack-aware"))
	case v.Has("list"):
		return r.list(ctx)
	}
	text, err := readWhole(v.Value("reassignment-json-file"))
	if err != nil {
		return err
	}
	plan, err := parseReassignment(text)
	if err != nil {
		return err
	}
	switch {
	case v.Has("cancel"):
		return r.cancel(ctx, v, plan)
	case v.Has("verify"):
		if v.Has("wait") {
			if err := r.await(ctx, plan); err != nil {
				return err
			}
		}
		return r.verify(ctx, plan, v.Has("preserve-throttles"))
	}
	if err := r.execute(ctx, v, plan); err != nil || !v.Has("wait") {
		return err
	}
	if err := r.await(ctx, plan); err != nil {
		return err
	}
	return r.verify(ctx, plan, v.Has("preserve-throttles"))
}

func readWhole(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Unable to read file %s", path)
	}
	return text, nil
}

// plural is the s of a word that stands for n things.
func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
