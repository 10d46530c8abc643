package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"milena/bench/load"
	"milena/test/kafka"
	"milena/test/milena"
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
	dataDir() string
	// topics runs its own "topics --list".
	topics() (time.Duration, error)
}

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

// groupOverrides are for both brokers: a group begins at once, and the cleaner looks often.
var groupOverrides = []string{"group.initial.rebalance.delay.ms=0", "offsets.topic.replication.factor=1", "log.cleaner.backoff.ms=1000"}

// ours is the program of this project.
type ours struct{ milena.Broker }

func (m *ours) name() string    { return "Milena" }
func (m *ours) address() string { return m.Address() }
func (m *ours) pid() int        { return m.PID() }
func (m *ours) dataDir() string { return m.DataDir() }
func (m *ours) stop() error     { return m.Stop() }
func (m *ours) kill() error     { return m.Kill() }

func (m *ours) start(overrides ...string) (time.Duration, error) {
	begin := time.Now()
	if err := m.Launch(append(groupOverrides, overrides...)...); err != nil {
		return 0, err
	}
	return awaitReady(m.address(), begin)
}

func (m *ours) topics() (time.Duration, error) {
	begin := time.Now()
	if _, errs, err := m.Run(context.Background(), "", "topics", "--bootstrap-server", m.address(), "--list"); err != nil {
		return 0, fmt.Errorf("topics --list: %w\n%s", err, errs)
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
func (a *apache) dataDir() string { return a.DataDir() }
func (a *apache) stop() error     { return a.StopBroker() }
func (a *apache) kill() error     { return a.KillBroker() }

func (a *apache) start(overrides ...string) (time.Duration, error) {
	if !a.started { // the first start formats; it is not measured
		if err := a.Cluster.Start(a.ctx, append(groupOverrides, overrides...)...); err != nil {
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
	cmd         *exec.Cmd
	binary, dir string
	port        int
}

func (f *floor) name() string                   { return "floor" }
func (f *floor) address() string                { return fmt.Sprintf("127.0.0.1:%d", f.port) }
func (f *floor) pid() int                       { return f.cmd.Process.Pid }
func (f *floor) dataDir() string                { return f.dir }
func (f *floor) stop() error                    { return f.kill() }
func (f *floor) topics() (time.Duration, error) { return 0, nil }

func (f *floor) kill() error {
	if err := f.cmd.Process.Kill(); err != nil {
		return err
	}
	f.cmd.Wait() //nolint:errcheck // killed, as it should be
	return nil
}

func (f *floor) start(...string) (time.Duration, error) {
	begin := time.Now()
	f.cmd = exec.Command(f.binary, f.address(), f.dir)
	f.cmd.Stderr = os.Stderr
	if err := f.cmd.Start(); err != nil {
		return 0, err
	}
	return time.Since(begin), kafka.AwaitPort(context.Background(), f.port, func() bool { return time.Since(begin) < 10*time.Second })
}
