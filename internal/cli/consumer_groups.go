package cli

import (
	"context"
	"errors"
	"regexp/syntax"
	"strings"
	"time"
)

const consumerGroupsExamples = `
milena consumer-groups --bootstrap-server localhost:9092 --list --state
milena consumer-groups --bootstrap-server localhost:9092 --describe --group readers
milena consumer-groups --bootstrap-server localhost:9092 --describe --all-groups --members --verbose
milena consumer-groups --bootstrap-server localhost:9092 --reset-offsets --group readers --topic greetings:0,1 --to-earliest --dry-run
milena consumer-groups --bootstrap-server localhost:9092 --reset-offsets --group readers --all-topics --shift-by -10 --execute
milena consumer-groups --bootstrap-server localhost:9092 --delete-offsets --group readers --topic greetings
milena consumer-groups --bootstrap-server localhost:9092 --delete --group readers`

func consumerGroupsOptions() *Options {
	o := NewOptions(
		Option{Name: "all-groups", Help: "All consumer groups."},
		Option{Name: "all-topics", Help: "With --reset-offsets: all topics of which the group has offsets."},
		Option{Name: "bootstrap-server", Arg: "server to connect to",
			Help: "Brokers to begin with: HOST1:PORT1,HOST2:PORT2. REQUIRED for all but --validate-regex."},
		Option{Name: "by-duration", Arg: "duration", Help: "Reset to the offsets of so long ago: PnDTnHnMnS."},
		Option{Name: "command-config", Arg: "command config property file", Help: "Properties file with settings of the client."},
		Option{Name: "delete", Help: "Delete groups: --group g1 --group g2."},
		Option{Name: "delete-offsets", Help: "Delete offsets of one group, of one topic or several."},
		Option{Name: "describe", Help: "Show a group: its offsets and its lag, its members, or its state."},
		Option{Name: "dry-run", Help: "With --reset-offsets: only show what would be done."},
		Option{Name: "execute", Help: "With --reset-offsets: do it."},
		Option{Name: "export", Help: "With --reset-offsets: print the offsets as CSV, which --from-file reads."},
		Option{Name: "from-file", Arg: "path to CSV file", Help: "Reset to the offsets of a CSV file."},
		Option{Name: "group", Arg: "consumer group", Many: true, Help: "The group."},
		Option{Name: "list", Help: "List all consumer groups."},
		Option{Name: "members", Help: "With --describe: the group's members."},
		Option{Name: "offsets", Help: "With --describe: offsets and lag of each partition; this is what it does by itself."},
		Option{Name: "reset-offsets", Help: "Give groups without members other offsets. --dry-run (also without either) shows the plan, " +
			"--execute follows it. The offsets are chosen by one of --to-datetime, --by-duration, --to-earliest, --to-latest, " +
			"--shift-by, --from-file, --to-current, --to-offset; the partitions by --all-topics or --topic."},
		Option{Name: "shift-by", Arg: "number-of-offsets", Kind: Long, Help: "Reset to the offsets so many records on, or back."},
		Option{Name: "state", Arg: "String", Optional: true, Help: "With --describe: the group's state. With --list: show states; " +
			"with a value, only groups of these: --state stable,empty."},
		Option{Name: "timeout", Arg: "timeout (ms)", Kind: Long, Default: "5000", Help: "How long to wait for each answer."},
		Option{Name: "to-current", Help: "Reset to the offsets that are."},
		Option{Name: "to-datetime", Arg: "datetime", Help: "Reset to the offsets of a time: YYYY-MM-DDThh:mm:ss.sss."},
		Option{Name: "to-earliest", Help: "Reset to the first offsets."},
		Option{Name: "to-latest", Help: "Reset to the next offsets."},
		Option{Name: "to-offset", Arg: "offset", Kind: Long, Help: "Reset to this offset."},
		Option{Name: "topic", Arg: "topic", Many: true, Help: "The topic, perhaps with partitions: topic1:0,1,2."},
		Option{Name: "type", Arg: "String", Optional: true, Help: "With --list: show types; with a value, only groups of these: " +
			"--type classic,consumer."},
		Option{Name: "validate-regex", Arg: "regex", Help: "Say whether brokers would take this regular expression (RE2)."},
		Option{Name: "verbose", Help: "With --describe: show more."},
	)
	return o
}

// groupActions are what the tool does, one at a time, in the order in which Kafka's tool names them.
func groupActions() []string {
	return []string{"list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"}
}

// groupFailure is an error that Kafka's tool prints on standard output, and ends with exit code 0 all the same.
type groupFailure struct{ text string }

func (e *groupFailure) Error() string { return e.text }

// failedBy is err as Kafka's tool words it: with the name of the exception.
func failedBy(err error) error { return failedIn("", err) }

// failedInCall is err where Kafka's tool wraps what the call threw once more.
func failedInCall(err error) error { return failedIn("java.util.concurrent.ExecutionException: ", err) }

func failedIn(wrap string, err error) error {
	var failure *groupFailure
	if err == nil || errors.As(err, &failure) {
		return err
	}
	return &groupFailure{wrap + javaError(err)}
}

// runConsumerGroups is kafka-consumer-groups.sh.
func runConsumerGroups(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err == nil {
		err = env.consumerGroups(ctx, v)
	}
	var usage *usageError
	var exit *exitError
	var arguments *argparseError
	if err == nil || errors.As(err, &usage) || errors.As(err, &exit) || errors.As(err, &arguments) {
		return err
	}
	env.printf("\nError: Executing consumer group command failed due to %v\n", err)
	return nil
}

func (env *Env) consumerGroups(ctx context.Context, v *Values) error {
	if err := checkGroupOptions(env, v); err != nil {
		return err
	}
	if v.Has("validate-regex") {
		env.validateRegex(v.Value("validate-regex"))
		return nil
	}
	g, err := env.openGroups(bootstrapOf(v), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer g.close()
	g.timeout = time.Duration(v.Int("timeout")) * time.Millisecond
	switch {
	case v.Has("list"):
		return g.list(ctx, v)
	case v.Has("describe"):
		return g.show(ctx, v)
	case v.Has("delete"):
		return g.deleteGroups(ctx, v)
	case v.Has("reset-offsets"):
		return g.reset(ctx, v)
	}
	return g.deleteOffsets(ctx, v.Value("group"), v.All("topic"))
}

// checkGroupOptions refuses, with Kafka's words and in Kafka's order, options that do not go together.
func checkGroupOptions(env *Env, v *Values) error {
	var unavailable []string
	for _, name := range []string{"members", "verbose", "offsets"} {
		if v.Has(name) && !v.Has("describe") {
			unavailable = append(unavailable, name)
		}
	}
	if v.Has("state") && !v.Has("describe") && !v.Has("list") {
		unavailable = append(unavailable, "state")
	}
	if v.Has("type") && !v.Has("list") {
		unavailable = append(unavailable, "type")
	}
	if len(unavailable) > 0 {
		return Exitf(1, "Exception in thread \"main\" joptsimple.UnavailableOptionException: Option(s) [%s] are unavailable given other "+
			"options on the command line", strings.Join(unavailable, ", "))
	}
	if err := v.HelpFirst("This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or " +
		"reset consumer group offsets."); err != nil {
		return err
	}
	if !v.Has("validate-regex") {
		if err := v.Require("bootstrap-server"); err != nil {
			return err
		}
	}
	for _, check := range []func() error{
		func() error { return checkDescribeOptions(v) },
		func() error { return checkDeleteOptions(v) },
		func() error { return checkResetOptions(env, v) },
		func() error { return v.Exclude("group", "all-groups", "list") },
		func() error { return v.Exclude("topic", "list", "describe") },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	actions := 0
	for _, action := range groupActions() {
		if v.Has(action) {
			actions++
		}
	}
	if actions != 1 {
		return Usage("Command must include exactly one action: --" + strings.Join(groupActions(), ", --"))
	}
	return nil
}

func checkDescribeOptions(v *Values) error {
	if !v.Has("describe") {
		return nil
	}
	if !v.Has("group") && !v.Has("all-groups") {
		return Usage("Option [describe] takes one of these options: [all-groups], [group]")
	}
	aspects := 0
	for _, name := range []string{"members", "offsets", "state"} {
		if v.Has(name) {
			aspects++
		}
	}
	if aspects > 1 {
		return Usage("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	}
	if v.Has("state") && v.Value("state") != "" {
		return Usage("Option [describe] does not take a value for [state]")
	}
	return nil
}

func checkDeleteOptions(v *Values) error {
	switch {
	case v.Has("delete") && !v.Has("group") && !v.Has("all-groups"):
		return Usage("Option [delete] takes one of these options: [group], [all-groups]")
	case v.Has("delete") && v.Has("topic"):
		return Usage("The consumer does not support topic-specific offset deletion from a consumer group.")
	case v.Has("delete-offsets") && (!v.Has("group") || !v.Has("topic")):
		return Usage("Option [delete-offsets] takes the following options: [group], [topic]")
	case v.Has("delete-offsets") && len(v.All("group")) > 1:
		return Exitf(1, "Found multiple arguments for option group, but you asked for only one")
	}
	return nil
}

// resetScenarios are the ways to choose offsets, in Kafka's order.
func resetScenarios() []string {
	return []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"}
}

func checkResetOptions(env *Env, v *Values) error {
	if !v.Has("reset-offsets") {
		return nil
	}
	if v.Has("dry-run") && v.Has("execute") {
		return Usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	}
	if !v.Has("dry-run") && !v.Has("execute") {
		env.errorf("WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require " +
			"either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this " +
			"command and want to keep the current default behavior without prompting.\n")
	}
	if !v.Has("group") && !v.Has("all-groups") {
		return Usage("Option [reset-offsets] takes one of these options: [group], [all-groups]")
	}
	for _, scenario := range resetScenarios() {
		for _, other := range resetScenarios() {
			if other != scenario && v.Has(scenario) && v.Has(other) {
				return v.Exclude(scenario, other)
			}
		}
	}
	return nil
}

// validateRegex says whether brokers take a subscription's regular expression: they read RE2, as Go does.
func (env *Env) validateRegex(text string) {
	_, err := syntax.Parse(text, syntax.Perl)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		why := wrong.Code.String()
		if wrong.Code == syntax.ErrUnexpectedParen {
			why = string(syntax.ErrInternalError)
		}
		env.printf("The regular expression `%s` is invalid: %s.\n", text, why)
		return
	}
	env.printf("The regular expression `%s` is valid.\n", text)
}
