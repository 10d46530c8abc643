package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const quickstartExamples = `
milena quickstart ./three                     three brokers on localhost:9092, 9093 and 9094, data in ./three
milena quickstart --brokers 5 --port 19092 DIR`

// Limits and pauses of quickstart.
const (
	mostTrialBrokers = 9
	mostTrialVoters  = 5
	trialPortOffset  = 100 // from a broker's port to its controller listener
	trialRestart     = time.Second
	trialPatience    = 30 * time.Second
)

// trial is a cluster for trying out: brokers of this binary as processes of their own, on this machine.
type trial struct {
	env     *Env
	dir     string
	brokers int
	port    int
	binary  string
}

// runQuickstart runs a cluster until a signal ends it. A broker that is killed is started again.
func runQuickstart(ctx context.Context, env *Env, args []string) error {
	t := &trial{env: env, brokers: 3, port: 9092}
	if err := t.parse(args); err != nil {
		return err
	}
	var err error
	if t.binary, err = os.Executable(); err != nil {
		return Exitf(1, "quickstart: %v", err)
	}
	for id := 1; id <= t.brokers; id++ {
		if err := t.configure(id); err != nil {
			return Exitf(1, "quickstart: %v", err)
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return t.run(ctx)
}

func quickstartOptions() *Options {
	return NewOptions(
		Option{Name: "brokers", Arg: "Integer", Kind: Int, Default: "3", Help: "How many brokers, 1 to 9."},
		Option{Name: "port", Arg: "Integer", Kind: Int, Default: "9092",
			Help: "Port of the first broker; the others take the next ones, and each one's controller listener that plus 100."},
	)
}

func (t *trial) parse(args []string) error {
	v, err := t.env.Parse(args)
	if err != nil {
		return err
	}
	if v.Has("help") {
		t.env.printHelp(t.env.Stdout)
		return Exit(0)
	}
	t.brokers, _ = strconv.Atoi(v.Value("brokers"))
	t.port, _ = strconv.Atoi(v.Value("port"))
	if len(v.Rest) != 1 {
		return Usage("Name one directory: milena quickstart [--brokers N] [--port P] DIR")
	}
	if t.brokers < 1 || t.brokers > mostTrialBrokers {
		return Usagef("--brokers %d: 1 to %d", t.brokers, mostTrialBrokers)
	}
	if t.port < 1 || t.port+t.brokers+trialPortOffset > 65535 {
		return Usagef("--port %d: from 1 to %d", t.port, 65535-trialPortOffset-t.brokers)
	}
	t.dir, err = filepath.Abs(v.Rest[0])
	return err
}

// voters is how many of the brokers hold the cluster's state: an odd number, so that a majority is most likely to live.
func (t *trial) voters() int {
	return min(mostTrialVoters, t.brokers-(t.brokers+1)%2)
}

func (t *trial) home(id int) string { return filepath.Join(t.dir, "broker-"+strconv.Itoa(id)) }
func (t *trial) address(id int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.port+id-1))
}

// configure writes a broker's server.properties, unless one is there: what the user has changed stays.
func (t *trial) configure(id int) error {
	if err := os.MkdirAll(t.home(id), 0o755); err != nil {
		return err
	}
	file := filepath.Join(t.home(id), "server.properties")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	var voters []string
	for v := 1; v <= t.voters(); v++ {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", v, t.port+v-1+trialPortOffset))
	}
	roles, controller := "broker", ""
	if id <= t.voters() {
		roles, controller = "broker,controller", fmt.Sprintf(",CONTROLLER://127.0.0.1:%d", t.port+id-1+trialPortOffset)
	}
	copies := min(3, t.brokers)
	lines := []string{
		"process.roles=" + roles, "node.id=" + strconv.Itoa(id),
		"listeners=PLAINTEXT://" + t.address(id) + controller, "controller.listener.names=CONTROLLER",
		"controller.quorum.voters=" + strings.Join(voters, ","), "log.dirs=" + filepath.Join(t.home(id), "data"),
		fmt.Sprintf("default.replication.factor=%d", copies), fmt.Sprintf("min.insync.replicas=%d", max(1, copies-1)),
		fmt.Sprintf("offsets.topic.replication.factor=%d", copies),
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// run starts all brokers, tells when they are ready, and keeps them running until ctx ends.
func (t *trial) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	ready := make(chan string, t.brokers)
	var all sync.WaitGroup
	for id := 1; id <= t.brokers; id++ {
		all.Go(func() { t.keep(ctx, cancel, id, ready) })
	}
	t.announce(ctx, began, ready)
	<-ctx.Done()
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return Exitf(1, "quickstart: %v", err)
	}
	return nil
}

func (t *trial) announce(ctx context.Context, began time.Time, ready <-chan string) {
	var servers, lines []string
	patience := time.After(trialPatience)
	for id := 1; id <= t.brokers; id++ {
		servers = append(servers, t.address(id))
		select {
		case line := <-ready:
			lines = append(lines, line)
		case <-patience:
			t.env.errorf("quickstart: not every broker is ready yet; see %s\n", filepath.Join(t.dir, "broker-*", "server.log"))
			return
		case <-ctx.Done():
			return
		}
	}
	t.env.printf("%d brokers are ready after %.1f s.\n%s", t.brokers, time.Since(began).Seconds(), strings.Join(lines, ""))
	t.env.printf("  data and logs  %s\n  try            milena topics --bootstrap-server %s --create --topic greetings\n", t.dir, strings.Join(servers, ","))
	t.env.printf("A broker that is killed is started again after a second. Ctrl-C stops all.\n")
}

// keep runs one broker, again and again.
func (t *trial) keep(ctx context.Context, cancel context.CancelCauseFunc, id int, ready chan<- string) {
	for ctx.Err() == nil {
		wasReady, err := t.runOnce(ctx, id, ready)
		if ctx.Err() != nil {
			return
		}
		if wasReady {
			ready = nil // from now on it is ready again
		}
		if ready != nil {
			cancel(fmt.Errorf("broker %d did not start (%w); see %s", id, err, filepath.Join(t.home(id), "server.log")))
			return
		}
		t.env.errorf("broker %d has ended (%v); it is started again\n", id, err)
		select {
		case <-ctx.Done():
		case <-time.After(trialRestart):
		}
	}
}

// runOnce runs one process of a broker. It has a process group of its own, so that a Ctrl-C is this process's to pass on.
func (t *trial) runOnce(ctx context.Context, id int, ready chan<- string) (wasReady bool, err error) {
	log, err := os.OpenFile(filepath.Join(t.home(id), "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return false, err
	}
	defer log.Close()
	child := exec.CommandContext(ctx, t.binary, "server", filepath.Join(t.home(id), "server.properties"))
	child.Args[0], child.Dir, child.Stderr = "milena", t.home(id), log
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = trialPatience
	out, err := child.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := child.Start(); err != nil {
		return false, err
	}
	lines := bufio.NewScanner(io.TeeReader(out, log))
	for lines.Scan() {
		if !wasReady && strings.HasPrefix(lines.Text(), "Milena is ready") {
			wasReady = true
			if ready == nil {
				t.env.printf("broker %d is ready again, process %d\n", id, child.Process.Pid)
			} else {
				ready <- fmt.Sprintf("  broker %d       %s, process %d\n", id, t.address(id), child.Process.Pid)
			}
		}
	}
	return wasReady, child.Wait()
}
