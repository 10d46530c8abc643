package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/test/kafka"
)

// asMilena makes the test binary behave as milena itself, so that a Kafka home of links to it can be tried.
const asMilena = "MILENA_TEST_AS_MILENA"

func TestMain(m *testing.M) {
	if os.Getenv(asMilena) != "" {
		os.Exit(Main(os.Args))
	}
	os.Exit(m.Run())
}

// script runs a script of the home as a harness would.
func script(t *testing.T, home, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(home, "bin", name), args...)
	cmd.Env = append(os.Environ(), asMilena+"=1", "KAFKA_HEAP_OPTS=-Xmx1G", "LOG_DIR="+filepath.Join(home, "logs"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// await asks done again and again.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	again, late := time.NewTicker(5*time.Millisecond), time.NewTimer(time.Minute)
	defer again.Stop()
	defer late.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("no %s", what)
		}
	}
}

// TestKafkaHome does what a harness written for Kafka's scripts does: format, start in the background, wait for the line, use, stop.
func TestKafkaHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), "kafka")
	if code, _, stderr := runTool(t.Context(), "milena", "links", home); code != 0 {
		t.Fatal(stderr)
	}
	port, err := kafka.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(home, "config", "server.properties")
	text := strings.NewReplacer("PLAINTEXT://:9092", fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", port), "CONTROLLER://:9093", "CONTROLLER://127.0.0.1:0",
		"/tmp/kraft-combined-logs", filepath.Join(home, "data")).Replace(samples()["server.properties"])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := script(t, home, "kafka-storage.sh", "format", "--standalone", "-t", clusterID, "-c", file); err != nil {
		t.Fatal(out)
	}
	if out, err := script(t, home, "kafka-server-start.sh", "-daemon", file, "--override", "num.partitions=3"); err != nil || out != "" {
		t.Fatal(out, err)
	}
	t.Cleanup(func() { _, _ = script(t, home, "kafka-server-stop.sh") })
	logged := func(line string) func() bool {
		return func() bool {
			b, _ := os.ReadFile(filepath.Join(home, "logs", "kafkaServer.out"))
			return strings.Contains(string(b), line)
		}
	}
	await(t, "started line", logged("Kafka Server started (kafka.server.KafkaRaftServer)"))
	server := fmt.Sprintf("127.0.0.1:%d", port)
	if out, err := script(t, home, "kafka-topics.sh", "--bootstrap-server", server, "--create", "--topic", "t"); err != nil {
		t.Fatal(out)
	}
	if out, err := script(t, home, "kafka-topics.sh", "--bootstrap-server", server, "--describe", "--topic", "t"); err != nil ||
		!strings.Contains(out, "PartitionCount: 3") {
		t.Fatal(out, err)
	}
	if out, err := script(t, home, "kafka-server-stop.sh", "--node-id", "77"); err == nil || out != "No kafka server to stop\n" {
		t.Error(out, err)
	}
	if out, err := script(t, home, "kafka-server-stop.sh", "--process-role", "broker"); err != nil || out != "" {
		t.Error(out, err)
	}
	await(t, "end", logged("shut down completed"))
	await(t, "second stop that finds nothing", func() bool {
		out, err := script(t, home, "kafka-server-stop.sh")
		return err != nil && out == "No kafka server to stop\n"
	})
	meta, problem := readMeta(filepath.Join(home, "data"))
	if problem != "" || meta["cluster.id"] != clusterID || meta["node.id"] != "1" {
		t.Error(meta, problem)
	}
}

// TestSignals sends this process what an operator sends a broker.
func TestSignals(t *testing.T) {
	var out strings.Builder
	s := &server{}
	cfg := mustLoad(t)
	l := s.newLog(&Env{Stderr: &out, Stdout: &out}, cfg)
	exited := make(chan int, 1)
	ctx, stop := l.untilSignal(t.Context(), func(code int) {
		select {
		case exited <- code:
		default:
		}
	})
	defer stop()
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGTERM, syscall.SIGUSR1)
	defer signal.Stop(arrived)
	send := func(sig syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		<-arrived // one that comes when nobody listens anymore ends this process
	}
	send(syscall.SIGUSR1)
	await(t, "debug level", func() bool { return l.level.Level().String() == "DEBUG" })
	send(syscall.SIGUSR1)
	await(t, "info level", func() bool { return l.level.Level().String() == "INFO" })
	send(syscall.SIGTERM)
	<-ctx.Done()
	for len(exited) == 0 { // what comes too close to the first is the first
		send(syscall.SIGTERM)
	}
	if code := <-exited; code != 128+15 {
		t.Error(code)
	}
}

// TestSecondSignal: one that follows at once is the first one, as timeout and shells send it; a later one stops at once.
func TestSecondSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := (&server{}).newLog(&Env{Stderr: &out, Stdout: &out}, mustLoad(t))
		signals, exited := make(chan os.Signal), make(chan int, 1)
		ctx, stop := l.obey(t.Context(), signals, func(code int) { exited <- code })
		defer stop()
		signals <- os.Interrupt
		<-ctx.Done()
		signals <- os.Interrupt
		time.Sleep(sameSignal - time.Millisecond)
		signals <- os.Interrupt
		synctest.Wait()
		if len(exited) > 0 {
			t.Error("a signal that was sent twice stopped the process at once")
		}
		time.Sleep(time.Millisecond)
		signals <- os.Interrupt
		if code := <-exited; code != 128+2 {
			t.Error(code)
		}
	})
}
