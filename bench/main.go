// Command bench measures Milena beside Apache Kafka and a floor program: the same loads, one target after the other, medians of several runs, ratios.
// It writes a Markdown table and an SVG plot. Cases: throughput, latency, fsync, groups (commits, stored offsets, members that restart one by one),
// cleaning (a compacted topic beside a paced load) and many (partitions).
//
//	go run ./bench                       everything, five runs (about half an hour)
//	go run ./bench -short                one small run, for a change under way
//	go run ./bench -targets milena,floor without Apache Kafka
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
)

func main() {
	short := flag.Bool("short", false, "one small run")
	runs := flag.Int("runs", 5, "how many runs each median is taken over")
	targets := flag.String("targets", "floor,kafka,milena", "what to measure")
	cases := flag.String("cases", "throughput,latency,fsync,groups,cleaning,many", "which cases to run")
	out := flag.String("out", "", "directory for results.md and results.svg (default: standard output)")
	flag.Parse()
	b := bench{results: results{}, cases: strings.Split(*cases, ","), scale: scale{
		loadBytes: 1e9, warmBytes: 1e9, latency: 5 * time.Second, fsyncBytes: 1e9, manyPartitions: 5000,
		commits: 200_000, storedOffsets: 1_000_000, members: 40, rollWithin: 15 * time.Minute, compactBytes: 10e9, runs: *runs}}
	if *short {
		b.scale = scale{loadBytes: 4e8, warmBytes: 2e8, latency: 2 * time.Second, fsyncBytes: 1e8, manyPartitions: 500,
			commits: 20_000, storedOffsets: 50_000, members: 4, rollWithin: 2 * time.Minute, compactBytes: 1e8, runs: 1}
	}
	if err := b.run(strings.Split(*targets, ","), *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	results results
	scale   scale
	cases   []string
	dir     string // of this run, removed at its end
	binary  string // milena
}

func (b *bench) has(name string) bool {
	for _, c := range b.cases {
		if c == name {
			return true
		}
	}
	return false
}

func (b *bench) run(names []string, out string) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "milena-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.binary, err = milena.Build(".", b.dir); err != nil {
		return err
	}
	if text, err := exec.Command("go", "build", "-o", filepath.Join(b.dir, "floor"), "./bench/floor").CombinedOutput(); err != nil {
		return fmt.Errorf("build the floor program: %w\n%s", err, text)
	}
	for run := range b.scale.runs {
		for i := range names {
			name := names[(i+run)%len(names)] // each is first once: a machine that grows slower favours nobody
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", run+1, b.scale.runs, name)
			if err := b.measure(name, run); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return b.write(out)
}

// measure runs all cases on a fresh target.
func (b *bench) measure(name string, run int) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, run))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := b.target(name, dir)
	if err != nil {
		return err
	}
	ready, err := t.start()
	if err != nil {
		return err
	}
	defer func() { t.kill() }() //nolint:errcheck // gone already, or gone now
	if name == "floor" {
		if !b.has("throughput") {
			return nil
		}
		return throughput(t, b.results, b.scale, run)
	}
	b.results.add(t.name(), "ready", ready.Seconds())
	if err := b.idle(t); err != nil {
		return err
	}
	return b.loads(t, run)
}

func (b *bench) idle(t target) error {
	settle() // what a start left behind
	rss, err := memoryMB(t.pid(), rssNow)
	if err != nil {
		return err
	}
	b.results.add(t.name(), "rss-idle", rss)
	took, err := t.topics()
	b.results.add(t.name(), "topics", took.Seconds())
	return err
}

func (b *bench) loads(t target, run int) error {
	for _, c := range []struct {
		name string
		f    func(target, results, scale, int) error
	}{{"throughput", throughput}, {"latency", latency}, {"fsync", fsync}, {"groups", groups}, {"cleaning", cleaning}} {
		if !b.has(c.name) {
			continue
		}
		if err := c.f(t, b.results, b.scale, run); err != nil {
			return err
		}
	}
	if err := b.loaded(t); err != nil {
		return err
	}
	if b.has("many") && b.scale.manyPartitions > 0 {
		return many(t, b.results, b.scale, nil)
	}
	return nil
}

// loaded is what the loads have taken, and what stays.
func (b *bench) loaded(t target) error {
	settle()
	for key, field := range map[string]string{"rss-loaded": rssNow, "rss-peak": rssMost} {
		mb, err := memoryMB(t.pid(), field)
		if err != nil {
			return err
		}
		b.results.add(t.name(), key, mb)
	}
	return nil
}

func (b *bench) target(name, dir string) (target, error) {
	switch name {
	case "floor":
		return &floor{binary: filepath.Join(b.dir, "floor"), dir: dir, port: 19391}, nil
	case "milena":
		return &ours{milena.Broker{Binary: b.binary, Dir: dir, Port: 19392}}, nil
	case "kafka":
		return &apache{Cluster: &kafka.Cluster{Version: kafka.V4, Mode: kafka.KRaft, Dir: dir, Port: 19393}, ctx: context.Background()}, nil
	}
	return nil, fmt.Errorf("unknown target %q: floor, kafka or milena", name)
}

func (b *bench) write(out string) error {
	kafkaName := "Kafka " + kafka.V4
	text := fmt.Sprintf("Medians of %d runs, %s, %.1f GB a load.\n\n%s", b.scale.runs, time.Now().Format(time.DateOnly),
		float64(b.scale.loadBytes)/gigabyte, b.results.markdown(kafkaName))
	if out == "" {
		_, err := fmt.Print(text)
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "results.md"), []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Print(text)
	return os.WriteFile(filepath.Join(out, "results.svg"), []byte(b.results.svg(kafkaName)), 0o644)
}
