package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

const completionExamples = `
source <(milena completion bash)
milena completion zsh > "${fpath[1]}/_milena"
milena completion fish > ~/.config/fish/completions/milena.fish`

// runCompletion prints the script that teaches a shell the tools and their options, for milena and for the scripts of Kafka's.
func runCompletion(_ context.Context, env *Env, args []string) error {
	if len(args) == 1 {
		program := filepath.Base(env.Argv0)
		switch args[0] {
		case "bash":
			bashCompletion(env.Stdout, program, Tools())
			return nil
		case "zsh":
			env.printf("#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n", program)
			bashCompletion(env.Stdout, program, Tools())
			return nil
		case "fish":
			fishCompletion(env.Stdout, program, Tools())
			return nil
		case "-h", "-help", "--help":
			env.println("Usage: milena completion bash|zsh|fish")
			env.printHelp(env.Stdout)
			return nil
		}
	}
	env.errorf("Usage: milena completion bash|zsh|fish\n")
	env.printHelp(env.Stderr)
	return Exit(1)
}

// optionNames lists a tool's options as typed.
func optionNames(t *Tool) []string {
	switch {
	case t.Options != nil:
		options := t.Options()
		return append(slices.Clone(options.Commands), options.Names()...)
	case t.Name == "server":
		return []string{"-daemon", "--override", "--log-format", "--log-level", "--help"}
	case t.Name == "storage":
		return []string{"info", "format", "random-uuid", "--config", "--cluster-id", "--standalone", "--no-initial-controllers",
			"--initial-controllers", "--ignore-formatted", "--release-version", "--feature", "--add-scram", "--help"}
	case t.Name == "completion":
		return []string{"bash", "zsh", "fish"}
	}
	return nil
}

func bashCompletion(w io.Writer, program string, tools []Tool) {
	var names []string
	fmt.Fprintf(w, "_milena_words() {\n  case \"$1\" in\n")
	for i := range tools {
		t := &tools[i]
		if t.Hidden {
			continue
		}
		names = append(names, t.Name)
		patterns := []string{t.Name}
		for _, s := range t.Scripts {
			patterns = append(patterns, s, s+".sh")
		}
		fmt.Fprintf(w, "    %s) echo \"%s\" ;;\n", strings.Join(patterns, "|"), strings.Join(optionNames(t), " "))
	}
	fmt.Fprintf(w, "  esac\n}\n"+
		"_milena() {\n"+
		"  local word=${COMP_WORDS[COMP_CWORD]} words\n"+
		"  case \"${COMP_WORDS[0]##*/}\" in\n"+
		"    %[1]s) if [ \"$COMP_CWORD\" = 1 ]; then words=\"%[2]s\"; else words=$(_milena_words \"${COMP_WORDS[1]}\"); fi ;;\n"+
		"    *) words=$(_milena_words \"${COMP_WORDS[0]##*/}\") ;;\n"+
		"  esac\n"+
		"  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"+
		"}\n"+
		"complete -o default -F _milena %[1]s", program, strings.Join(names, " "))
	for i := range tools {
		if tools[i].Hidden {
			continue
		}
		for _, s := range tools[i].Scripts {
			fmt.Fprintf(w, " %s.sh", s)
		}
	}
	fmt.Fprintln(w)
}

func fishCompletion(w io.Writer, program string, tools []Tool) {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	for i := range tools {
		t := &tools[i]
		if t.Hidden {
			continue
		}
		fmt.Fprintf(w, "complete -c %s -n __fish_use_subcommand -f -a %s -d %s\n", program, t.Name, quote(t.Short))
		inTool := quote("__fish_seen_subcommand_from " + t.Name)
		for _, o := range optionNames(t) {
			var how string
			switch {
			case strings.HasPrefix(o, "--"):
				how = "-l " + o[2:]
			case len(o) == 2 && o[0] == '-':
				how = "-s " + o[1:]
			case strings.HasPrefix(o, "-"):
				how = "-o " + o[1:]
			default:
				how = "-a " + o
			}
			fmt.Fprintf(w, "complete -c %s -n %s %s\n", program, inTool, how)
		}
	}
}
