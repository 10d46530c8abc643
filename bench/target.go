package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"milena/bench/load"
	"milena/test/kafka"
)

// target is what is measured: a program that can be started on an address, and watched.
type target interface {
	name() string
	// start brings it up on its directory, kept from the last start, and tells how long it took to answer.
	start(overrides ...string) (time.Duration, error)
	stop() error
	kill() error
	address() string
	pid() int
	// topics runs its own "topics --list".
	topics() (time.Duration, error)
}

// process is a started program.
type process struct{ cmd *exec.Cmd }

func launch(logFile string, path string, args ...string) (process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return process{}, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	return process{cmd}, cmd.Start()
}

func (p process) end(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	p.cmd.Wait() //nolint:errcheck // how it ended is in its log
	return nil
}

func (p process) pid() int { return p.cmd.Process.Pid }

// awaitReady returns when the broker answers, with the time since start.
func awaitReady(address string, start time.Time) (time.Duration, error) {
	for time.Since(start) < 2*time.Minute {
		if load.Ready(address) {
			return time.Since(start), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("no answer from %s within two minutes", address)
}

// milena is the program of this project.
type milena struct {
	process
	binary, dir string
	port        int
}

func (m *milena) name() string    { return "Milena" }
func (m *milena) address() string { return fmt.Sprintf("127.0.0.1:%d", m.port) }

func (m *milena) start(overrides ...string) (time.Duration, error) {
	lines := append([]string{
		"node.id=1", "listeners=PLAINTEXT://" + m.address(), "log.dirs=" + filepath.Join(m.dir, "data"),
	}, overrides...)
	file := filepath.Join(m.dir, "server.properties")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return 0, err
	}
	begin := time.Now()
	var err error
	if m.process, err = launch(filepath.Join(m.dir, "server.log"), m.binary, "server", file); err != nil {
		return 0, err
	}
	return awaitReady(m.address(), begin)
}

func (m *milena) stop() error { return m.end(syscall.SIGTERM) }
func (m *milena) kill() error { return m.end(syscall.SIGKILL) }

func (m *milena) topics() (time.Duration, error) {
	begin := time.Now()
	out, err := exec.Command(m.binary, "topics", "--bootstrap-server", m.address(), "--list").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("topics --list: %w\n%s", err, out)
	}
	return time.Since(begin), nil
}

// apache is Apache Kafka.
type apache struct {
	*kafka.Cluster
	ctx     context.Context
	started bool
}

func (a *apache) name() string    { return "Kafka " + a.Version }
func (a *apache) address() string { return a.Address() }
func (a *apache) pid() int        { return a.PID() }
func (a *apache) stop() error     { return a.StopBroker() }
func (a *apache) kill() error     { return a.KillBroker() }

func (a *apache) start(overrides ...string) (time.Duration, error) {
	if !a.started { // the first start formats; it is not measured
		if err := a.Cluster.Start(a.ctx, overrides...); err != nil {
			return 0, err
		}
		a.started = true
		if err := a.StopBroker(); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	if err := a.Launch(a.ctx); err != nil {
		return 0, err
	}
	return awaitReady(a.address(), begin)
}

func (a *apache) topics() (time.Duration, error) {
	begin := time.Now()
	_, errs, err := kafka.Tool(a.ctx, a.Version, nil, kafka.ToolClass(a.Version, "topics"), "--bootstrap-server", a.address(), "--list")
	if err != nil {
		return 0, fmt.Errorf("topics --list: %w\n%s", err, errs)
	}
	return time.Since(begin), nil
}

// floor is the least that a broker could do (bench/floor).
type floor struct {
	process
	binary, dir string
	port        int
}

func (f *floor) name() string                   { return "floor" }
func (f *floor) address() string                { return fmt.Sprintf("127.0.0.1:%d", f.port) }
func (f *floor) stop() error                    { return f.end(syscall.SIGTERM) }
func (f *floor) kill() error                    { return f.end(syscall.SIGKILL) }
func (f *floor) topics() (time.Duration, error) { return 0, nil }

func (f *floor) start(...string) (time.Duration, error) {
	begin := time.Now()
	var err error
	if f.process, err = launch(filepath.Join(f.dir, "floor.log"), f.binary, f.address(), f.dir); err != nil {
		return 0, err
	}
	for {
		if c, err := load.Dial(f.address()); err == nil {
			return time.Since(begin), c.Close()
		}
		if time.Since(begin) > 10*time.Second {
			return 0, fmt.Errorf("the floor program does not listen on %s", f.address())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
