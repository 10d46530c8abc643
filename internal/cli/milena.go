package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// listTools is the answer to `milena` alone.
func listTools(w io.Writer, tools []Tool) int {
	fmt.Fprint(w, "Milena is Kafka in one binary: the broker, and Kafka's tools with their options.\n\nUsage: "+
		"milena TOOL [OPTION]…\n\n")
	for i := range tools {
		if !tools[i].Hidden {
			fmt.Fprintf(w, "  %-22s%s\n", tools[i].Name, tools[i].Short)
		}
	}
	fmt.Fprint(w, "\nExamples:\n"+
		"  milena server                                         a broker on localhost:9092, data in ./milena-data\n"+
		"  milena topics --bootstrap-server localhost:9092 --create --topic greetings\n"+
		"  milena TOOL --help                                    what a tool takes\n"+
		"  milena links /opt/kafka                               the same tools under Kafka's names\n")
	return 0
}

// unknownTool names the nearest tools there are.
func unknownTool(env *Env, tools []Tool, name string) int {
	env.errorf("milena: there is no tool %q.", name)
	var names []string
	for i := range tools {
		if !tools[i].Hidden {
			names = append(names, tools[i].Name)
		}
	}
	if near := nearest(strings.TrimPrefix(strings.TrimSuffix(name, ".sh"), "kafka-"), names); near != "" {
		env.errorf(" Did you mean %q?", near)
	}
	env.errorf(" `milena` alone lists them all.\n")
	return 1
}

// nearest is the name that takes the fewest edits to reach, if that is few; a name that begins with word comes first.
func nearest(word string, names []string) string {
	best, bestEdits := "", 1+len(word)/3
	for _, name := range names {
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			return name
		}
		if edits := editDistance(word, name); edits <= bestEdits && (best == "" || edits < bestEdits) {
			best, bestEdits = name, edits
		}
	}
	return best
}

// editDistance counts insertions, deletions and replacements between two words (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}

// runVersion prints what this binary is and whose tools and protocol it speaks.
func runVersion(_ context.Context, env *Env, _ []string) error {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
				revision = " " + setting.Value[:12]
			}
		}
	}
	env.printf("milena %s%s (Kafka %s) %s %s/%s\n", version, revision, KafkaVersion,
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// runClass is kafka-run-class.sh: JVM options are passed over, then comes the class whose tool is run. -daemon is handed
// to the server, which alone knows how to run in the background.
func runClass(ctx context.Context, env *Env, args []string) error {
	var daemon []string
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "-daemon":
			daemon = args[:1]
		case args[0] == "-name" && len(args) > 1:
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return Exitf(1, "USAGE: %s [-daemon] [-name servicename] [-loggc] classname [opts]", env.Program)
	}
	tool := byClass(Tools(), args[0])
	if tool == nil {
		return Exitf(1, "Error: Could not find or load main class %s: there is no such tool here; `milena` alone lists them", args[0])
	}
	args = args[1:]
	if tool.Name == "server" {
		args = append(append([]string{}, daemon...), args...)
	}
	if code := env.run(ctx, tool, args); code != 0 {
		return Exit(code)
	}
	return nil
}
