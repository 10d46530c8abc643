package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Kind is the type of an option's argument.
type Kind int

// The kinds of argument. Parse refuses what does not fit, with the words of Kafka's own parser.
const (
	String Kind = iota
	Int
	Long
	Double
)

// Option is one option of a tool.
type Option struct {
	Name     string   // "bootstrap-server"
	Aliases  []string // further names, "b" among them for -b
	Arg      string   // what the argument is, "server to connect to"; empty: the option is a flag
	Kind     Kind     // of the argument
	Optional bool     // the argument may be left out
	Default  string   // shown in the help, and given by Value when the option is absent; empty: none
	Required bool     // said in the help; Argparse style refuses a command line without it
	Many     bool     // may be given more than once: All has them in order
	Choices  []string // allowed values; empty: any
	Plus     bool     // Argparse: takes all arguments up to the next option
	Hidden   bool     // accepted, not shown: what older releases had
	Help     string
}

// Style says whose command line it is: Kafka's tools use two parsers, whose errors and habits differ.
type Style int

// The two styles.
const (
	JOptSimple Style = iota // --option value, --option=value, -option value; repeated options gather
	Argparse                // as Python's argparse: usage: lines, "error: argument --topic is required"
)

// Options is what a tool takes.
type Options struct {
	Style       Style
	VersionFlag bool       // --version prints the version of Kafka whose tools these are
	Program     string     // Argparse: the name in usage lines, which is Kafka's script's
	Commands    []string   // what may stand first, where a tool does several things: cluster-id, list-endpoints
	BareUsage   bool       // Argparse: options belong to the commands, and do not stand in the usage line
	OneOf       [][]string // Argparse: of each of these groups exactly one option must be given
	About       string     // Argparse: what the tool is for
	List        []Option
}

// NewOptions gives the options of a tool that parses as most of Kafka's do: --help and --version, then list.
func NewOptions(list ...Option) *Options {
	base := []Option{
		{Name: "help", Help: "Print what this tool takes."},
		{Name: "version", Help: "Print the version of Kafka whose tools these are."},
	}
	return &Options{VersionFlag: true, List: append(base, list...)}
}

// Names lists all options as typed, for shell completion: "--topic", "-b".
func (o *Options) Names() []string {
	var names []string
	for _, option := range o.List {
		if option.Hidden {
			continue
		}
		for _, name := range append([]string{option.Name}, option.Aliases...) {
			names = append(names, dashes(name)+name)
		}
	}
	return names
}

func dashes(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}

// lookup finds an option by name or alias. Kafka's parsers take no abbreviations.
func (o *Options) lookup(name string) *Option {
	for i := range o.List {
		option := &o.List[i]
		if option.Name == name || contains(option.Aliases, name) {
			return option
		}
	}
	return nil
}

// parse reads args in the style of o.
func (o *Options) parse(args []string) (*Values, error) {
	if o.Style == Argparse {
		return o.parseArgparse(args)
	}
	values := &Values{options: o, given: map[string][]string{}, count: len(args)}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			values.Rest = append(values.Rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			values.Rest = append(values.Rest, arg)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		option := o.lookup(name)
		if option == nil {
			return nil, fmt.Errorf("%s is not a recognized option", name)
		}
		values.Order = append(values.Order, option.Name)
		if option.Arg == "" {
			if inline {
				return nil, fmt.Errorf("Option %s does not take an argument", name)
			}
			values.given[option.Name] = append(values.given[option.Name], "")
			continue
		}
		if !inline {
			if i+1 < len(args) && !o.isOption(args[i+1]) {
				i++
				value = args[i]
			} else if option.Optional {
				values.given[option.Name] = append(values.given[option.Name], option.Default)
				continue
			} else {
				return nil, fmt.Errorf("Option %s requires an argument", option.label())
			}
		}
		if err := option.check(value); err != nil {
			return nil, err
		}
		if values.Has(option.Name) && !option.Many {
			return nil, &valueError{fmt.Sprintf("Found multiple arguments for option %s, but you asked for only one", option.label())}
		}
		values.given[option.Name] = append(values.given[option.Name], value)
	}
	return values, nil
}

// valueError is an option's argument that cannot be taken; Kafka's tools find it while they work, and print no options.
type valueError struct{ message string }

func (e *valueError) Error() string { return e.message }

// isOption tells whether an argument that could be a value is an option of this tool.
func (o *Options) isOption(arg string) bool {
	if len(arg) < 2 || arg[0] != '-' {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return o.lookup(name) != nil
}

// label names an option as Kafka's parser does in its errors: one name bare, several as a list.
func (o *Option) label() string {
	if len(o.Aliases) == 0 {
		return o.Name
	}
	return "[" + strings.Join(append(append([]string{}, o.Aliases...), o.Name), ", ") + "]"
}

func (o *Option) check(value string) error {
	var err error
	switch o.Kind {
	case Int:
		_, err = strconv.ParseInt(value, 10, 32)
	case Long:
		_, err = strconv.ParseInt(value, 10, 64)
	case Double:
		_, err = strconv.ParseFloat(value, 64)
	}
	if err != nil {
		return &valueError{fmt.Sprintf("Cannot parse argument '%s' of option %s", value, o.label())}
	}
	return nil
}

// Values is a parsed command line.
type Values struct {
	Rest    []string // what is no option
	Order   []string // names of the options given, in order, repeated ones repeatedly
	options *Options
	given   map[string][]string
	count   int
}

// Empty tells whether nothing at all was given: Kafka's tools then print their options.
func (v *Values) Empty() bool { return v.count == 0 }

// Has tells whether the option was given.
func (v *Values) Has(name string) bool { return len(v.given[name]) > 0 }

// Value is the option's argument, the last one where it was given more than once, or its default.
func (v *Values) Value(name string) string {
	if given := v.given[name]; len(given) > 0 {
		return given[len(given)-1]
	}
	if option := v.options.lookup(name); option != nil {
		return option.Default
	}
	panic("cli: no option " + name)
}

// All is every argument the option was given.
func (v *Values) All(name string) []string { return v.given[name] }

// Int is Value as a number; parse has checked it. Zero where there is neither value nor default.
func (v *Values) Int(name string) int64 {
	n, _ := strconv.ParseInt(v.Value(name), 10, 64)
	return n
}

// Float is Value as a number; zero where there is neither value nor default.
func (v *Values) Float(name string) float64 {
	f, _ := strconv.ParseFloat(v.Value(name), 64)
	return f
}

// Require refuses, in Kafka's words, a command line that lacks one of these options.
func (v *Values) Require(names ...string) error {
	for _, name := range names {
		if !v.Has(name) {
			return Usagef("Missing required argument \"[%s]\"", name)
		}
	}
	return nil
}

// Exclude refuses, in Kafka's words, used together with one of others.
func (v *Values) Exclude(used string, others ...string) error {
	if !v.Has(used) {
		return nil
	}
	for _, other := range others {
		if v.Has(other) {
			return Usagef("Option \"[%s]\" can't be used with option \"[%s]\"", used, other)
		}
	}
	return nil
}

// HelpFirst answers --help, and a command line with nothing on it, as Kafka does: message and options, exit code 1.
func (v *Values) HelpFirst(message string) error {
	if v.Empty() || v.Has("help") {
		return Usage(message)
	}
	return nil
}

// printHelp writes the table of options.
func (o *Options) printHelp(w io.Writer) {
	const left = 40
	fmt.Fprintf(w, "%-*s%s\n%-*s%s\n", left, "Option", "Description", left, "------", "-----------")
	for _, option := range o.List {
		if option.Hidden {
			continue
		}
		var names []string
		for _, alias := range option.Aliases {
			names = append(names, dashes(alias)+alias)
		}
		head := strings.Join(append(names, dashes(option.Name)+option.Name), ", ")
		if option.Arg != "" {
			kind := [...]string{"String", "Integer", "Long", "Double"}[option.Kind]
			if option.Optional {
				head += fmt.Sprintf(" [%s: %s]", kind, option.Arg)
			} else {
				head += fmt.Sprintf(" <%s: %s>", kind, option.Arg)
			}
		}
		help := option.Help
		if option.Required {
			help = "REQUIRED: " + help
		}
		if option.Default != "" {
			help += " (default: " + option.Default + ")"
		}
		writeColumns(w, head, help, left, 100)
	}
}

// writeColumns writes head and its text in two columns, the second one wrapped at width.
func writeColumns(w io.Writer, head, text string, left, width int) {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len(line)+1+len(word) > width-left {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	if len(head) >= left {
		fmt.Fprintln(w, head)
		head = ""
	}
	for i, line := range lines {
		if i > 0 {
			head = ""
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s%s", left, head, line), " "))
	}
}
