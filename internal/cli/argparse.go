package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Some of Kafka's tools parse as Python's argparse does: usage lines, errors below them, options that must be there, and
// groups of which just one must be.

// argparseError is a command line that such a tool cannot take.
type argparseError struct {
	options *Options
	message string
}

func (e *argparseError) Error() string { return e.message }

func (o *Options) fail(format string, args ...any) error {
	return &argparseError{o, fmt.Sprintf(format, args...)}
}

// NewArgparse gives the options of a tool of this style: -h and --help, then list.
func NewArgparse(program, about string, list ...Option) *Options {
	help := Option{Name: "help", Aliases: []string{"h"}, Help: "Print what this tool takes."}
	return &Options{Style: Argparse, Program: program, About: about, List: append([]Option{help}, list...)}
}

func (o *Options) parseArgparse(args []string) (*Values, error) {
	values := &Values{options: o, given: map[string][]string{}, count: len(args)}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(strings.TrimPrefix(args[i], "-"), "=")
		option := o.lookup(strings.TrimPrefix(name, "-"))
		if option == nil || !strings.HasPrefix(args[i], "-") {
			if len(o.Commands) > 0 && !strings.HasPrefix(args[i], "-") {
				values.Rest = append(values.Rest, args[i])
				continue
			}
			return nil, o.fail("unrecognized arguments: '%s'", args[i])
		}
		values.Order = append(values.Order, option.Name)
		if option.Arg == "" {
			values.given[option.Name] = append(values.given[option.Name], "")
			continue
		}
		var taken []string
		if inline {
			taken = []string{value}
		}
		for !inline && i+1 < len(args) && isArgument(args[i+1]) && (option.Plus || len(taken) == 0) {
			i++
			taken = append(taken, args[i])
		}
		if len(taken) == 0 && option.Plus {
			return nil, o.fail("argument %s: expected at least one argument", option.flags())
		}
		if len(taken) == 0 {
			return nil, o.fail("argument %s: expected one argument", option.flags())
		}
		for _, text := range taken {
			if err := o.checkArgument(option, text); err != nil {
				return nil, err
			}
		}
		if !option.Many {
			values.given[option.Name] = nil
		}
		values.given[option.Name] = append(values.given[option.Name], taken...)
	}
	if values.Has("help") {
		return values, nil
	}
	return values, o.checkPresent(values)
}

// isArgument tells whether a word can be an option's argument: negative numbers can.
func isArgument(word string) bool {
	if !strings.HasPrefix(word, "-") || word == "-" {
		return true
	}
	_, err := strconv.ParseFloat(word, 64)
	return err == nil
}

func (o *Option) flags() string {
	names := []string{dashes(o.Name) + o.Name}
	for _, alias := range o.Aliases {
		names = append(names, dashes(alias)+alias)
	}
	return strings.Join(names, "/")
}

func (o *Options) checkArgument(option *Option, text string) error {
	if len(option.Choices) > 0 && !contains(option.Choices, text) {
		return o.fail("argument %s: invalid choice: '%s' (choose from {%s})", option.flags(), text, strings.Join(option.Choices, ","))
	}
	if option.check(text) != nil {
		kind := [...]string{"String", "Integer", "Long", "Double"}[option.Kind]
		return o.fail("argument %s: could not convert '%s' to %s (For input string: \"%s\")", option.flags(), text, kind, text)
	}
	return nil
}

// checkPresent refuses a command line that lacks what must be there, or has two of what excludes each other.
func (o *Options) checkPresent(v *Values) error {
	for _, group := range o.OneOf {
		first := ""
		for _, name := range v.Order {
			switch {
			case !contains(group, name) || name == first:
			case first != "":
				return o.fail("argument %s: not allowed with argument %s", o.lookup(name).flags(), o.lookup(first).flags())
			default:
				first = name
			}
		}
	}
	for i := range o.List {
		if option := &o.List[i]; option.Required && !v.Has(option.Name) && !o.grouped(option.Name) {
			return o.fail("argument %s is required", option.flags())
		}
	}
	for _, group := range o.OneOf {
		given := false
		var flags []string
		for _, name := range group {
			given = given || v.Has(name)
			flags = append(flags, o.lookup(name).flags())
		}
		if !given {
			return o.fail("one of the arguments %s is required", strings.Join(flags, " "))
		}
	}
	return nil
}

func (o *Options) grouped(name string) bool {
	for _, group := range o.OneOf {
		if contains(group, name) {
			return true
		}
	}
	return false
}

// usage is the usage line, wrapped.
func (o *Options) usage() string {
	var words []string
	for i := range o.List {
		option := &o.List[i]
		if option.Hidden || o.grouped(option.Name) || o.BareUsage && option.Name != "help" {
			continue
		}
		words = append(words, option.usage(option.Required))
	}
	for _, group := range o.OneOf {
		var choice []string
		for _, name := range group {
			choice = append(choice, o.lookup(name).usage(true))
		}
		if len(choice) > 1 {
			choice[0], choice[len(choice)-1] = "("+choice[0], choice[len(choice)-1]+")"
		}
		for i := range choice[:len(choice)-1] {
			choice[i] += " |"
		}
		words = append(words, choice...)
	}
	if len(o.Commands) > 0 {
		words = append(words, "{"+strings.Join(o.Commands, ",")+"} ...")
	}
	head := "usage: " + o.Program + " "
	name, _, _ := strings.Cut(o.Program, " ")
	lines, line, indent := "", head, strings.Repeat(" ", len("usage: "+name+" "))
	if len(indent) > 28 {
		indent = "       "
		lines, line = strings.TrimRight(head, " ")+"\n", indent
	}
	for _, word := range words {
		if len(line) > len(indent) && len(line)+len(word) > 75 {
			lines, line = lines+strings.TrimRight(line, " ")+"\n", indent
		}
		line += word + " "
	}
	return lines + strings.TrimRight(line, " ") + "\n"
}

func (o *Option) usage(bare bool) string {
	text := dashes(o.Name) + o.Name
	if o.Name == "help" {
		text = "-h"
	}
	if o.Arg != "" {
		text += " " + o.Arg
	}
	if o.Plus {
		text += " [" + o.Arg + " ...]"
	}
	if !bare {
		text = "[" + text + "]"
	}
	return text
}

// printArgparseHelp is the answer to --help.
func (env *Env) printArgparseHelp(w io.Writer, o *Options) {
	fmt.Fprint(w, o.usage())
	fmt.Fprintf(w, "\n%s\n\noptional arguments:\n", wrap(o.About, "", 75))
	for i := range o.List {
		option := &o.List[i]
		if option.Hidden {
			continue
		}
		head := "  " + dashes(option.Name) + option.Name
		for _, alias := range option.Aliases {
			head += ", " + dashes(alias) + alias
		}
		if option.Arg != "" {
			head += " " + option.Arg
		}
		help := option.Help
		if option.Default != "" {
			help += " (default: " + option.Default + ")"
		}
		writeColumns(w, head, help, 25, 100)
	}
	env.printExamples(w)
}

// wrap breaks text into lines of at most width characters.
func wrap(text, indent string, width int) string {
	var out strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			out.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return out.String() + line
}
