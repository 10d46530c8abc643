package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommandLines runs whole command lines that need no broker. What is expected of Kafka's tools is what Kafka 4.3.1
// prints for the same line: exit code, standard output, and the first line of standard error (with "all": all of it).
func TestCommandLines(t *testing.T) {
	datadriven.Walk(t, "testdata/commands", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out, errors bytes.Buffer
			env := &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errors}
			args := splitWords(d.Input)
			code := RunArgs(t.Context(), env, args)
			text := errors.String()
			if !d.HasArg("all") {
				text, _, _ = strings.Cut(text, "\n")
			}
			result := fmt.Sprintf("exit %d\n", code)
			if out.Len() > 0 {
				result += "out: " + strings.TrimRight(out.String(), "\n") + "\n"
			}
			if text != "" {
				result += "err: " + strings.TrimRight(text, "\n") + "\n"
			}
			return result
		})
	})
}

// splitWords splits a command line; words may stand in single quotes.
func splitWords(line string) []string {
	var words []string
	word, quoted, any := "", false, false
	for _, c := range strings.TrimSpace(line) {
		switch {
		case c == '\'':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any {
				words = append(words, word)
			}
			word, any = "", false
		default:
			word, any = word+string(c), true
		}
	}
	if any {
		words = append(words, word)
	}
	return words
}

func TestTableOfTools(t *testing.T) {
	names, scripts, classes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, tool := range Tools() {
		if tool.Name == "" || tool.Run == nil || (tool.Short == "" && !tool.Hidden) {
			t.Errorf("row %+v lacks its name, its line of description or its function", tool)
		}
		for set, list := range map[*map[string]bool][]string{&names: {tool.Name}, &scripts: tool.Scripts, &classes: tool.Classes} {
			for _, name := range list {
				if (*set)[name] {
					t.Errorf("%s: %q stands in another row, too", tool.Name, name)
				}
				(*set)[name] = true
			}
		}
		if tool.Options == nil {
			continue
		}
		seen := map[string]bool{}
		for _, option := range tool.Options().List {
			for _, name := range append([]string{option.Name}, option.Aliases...) {
				if seen[name] {
					t.Errorf("%s: option %q twice", tool.Name, name)
				}
				seen[name] = true
			}
			if option.Help == "" || !strings.HasSuffix(strings.TrimSpace(option.Help), ".") && !strings.Contains(option.Help, "\n") &&
				!strings.HasSuffix(option.Help, ")") && !strings.HasSuffix(option.Help, "…") {
				t.Errorf("%s: --%s has no sentence of help: %q", tool.Name, option.Name, option.Help)
			}
		}
	}
}

// Tools are found by script name, with and without .sh, by name, and by class.
func TestFindTool(t *testing.T) {
	tools := Tools()
	for name, want := range map[string]string{"topics": "topics", "kafka-topics.sh": "topics", "kafka-topics": "topics",
		"kafka-console-consumer.sh": "console-consumer", "kafka-server-start.sh": "server", "nothing": ""} {
		got := ""
		if tool := find(tools, name); tool != nil {
			got = tool.Name
		}
		if got != want {
			t.Errorf("%s finds %q, want %q", name, got, want)
		}
	}
	for class, want := range map[string]string{"kafka.Kafka": "server", "org.apache.kafka.tools.TopicCommand": "topics",
		"kafka.admin.TopicCommand": "topics", "kafka.tools.StorageTool": "storage"} {
		if tool := byClass(tools, class); tool == nil || tool.Name != want {
			t.Errorf("%s finds %v, want %q", class, tool, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"topics", "configs", "console-producer", "console-consumer", "server"}
	for word, want := range map[string]string{"topic": "topics", "tpoics": "topics", "serve": "server", "config": "configs",
		"xyzzy": "", "consumer": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %q: %q, want %q", word, got, want)
		}
	}
}
