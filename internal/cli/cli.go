package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// Tool is one row of the table of tools.
type Tool struct {
	Name     string                                                   // under milena: "topics", "server start" is "server"
	Short    string                                                   // one line, for the list of tools
	Scripts  []string                                                 // Kafka's script names, without .sh: "kafka-topics"
	Classes  []string                                                 // Java class names that kafka-run-class.sh knows it by
	Options  func() *Options                                          // what it takes; nil: it parses args itself
	Examples string                                                   // shown below the options, one command a line
	Run      func(ctx context.Context, env *Env, args []string) error // args are those after the tool's name
	Hidden   bool                                                     // not in the list of `milena` (kafka-run-class)
}

// Env is what a tool knows of its surroundings. Stdout and Stderr of a process are its own; tests put buffers.
type Env struct {
	Tool    *Tool
	Program string // how the tool was called, for usage lines: "milena topics" or "kafka-topics.sh"
	Argv0   string // the program's own path or name
	Stdin   io.Reader
	Stdout  io.Writer // unbuffered; a tool that writes much wraps it with Buffered
	Stderr  io.Writer
	// Terminals: progress is shown on standard error only where it is a terminal.
	StdinTerminal, StdoutTerminal, StderrTerminal bool
}

// Main runs the command line args (args[0] is the program) on the process's own streams and returns the exit code.
func Main(args []string) int {
	env := &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdinTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	return RunArgs(context.Background(), env, args)
}

// RunArgs finds the tool that args ask for and runs it in env; args[0] is the program's name.
func RunArgs(ctx context.Context, env *Env, args []string) int {
	if len(args) == 0 {
		args = []string{"milena"}
	}
	env.Argv0 = args[0]
	tools := Tools()
	program := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if tool := byScript(tools, program); tool != nil {
		env.Program = program
		return env.run(ctx, tool, args[1:])
	}
	if len(args) == 1 {
		return listTools(env.Stdout, tools)
	}
	switch args[1] {
	case "help", "-h", "-help", "--help":
		if len(args) > 2 {
			return RunArgs(ctx, env, []string{args[0], args[2], "--help"})
		}
		return listTools(env.Stdout, tools)
	case "--version", "-v":
		args[1] = "version"
	}
	tool := find(tools, args[1])
	if tool == nil {
		return unknownTool(env, tools, args[1])
	}
	env.Program = "milena " + tool.Name
	return env.run(ctx, tool, args[2:])
}

// find looks a tool up by its name under milena, or by a script name of Kafka's with or without .sh.
func find(tools []Tool, name string) *Tool {
	for i := range tools {
		if tools[i].Name == name {
			return &tools[i]
		}
	}
	return byScript(tools, name)
}

func byScript(tools []Tool, name string) *Tool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".bat"), ".sh")
	for i := range tools {
		for _, script := range tools[i].Scripts {
			if script == name {
				return &tools[i]
			}
		}
	}
	return nil
}

// byClass looks a tool up by the Java class that Kafka's script of that tool starts.
func byClass(tools []Tool, class string) *Tool {
	for i := range tools {
		for _, c := range tools[i].Classes {
			if c == class {
				return &tools[i]
			}
		}
	}
	return nil
}

// run runs one tool and turns what it returns into an exit code.
func (env *Env) run(ctx context.Context, tool *Tool, args []string) int {
	env.Tool = tool
	err := tool.Run(ctx, env, args)
	var exit *exitError
	var usage *usageError
	var arguments *argparseError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &arguments):
		fmt.Fprint(env.Stderr, arguments.options.usage())
		fmt.Fprintln(env.Stderr, wrap(strings.Fields(arguments.options.Program)[0]+": error: "+arguments.message, "", 75))
		return 1
	case errors.As(err, &exit):
		if exit.message != "" {
			fmt.Fprintln(env.Stderr, exit.message)
		}
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintln(env.Stderr, usage.message)
		env.printHelp(env.Stderr)
		return 1
	default:
		fmt.Fprintln(env.Stderr, err)
		return 1
	}
}

// exitError ends the tool with a code.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return fmt.Sprintf("exit %d: %s", e.code, e.message) }

// Exit ends the tool with this code and prints nothing more.
func Exit(code int) error { return &exitError{code: code} }

// Exitf ends the tool with this code after a line on standard error.
func Exitf(code int, format string, args ...any) error {
	return &exitError{code: code, message: fmt.Sprintf(format, args...)}
}

// usageError is a command line that the tool cannot take.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// Usage ends the tool as Kafka's printUsageAndExit does: message, options, exit code 1, all on standard error.
func Usage(message string) error { return &usageError{message} }

// Usagef is Usage with a format.
func Usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// Parse parses args by the tool's options and answers --version. The caller returns its errors as they are.
func (env *Env) Parse(args []string) (*Values, error) {
	options := env.Tool.Options()
	values, err := options.parse(args)
	var unusable *valueError
	var arguments *argparseError
	if errors.As(err, &unusable) || errors.As(err, &arguments) {
		return nil, err
	}
	if err != nil {
		return nil, Usage(err.Error())
	}
	if options.VersionFlag && values.Has("version") && !values.Has("help") {
		fmt.Fprintln(env.Stdout, KafkaVersion)
		return nil, Exit(0)
	}
	return values, nil
}

func (env *Env) printHelp(w io.Writer) {
	if env.Tool.Options != nil {
		env.Tool.Options().printHelp(w)
	}
	env.printExamples(w)
}

func (env *Env) printExamples(w io.Writer) {
	if env.Tool.Examples != "" {
		fmt.Fprintln(w, "\nExamples:")
		for _, line := range strings.Split(strings.TrimSpace(env.Tool.Examples), "\n") {
			fmt.Fprintln(w, "  "+strings.TrimSpace(line))
		}
	}
}

// Interruptible is a context that ends at the first SIGINT or SIGTERM, so that a tool can print its summary; the second
// one ends the process. The caller calls stop when it has no more to wait for.
func (env *Env) Interruptible(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	// The context's end gives the signals back to their defaults: a second one kills.
	release := context.AfterFunc(ctx, cancel)
	return ctx, func() { release(); cancel() }
}

// interrupted is what a tool returns that a signal has ended: the exit code a shell expects, 130 or 143.
func interrupted(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && strings.Contains(cause.Error(), syscall.SIGTERM.String()) {
		return Exit(128 + int(syscall.SIGTERM))
	}
	return Exit(128 + int(syscall.SIGINT))
}

// Buffered wraps standard output for tools that write many lines; the caller flushes when it has nothing to do, and at
// its end. On a terminal each line of print should be followed by Flush.
func (env *Env) Buffered() *bufio.Writer { return bufio.NewWriterSize(env.Stdout, 64<<10) }

// printf writes to standard output, println likewise.
func (env *Env) printf(format string, args ...any) { fmt.Fprintf(env.Stdout, format, args...) }

func (env *Env) println(args ...any) { fmt.Fprintln(env.Stdout, args...) }

func (env *Env) errorf(format string, args ...any) { fmt.Fprintf(env.Stderr, format, args...) }
