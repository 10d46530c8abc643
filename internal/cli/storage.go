package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"milena/internal/config"
)

const storageExamples = `
milena storage random-uuid
milena storage format --standalone -t $(milena storage random-uuid) -c config/server.properties
milena storage info -c config/server.properties`

// runStorage is kafka-storage.sh. A broker of Milena needs no format; what format does here is to fix the cluster id and the node id of
// the data directories in meta.properties.
func runStorage(_ context.Context, env *Env, args []string) error {
	const commands = "{info,format,version-mapping,feature-dependencies,random-uuid}"
	usage := func(problem string) error {
		env.errorf("usage: kafka-storage [-h]\n                     %s\n                     ...\n", commands)
		return Exitf(1, "kafka-storage: error: %s", problem)
	}
	if len(args) == 0 {
		return usage("too few arguments")
	}
	switch args[0] {
	case "-h", "--help":
		env.printf("usage: kafka-storage [-h]\n                     %s\n                     ...\n\nThe Kafka storage tool.\n\n"+
			"  info          what the data directories of this broker are\n"+
			"  format        write a cluster id and the node id into the data directories; Milena does not need it\n"+
			"  random-uuid   print a random UUID\n", commands)
		return nil
	case "random-uuid":
		if len(args) > 1 {
			return storageUsage(env, args[0], "unrecognized arguments: '"+strings.Join(args[1:], " ")+"'")
		}
		env.println(randomUUID())
		return nil
	case "info", "format":
		o, err := parseStorage(env, args[0], args[1:])
		if err != nil {
			return err
		}
		cfg, _, err := config.Load(o.config, nil)
		if err != nil {
			return Exitf(1, "%v", err)
		}
		if args[0] == "info" {
			return storageInfo(env, storageDirs(cfg))
		}
		return o.format(env, cfg)
	case "version-mapping", "feature-dependencies":
		return Exitf(1, "kafka-storage: this release does not have %s: Milena keeps no KRaft feature levels", args[0])
	}
	return usage("invalid choice: '" + args[0] + "' (choose from 'info', 'format', 'version-mapping', 'feature-dependencies', 'random-uuid')")
}

// storageOptions is a parsed command line of format or info.
type storageOptions struct {
	config, clusterID     string
	release               string
	features, scram       []string
	ignoreFormatted       bool
	standalone, noInitial bool
	initialControllers    string
	seen                  []string
}

// storageNames gives the long name of each option of format.
func storageNames(name string) string {
	long := map[string]string{"-c": "--config", "-t": "--cluster-id", "-S": "--add-scram", "-g": "--ignore-formatted",
		"-r": "--release-version", "-f": "--feature", "-s": "--standalone", "-N": "--no-initial-controllers",
		"-I": "--initial-controllers", "-h": "--help"}
	if l, ok := long[name]; ok {
		return l
	}
	return name
}

// storageUsage prints what a command takes and the problem, as Python's argparse does.
func storageUsage(env *Env, command, problem string) error {
	env.errorf("%s", storageSynopsis(command))
	return Exitf(1, "kafka-storage: error: %s", problem)
}

func storageSynopsis(command string) string {
	switch command {
	case "info":
		return "usage: kafka-storage info [-h] --config CONFIG\n"
	case "random-uuid":
		return "usage: kafka-storage random-uuid [-h]\n"
	}
	const indent = "                     "
	return "usage: kafka-storage format [-h] --config CONFIG --cluster-id CLUSTER_ID\n" +
		indent + "[--add-scram ADD_SCRAM] [--ignore-formatted]\n" +
		indent + "[--release-version RELEASE_VERSION]\n" +
		indent + "[--feature FEATURE] [--standalone |\n" +
		indent + "--no-initial-controllers |\n" +
		indent + "--initial-controllers INITIAL_CONTROLLERS]\n"
}

func parseStorage(env *Env, command string, args []string) (*storageOptions, error) {
	o := &storageOptions{}
	for i := 0; i < len(args); i++ {
		given, value, inline := strings.Cut(args[i], "=")
		name := storageNames(given)
		var err error
		take := func(into *string) {
			switch {
			case inline:
				*into = value
			case i+1 < len(args) && (args[i+1] == "" || args[i+1][0] != '-'):
				i++
				*into = args[i]
			default:
				err = storageUsage(env, command, "argument "+storageLabel(name)+": expected one argument")
			}
		}
		o.seen = append(o.seen, name)
		one := ""
		switch {
		case name == "--help":
			env.printf("%s", storageSynopsis(command))
			return nil, Exit(0)
		case name == "--config":
			take(&o.config)
		case command == "info":
			err = storageUsage(env, command, "unrecognized arguments: '"+args[i]+"'")
		case name == "--cluster-id":
			take(&o.clusterID)
		case name == "--release-version":
			take(&o.release)
		case name == "--initial-controllers":
			take(&o.initialControllers)
		case name == "--feature":
			take(&one)
			o.features = append(o.features, one)
		case name == "--add-scram":
			take(&one)
			o.scram = append(o.scram, one)
		case name == "--ignore-formatted":
			o.ignoreFormatted = true
		case name == "--standalone":
			o.standalone = true
		case name == "--no-initial-controllers":
			o.noInitial = true
		default:
			err = storageUsage(env, command, "unrecognized arguments: '"+args[i]+"'")
		}
		if err != nil {
			return nil, err
		}
	}
	return o, o.complete(env, command)
}

// storageLabel is an option as argparse names it in errors: --config/-c.
func storageLabel(name string) string {
	for _, short := range []string{"-c", "-t", "-S", "-g", "-r", "-f", "-s", "-N", "-I"} {
		if storageNames(short) == name {
			return name + "/" + short
		}
	}
	return name
}

// complete refuses what is missing and what excludes each other.
func (o *storageOptions) complete(env *Env, command string) error {
	required := []string{"--config", "--cluster-id"}
	if command == "info" {
		required = required[:1]
	}
	for _, name := range required {
		if !slices.Contains(o.seen, name) {
			return storageUsage(env, command, "argument "+storageLabel(name)+" is required")
		}
	}
	first := ""
	for _, name := range o.seen {
		switch name {
		case "--standalone", "--no-initial-controllers", "--initial-controllers":
			if first != "" && first != name {
				return storageUsage(env, command, "argument "+storageLabel(name)+": not allowed with argument "+storageLabel(first))
			}
			first = name
		}
	}
	return nil
}

// randomUUID is 16 random bytes (UUID version 4) in Kafka's base64, never beginning with a dash.
func randomUUID() string {
	for {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		b[6] = b[6]&0x0f | 0x40
		b[8] = b[8]&0x3f | 0x80
		if s := base64.RawURLEncoding.EncodeToString(b[:]); s[0] != '-' {
			return s
		}
	}
}

// storageDirs are the directories that hold a meta.properties, sorted.
func storageDirs(cfg *config.Broker) []string {
	dirs := slices.Clone(cfg.LogDirs)
	if d := cfg.Values.Static["metadata.log.dir"]; d != "" && !slices.Contains(dirs, d) {
		dirs = append(dirs, d)
	}
	slices.Sort(dirs)
	return dirs
}

// storageInfo prints what the directories are, and what is wrong with them.
func storageInfo(env *Env, dirs []string) error {
	var found, problems []string
	var metadata map[string]string
	for _, dir := range dirs {
		meta, problem := readMeta(dir)
		if problem != "" {
			problems = append(problems, problem)
		}
		if meta == nil {
			continue
		}
		found = append(found, dir)
		switch {
		case metadata == nil:
			metadata = meta
		case metadata["cluster.id"] != meta["cluster.id"]:
			problems = append(problems, "Mismatched cluster IDs between storage directories.")
		case nodeID(metadata) != nodeID(meta):
			problems = append(problems, "Mismatched node IDs between storage directories.")
		}
	}
	list := func(one, many string, items []string) {
		if len(items) == 0 {
			return
		}
		if len(items) > 1 {
			one = many
		}
		env.printf("%s\n", one)
		for _, item := range items {
			env.printf("  %s\n", item)
		}
		env.printf("\n")
	}
	list("Found log directory:", "Found log directories:", found)
	if metadata != nil {
		var pairs []string
		for k, v := range metadata {
			pairs = append(pairs, k+"="+v)
		}
		slices.Sort(pairs)
		env.printf("Found metadata: {%s}\n\n", strings.Join(pairs, ", "))
	}
	list("Found problem:", "Found problems:", problems)
	if len(problems) > 0 {
		return Exit(1)
	}
	return nil
}

func nodeID(meta map[string]string) string {
	if id, ok := meta["node.id"]; ok {
		return id
	}
	return meta["broker.id"]
}

func unformatted(dir string) string { return fmt.Sprintf("%s is not formatted.", dir) }
