// Package milena builds and runs the real binary, for test/ and bench/: the counterpart of package kafka.
package milena

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"milena/test/kafka"
)

// Build compiles the binary into dir and returns its path.
func Build(root, dir string) (string, error) {
	binary := filepath.Join(dir, "milena")
	build := exec.Command("go", "build", "-o", binary, "./cmd/milena")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build milena: %w\n%s", err, out)
	}
	return binary, nil
}

// Main is what the TestMain of a suite in test/ does: it builds the binary, which all tests of the suite run, and gives the exit code.
func Main(m interface{ Run() int }, suite string, binary *string) (code int) {
	dir, err := os.MkdirTemp("", "milena-"+suite)
	if err == nil {
		defer os.RemoveAll(dir)
		*binary, err = Build("../..", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Broker is one broker process with a directory of its own, which outlives it.
type Broker struct {
	Binary string
	Dir    string // properties, data and log
	Port   int    // a free one is taken where 0
	Host   string // 127.0.0.1 where empty
	// In runs the process in another place: the command and arguments that come before its own, such as those of "ip netns exec".
	In []string

	cmd *exec.Cmd
}

// Address is where clients reach the broker.
func (b *Broker) Address() string { return fmt.Sprintf("%s:%d", cmp.Or(b.Host, "127.0.0.1"), b.Port) }

// DataDir is the broker's log directory.
func (b *Broker) DataDir() string { return filepath.Join(b.Dir, "data") }

// PID is the broker's process id.
func (b *Broker) PID() int { return b.cmd.Process.Pid }

// LogFile holds what the broker printed.
func (b *Broker) LogFile() string { return filepath.Join(b.Dir, "server.log") }

// Launch starts the process. Overrides are "key=value" lines of server.properties.
func (b *Broker) Launch(overrides ...string) error {
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return err
	}
	if b.Port == 0 {
		var err error
		if b.Port, err = kafka.FreePort(); err != nil {
			return err
		}
	}
	lines := append([]string{"node.id=1", "listeners=PLAINTEXT://" + b.Address(), "log.dirs=" + b.DataDir()}, overrides...)
	file := filepath.Join(b.Dir, "server.properties")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(b.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own descriptor
	command := append(slices.Clone(b.In), b.Binary, "server", file)
	b.cmd = exec.Command(command[0], command[1:]...)
	b.cmd.Stdout, b.cmd.Stderr = log, log
	return b.cmd.Start()
}

// Start launches the process and returns when it listens.
func (b *Broker) Start(ctx context.Context, overrides ...string) error {
	if err := b.Launch(overrides...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // a process that has died is not seen to be gone until it is waited for
	defer cancel()
	if err := kafka.AwaitPort(ctx, b.Port, func() bool { return b.cmd.Process.Signal(syscall.Signal(0)) == nil }); err != nil {
		log, _ := os.ReadFile(b.LogFile())
		return fmt.Errorf("milena does not start: %w\n%s", err, log)
	}
	return nil
}

// Stop ends the broker cleanly and waits for it.
func (b *Broker) Stop() error { return b.end(syscall.SIGTERM) }

// Kill ends the broker by SIGKILL.
func (b *Broker) Kill() error { return b.end(syscall.SIGKILL) }

func (b *Broker) end(signal syscall.Signal) error {
	if b.cmd == nil {
		return nil
	}
	cmd := b.cmd
	b.cmd = nil
	if err := cmd.Process.Signal(signal); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		log, _ := os.ReadFile(b.LogFile())
		return fmt.Errorf("milena ended with %w; its log:\n%s", err, log[max(0, len(log)-4000):])
	}
	return nil
}

// Run runs one of the binary's tools.
func (b *Broker) Run(ctx context.Context, stdin string, args ...string) (stdout, stderr string, err error) {
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, b.Binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}
