package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"milena/internal/config"
)

// runTool runs one command line, args[0] being the program, and gives exit code and output.
func runTool(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = RunArgs(ctx, &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}, args)
	return code, out.String(), errs.String()
}

func TestServerArguments(t *testing.T) {
	env := &Env{Program: "milena server", Stdout: io.Discard, Stderr: io.Discard}
	s := &server{}
	err := s.parse(env, strings.Fields("-name kafkaServer -loggc -Dx=y -daemon f.properties --override a=b --override=c=d=e --log-level debug"))
	if err != nil {
		t.Fatal(err)
	}
	if s.file != "f.properties" || !s.daemon || !slices.Equal(s.overrides, []string{"a=b", "c=d=e", "milena.log.level=debug"}) {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"a b", "--frob", "--override"} {
		if err := (&server{}).parse(env, strings.Fields(bad)); err == nil {
			t.Error("taken:", bad)
		}
	}
	if err := (&server{script: true}).parse(env, nil); err == nil {
		t.Error("kafka-server-start.sh needs a file")
	}
}

func TestDetachedArguments(t *testing.T) {
	s := &server{script: true, file: "config/server.properties", overrides: []string{"a=b"}, daemon: true}
	got := strings.Join(s.detachedArgs("/opt/kafka/bin/kafka-run-class.sh"), " ")
	if got != "/opt/kafka/bin/kafka-server-start.sh config/server.properties --override a=b" {
		t.Error(got)
	}
	s.script = false
	if got := strings.Join(s.detachedArgs("milena"), " "); got != "milena server config/server.properties --override a=b" {
		t.Error(got)
	}
}

// TestServerRuns starts a broker as kafka-server-start.sh does, waits for Kafka's line and for its metrics, and stops it.
func TestServerRuns(t *testing.T) {
	for roles, listeners := range map[string]string{
		"broker,controller": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "controller": "CONTROLLER://127.0.0.1:0",
	} {
		name := strings.ReplaceAll(roles, ",", " and ") // of directories too, and log.dirs is a list
		t.Run(name, func(t *testing.T) { serverRuns(t, roles, listeners) })
	}
}

func serverRuns(t *testing.T, roles, listeners string) {
	home := t.TempDir()
	t.Setenv("LOG_DIR", filepath.Join(home, "logs"))
	file := filepath.Join(home, "server.properties")
	text := "process.roles=" + roles + "\nnode.id=4\ncontroller.listener.names=CONTROLLER\ncontroller.quorum.voters=4@localhost:9093\n" +
		"listeners=" + listeners + "\nlog.dirs=" + filepath.Join(home, "data") + "\nmilena.metrics.listen=127.0.0.1:0\n" +
		"num.network.threads=7\nmilena.log.format=json\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- RunArgs(ctx, &Env{Stdin: strings.NewReader(""), Stdout: writer, Stderr: &errs},
			[]string{filepath.Join(home, "bin", "kafka-server-start.sh"), file})
		_ = writer.Close()
	}()
	var seen bytes.Buffer
	lines := make([]byte, 4096)
	started := regexp.MustCompile(`(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \[KafkaRaftServer nodeId=4\] Kafka Server started \(kafka\.server\.KafkaRaftServer\)$`)
	for !started.Match(seen.Bytes()) {
		n, err := reader.Read(lines)
		if err != nil {
			t.Fatalf("%v after\n%s%s", err, &seen, &errs)
		}
		seen.Write(lines[:n])
	}
	cancel()
	_, _ = io.Copy(&seen, reader)
	if code := <-ended; code != 0 {
		t.Error(code, errs.String())
	}
	logged, err := os.ReadFile(filepath.Join(home, "logs", "server.log"))
	if err != nil || !bytes.Equal(logged, seen.Bytes()) {
		t.Errorf("server.log differs from standard output: %v\n%s", err, logged)
	}
	first, _, _ := strings.Cut(seen.String(), "\n")
	var event struct{ Msg, Level string }
	if err := json.Unmarshal([]byte(first), &event); err != nil || !strings.Contains(event.Msg, "does not honour the key num.network.threads") {
		t.Errorf("%v: %s", err, first)
	}
	if strings.Contains(seen.String(), "[BrokerServer id=4] shut down completed") != (roles != "controller") {
		t.Error(seen.String())
	}
}

func TestServerRefusesABadMetricsAddress(t *testing.T) {
	if _, err := listenForScrapes(t.Context(), &config.Broker{MetricsListen: "127.0.0.1:99999"}); err == nil ||
		!strings.Contains(err.Error(), "milena.metrics.listen=127.0.0.1:99999") {
		t.Error(err)
	}
	l, err := listenForScrapes(t.Context(), &config.Broker{})
	if l != nil || err != nil {
		t.Error(l, err)
	}
}

func TestBadConfigurationStopsTheStart(t *testing.T) {
	code, _, stderr := runTool(t.Context(), "milena", "server", "--override", "num.partitions=many")
	if code != 1 || !strings.Contains(stderr, "Invalid value many for configuration num.partitions: Not a number of type INT") {
		t.Error(code, stderr)
	}
}

func TestDurability(t *testing.T) {
	for values, want := range map[string]string{
		"":                                   "page cache, as Kafka",
		"log.flush.interval.messages=1":      "every batch is synced",
		"log.flush.interval.messages=50":     "every 50 messages",
		"log.flush.interval.ms=100":          "every 100 ms",
		"log.flush.scheduler.interval.ms=10": "every 10 ms",
	} {
		var overrides []string
		if values != "" {
			overrides = []string{values}
		}
		cfg, _, err := config.Load("", overrides)
		if err != nil {
			t.Fatal(err)
		}
		if got := durability(cfg); !strings.Contains(got, want) {
			t.Errorf("%s: %s", values, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, c := range [][3]string{{"", "[::]:9092", "localhost:9092"}, {"0.0.0.0", "0.0.0.0:1", "localhost:1"}, {"::1", "[::1]:5", "[::1]:5"},
		{"kafka.example", "10.0.0.1:9092", "kafka.example:9092"}} {
		if got := reachable(c[0], c[1]); got != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
}

// fakeProcess writes what /proc has of a process.
func fakeProcess(t *testing.T, proc, pid, exe, cwd string, args ...string) {
	t.Helper()
	dir := filepath.Join(proc, pid)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"exe": exe, "cwd": cwd} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cmdline"), []byte(strings.Join(args, "\x00")+"\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBrokerProcesses(t *testing.T) {
	proc, home := t.TempDir(), t.TempDir()
	file := filepath.Join(home, "b.properties")
	text := "process.roles=broker,controller\nnode.id=3\ncontroller.listener.names=C\nlisteners=PLAINTEXT://:1,C://:2\n" +
		"listener.security.protocol.map=C:PLAINTEXT,PLAINTEXT:PLAINTEXT\ncontroller.quorum.voters=3@localhost:2\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const self = "/usr/bin/milena"
	fakeProcess(t, proc, "10", self, home, "/opt/k/bin/kafka-server-start.sh", "b.properties")
	fakeProcess(t, proc, "11", self+" (deleted)", home, "bin/kafka-run-class.sh", "-name", "x", "kafka.Kafka", file)
	fakeProcess(t, proc, "12", self, home, "milena", "server", "--override", "broker.id=9")
	fakeProcess(t, proc, "20", "/usr/bin/other", home, "milena", "server")
	fakeProcess(t, proc, "21", self, home, "milena", "topics", "--list")
	fakeProcess(t, proc, "22", self, home, "/opt/k/bin/kafka-server-start.sh", "-daemon", "b.properties")
	fakeProcess(t, proc, "23", self, home, "kafka-run-class.sh", "kafka.tools.StorageTool")
	found, err := brokerProcesses(proc, self)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(found, func(a, b process) int { return a.pid - b.pid })
	if len(found) != 3 || found[0].pid != 10 || found[1].pid != 11 || found[2].pid != 12 {
		t.Fatalf("%+v", found)
	}
	if found[0].scriptDir() != "/opt/k/bin" || found[1].scriptDir() != filepath.Join(home, "bin") {
		t.Error(found[0].scriptDir(), found[1].scriptDir())
	}
	for i, want := range []struct {
		role, id string
		matches  bool
	}{{"controller", "", true}, {"broker", "3", true}, {"broker", "9", true}, {"", "4", false}, {"controller", "9", false}} {
		p := found[min(i, 2)]
		if i == 3 {
			p = found[0]
		}
		if got := p.matches(want.role, want.id); got != want.matches {
			t.Errorf("%v role %q id %q: %v", p.args, want.role, want.id, got)
		}
	}
}

func TestNothingToStop(t *testing.T) {
	code, stdout, _ := runTool(t.Context(), filepath.Join(t.TempDir(), "kafka-server-stop.sh"))
	if code != 1 || stdout != "No kafka server to stop\n" {
		t.Error(code, stdout)
	}
}

func mustLoad(t *testing.T, overrides ...string) *config.Broker {
	t.Helper()
	cfg, _, err := config.Load("", overrides)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestServerStoppedWhileStarting: a stop that is asked for is no failure, however early it comes.
func TestServerStoppedWhileStarting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := runTool(ctx, "milena", "server", "--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "log.dirs="+t.TempDir())
	if code != 0 || !strings.Contains(stdout+stderr, "stopped while starting") {
		t.Error(code, stdout, stderr)
	}
}
