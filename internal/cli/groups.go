package cli

import (
	"context"
	"time"
)

const groupsExamples = `
milena groups --bootstrap-server localhost:9092 --list
milena groups --bootstrap-server localhost:9092 --list --consumer`

func groupsOptions() *Options {
	return NewOptions(bootstrapOption(),
		commandConfigOption(),
		Option{Name: "consumer", Help: "Only consumer groups: of type consumer, and classic ones whose protocol is consumer or none."},
		Option{Name: "group-type", Arg: "type", Help: "Only groups of this type: classic, consumer, share or streams."},
		Option{Name: "list", Help: "List the groups."},
		Option{Name: "protocol", Arg: "protocol", Help: "Only groups of this protocol type."},
		Option{Name: "share", Help: "Only share groups."},
		Option{Name: "streams", Help: "Only Streams groups."},
	)
}

// runGroups is kafka-groups.sh.
func runGroups(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to list groups of all types."); err != nil {
		return err
	}
	if !v.Has("bootstrap-server") {
		return Usage("Missing required option(s) [bootstrap-server]")
	}
	if !v.Has("list") {
		return Usage("Command must include exactly one action: --list.")
	}
	for _, check := range [][]string{{"consumer", "group-type", "protocol", "share", "streams"},
		{"share", "consumer", "group-type", "protocol", "streams"}, {"streams", "consumer", "group-type", "protocol", "share"}} {
		if err := v.Exclude(check[0], check[1:]...); err != nil {
			return err
		}
	}
	types := []string{"Classic", "Consumer", "Share", "Streams"}
	kind := ""
	if v.Has("group-type") {
		chosen, err := namesFrom(v.Value("group-type"), types, "%s%s")
		if err != nil || len(chosen) != 1 {
			return Exitf(1, "--group-type must be a valid group type.")
		}
		kind = chosen[0]
	}
	g, err := env.openGroups(bootstrapOf(v), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer g.close()
	g.timeout = min(g.timeout, time.Minute)
	all, err := g.listings(ctx, nil, nil)
	if err != nil {
		env.printf("Error while executing groups command : %v\n", err)
		return Exit(1)
	}
	var groups []groupListing
	for _, group := range all {
		plain := group.protocol == "" || group.protocol == "consumer"
		if v.Has("consumer") && group.kind != "Consumer" && (group.kind != "Classic" || !plain) ||
			v.Has("share") && group.kind != "Share" || v.Has("streams") && group.kind != "Streams" ||
			v.Has("protocol") && group.protocol != v.Value("protocol") || kind != "" && group.kind != kind {
			continue
		}
		groups = append(groups, group)
	}
	printAllGroups(env, groups)
	return nil
}

// printAllGroups prints a table whose columns are all as wide as the longest id.
func printAllGroups(env *Env, groups []groupListing) {
	width := 20
	for _, group := range groups {
		width = max(width, len([]rune(group.id)))
	}
	env.printf("%-*s %-*s %-*s\n", width, "GROUP", width, "TYPE", width, "PROTOCOL")
	for _, group := range groups {
		if group.kind == "Unknown" { // as brokers before 3.8 leave it
			group.kind = ""
		}
		env.printf("%-*s %-*s %-*s \n", width, group.id, width, group.kind, width, group.protocol)
	}
}
