package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func testOptions() *Options {
	return NewOptions(
		Option{Name: "topic", Arg: "topic", Help: "Topic."},
		Option{Name: "count", Arg: "n", Kind: Int, Default: "7", Help: "Count."},
		Option{Name: "property", Aliases: []string{"p"}, Arg: "k=v", Many: true, Help: "Property."},
		Option{Name: "codec", Arg: "codec", Optional: true, Help: "Codec."},
		Option{Name: "list", Help: "List."},
	)
}

func TestParseOptions(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--topic a --list", "topic=[a] list=[]"},
		{"--topic=a=b", "topic=[a=b]"},
		{"-topic a -list", "topic=[a] list=[]"},
		{"--property a=1 -p b=2", "property=[a=1 b=2]"},
		{"--codec --list", "codec=[] list=[]"},
		{"--codec zstd rest", "codec=[zstd] rest=[rest]"},
		{"--count -5", "count=[-5]"},
		{"--list -- --topic", "list=[] rest=[--topic]"},
		{"--nosuch", "error nosuch is not a recognized option"},
		{"--top a", "error top is not a recognized option"},
		{"--topic", "error Option topic requires an argument"},
		{"--topic --list", "error Option topic requires an argument"},
		{"--list=x", "error Option list does not take an argument"},
		{"--count x", "error Cannot parse argument 'x' of option count"},
		{"--count 3000000000", "error Cannot parse argument '3000000000' of option count"},
		{"--topic a --topic b", "error Found multiple arguments for option topic, but you asked for only one"},
	} {
		v, err := testOptions().parse(strings.Fields(c.args))
		got := ""
		if err != nil {
			got = "error " + err.Error()
		} else {
			var parts []string
			for i, name := range v.Order {
				if !contains(v.Order[:i], name) {
					parts = append(parts, name+"=["+strings.TrimSpace(strings.Join(v.All(name), " "))+"]")
				}
			}
			if len(v.Rest) > 0 {
				parts = append(parts, "rest=["+strings.Join(v.Rest, " ")+"]")
			}
			got = strings.Join(parts, " ")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
}

func TestOptionDefaults(t *testing.T) {
	v, err := testOptions().parse(nil)
	if err != nil || !v.Empty() || v.Int("count") != 7 || v.Has("count") || v.Value("topic") != "" {
		t.Fatalf("defaults: %+v %v", v, err)
	}
	var usage *usageError
	if err := v.Require("topic", "list"); !errors.As(err, &usage) || usage.message != `Missing required argument "[topic]"` {
		t.Errorf("Require says %v", err)
	}
	v, _ = testOptions().parse([]string{"--list", "--topic", "a"})
	if err := v.Exclude("list", "count", "topic"); err == nil || err.Error() != `Option "[list]" can't be used with option "[topic]"` {
		t.Errorf("Exclude says %v", err)
	}
}

func TestHelpShowsEveryOption(t *testing.T) {
	for _, tool := range Tools() {
		if tool.Options == nil {
			continue
		}
		var out bytes.Buffer
		env := &Env{Tool: &tool, Stdout: &out}
		if o := tool.Options(); o.Style == Argparse {
			env.printArgparseHelp(&out, o)
		} else {
			env.printHelp(&out)
		}
		for _, name := range tool.Options().Names() {
			if !strings.Contains(out.String(), name) {
				t.Errorf("%s: help lacks %s", tool.Name, name)
			}
		}
	}
}

func TestArgparse(t *testing.T) {
	options := func() *Options {
		o := NewArgparse("tool", "About.",
			Option{Name: "topic", Arg: "TOPIC", Required: true, Help: "Topic."},
			Option{Name: "props", Arg: "K=V", Plus: true, Help: "Props."},
			Option{Name: "rate", Arg: "RATE", Kind: Double, Help: "Rate."},
			Option{Name: "acks", Arg: "ACKS", Kind: Int, Choices: []string{"0", "1", "-1"}, Help: "Acks."},
			Option{Name: "size", Arg: "SIZE", Kind: Int, Help: "Size."},
			Option{Name: "file", Arg: "FILE", Help: "File."},
		)
		o.OneOf = [][]string{{"size", "file"}}
		return o
	}
	for _, c := range []struct{ args, want string }{
		{"--topic a --size 1 --rate -1 --props a=1 b=2 --acks -1", ""},
		{"--topic a --size=1", ""},
		{"-h", ""},
		{"--size 1", "argument --topic is required"},
		{"--topic a", "one of the arguments --size --file is required"},
		{"--topic a --size 1 --file f", "argument --file: not allowed with argument --size"},
		{"--topic a --size x", `argument --size: could not convert 'x' to Integer (For input string: "x")`},
		{"--topic a --size 1 --acks 7", "argument --acks: invalid choice: '7' (choose from {0,1,-1})"},
		{"--topic a --size 1 --nosuch", "unrecognized arguments: '--nosuch'"},
		{"--topic a --size 1 stray", "unrecognized arguments: 'stray'"},
		{"--topic a --size", "argument --size: expected one argument"},
		{"--topic a --props --size 1", "argument --props: expected at least one argument"},
	} {
		v, err := options().parse(strings.Fields(c.args))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
		if err == nil && strings.Contains(c.args, "--props") && strings.Join(v.All("props"), " ") != "a=1 b=2" {
			t.Errorf("%s: props %q", c.args, v.All("props"))
		}
	}
}
