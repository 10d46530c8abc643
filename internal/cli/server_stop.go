package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"milena/internal/config"
)

func serverStopOptions() *Options {
	return &Options{List: []Option{
		{Name: "process-role", Arg: "role", Help: "Stop only the servers that have this role: broker or controller."},
		{Name: "node-id", Arg: "id", Kind: Int, Help: "Stop only the server with this node id."},
		{Name: "help", Help: "Print what this tool takes."},
	}}
}

// process is a running broker of this binary.
type process struct {
	pid  int
	args []string // args[0] is how it was called
	dir  string   // its working directory, "" unknown
}

// runServerStop sends SIGTERM to the brokers of this machine that were started from the same home (called as HOME/bin/kafka-server-stop.sh),
// or to all of this binary's (milena server-stop), as Kafka's script does by ps. It does not wait for their end.
func runServerStop(_ context.Context, env *Env, args []string) error {
	values, err := env.Parse(args)
	if err != nil {
		return err
	}
	if values.Has("help") {
		return Usage("This tool stops the brokers that were started from the same place.")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	processes, err := brokerProcesses("/proc", self)
	if err != nil {
		return Exitf(1, "%s: cannot look for running brokers: %v", env.Program, err)
	}
	home := ""
	if !strings.HasPrefix(env.Program, "milena") {
		if home, err = filepath.Abs(filepath.Dir(env.Argv0)); err != nil {
			return err
		}
	}
	stopped := 0
	for _, p := range processes {
		if home != "" && p.scriptDir() != home || !p.matches(values.Value("process-role"), values.Value("node-id")) {
			continue
		}
		if err := syscall.Kill(p.pid, stopSignal()); err != nil {
			if !errors.Is(err, syscall.ESRCH) {
				env.errorf("%s: cannot stop the broker with process id %d: %v\n", env.Program, p.pid, err)
			}
			continue
		}
		stopped++
	}
	if stopped == 0 {
		env.println("No kafka server to stop")
		return Exit(1)
	}
	return nil
}

// stopSignal is SIGTERM, or what $SIGNAL names, as in Kafka's script.
func stopSignal() syscall.Signal {
	switch strings.TrimPrefix(os.Getenv("SIGNAL"), "SIG") {
	case "KILL":
		return syscall.SIGKILL
	case "INT":
		return syscall.SIGINT
	}
	return syscall.SIGTERM
}

// brokerProcesses reads a /proc: the processes that run the executable self as a server.
func brokerProcesses(proc, self string) ([]process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, err
	}
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil || strings.TrimSuffix(exe, " (deleted)") != self {
			continue // another program, or not ours to see
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if errors.Is(err, fs.ErrNotExist) || len(line) == 0 {
			continue
		}
		p := process{pid: pid, args: strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")}
		if !p.isServer() {
			continue
		}
		p.dir, _ = os.Readlink(filepath.Join(dir, "cwd"))
		found = append(found, p)
	}
	return found, nil
}

// serverArgs are the arguments of the server itself; ok is false where the command line is another tool's, or the parent of a -daemon.
func (p *process) serverArgs() (args []string, ok bool) {
	switch strings.TrimSuffix(filepath.Base(p.args[0]), ".sh") {
	case "kafka-server-start":
		args, ok = p.args[1:], true
	case "kafka-run-class":
		if i := slices.Index(p.args, "kafka.Kafka"); i > 0 {
			args, ok = p.args[i+1:], true
		}
	default:
		if len(p.args) > 1 && (p.args[1] == "server" || strings.HasPrefix(p.args[1], "kafka-server-start")) {
			args, ok = p.args[2:], true
		}
	}
	return args, ok && !slices.Contains(p.args, "-daemon")
}

func (p *process) isServer() bool {
	_, ok := p.serverArgs()
	return ok
}

// scriptDir is the directory of the script that started the process, absolute.
func (p *process) scriptDir() string {
	dir := filepath.Dir(p.args[0])
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(p.dir, dir)
	}
	return filepath.Clean(dir)
}

// matches tells whether the broker's configuration has a role and a node id; "" matches everything. A configuration that is gone by now
// matches nothing but "".
func (p *process) matches(role, nodeID string) bool {
	if role == "" && nodeID == "" {
		return true
	}
	s := &server{}
	args, _ := p.serverArgs()
	if err := s.parse(&Env{Stdout: io.Discard, Stderr: io.Discard}, args); err != nil {
		return false
	}
	if s.file != "" && !filepath.IsAbs(s.file) {
		s.file = filepath.Join(p.dir, s.file)
	}
	cfg, _, err := config.Load(s.file, s.overrides)
	if err != nil {
		return false
	}
	roles := []string{"broker"}
	if set := cfg.Values.Static["process.roles"]; set != "" {
		roles = strings.Split(strings.ReplaceAll(set, " ", ""), ",")
	}
	return (role == "" || slices.Contains(roles, role)) && (nodeID == "" || nodeID == fmt.Sprint(cfg.BrokerID))
}
