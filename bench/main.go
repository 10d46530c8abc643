// Command bench measures Milena beside Apache Kafka and a floor program: the same loads, one target after the other, medians of several runs, ratios.
// It writes Markdown tables and SVG plots. Its parts, each on targets of its own, and their cases:
//
//	single   one broker: throughput, latency, crowd (of producers that wait for fsyncs), fsync (Kafka's perf producer does), many (partitions)
//	groups   one broker: groups (commits, stored offsets, members that restart one by one), cleaning (a compacted topic beside a paced load)
//	cluster  three brokers, RF 3, acks=all: replication, pace, pauses (a broker killed or stopped), creation (of many partitions)
//
//	go run ./bench                       everything, three runs (about an hour)
//	go run ./bench -short                one small run, for a change under way
//	go run ./bench -only cluster         one part
//	go run ./bench -targets milena,floor without Apache Kafka's broker
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"milena/test/kafka"
	"milena/test/milena"
)

func main() {
	short := flag.Bool("short", false, "one small run")
	runs := flag.Int("runs", 3, "how many runs each median is taken over")
	only := flag.String("only", "single,groups,cluster", "which parts to run")
	targets := flag.String("targets", "", "what to measure (floor,kafka,kafka-zk,milena, the third in clusters alone; without it where -short)")
	cases := flag.String("cases", "throughput,latency,crowd,fsync,many,groups,cleaning,replication,pace,pauses,creation", "which cases of the parts to run")
	out := flag.String("out", "", "directory for the tables and plots (default: standard output)")
	port := flag.Int("port", 19390, "the first of the ports to use")
	flag.Parse()
	b := bench{results: results{}, cases: strings.Split(*cases, ","), port: *port, scale: scale{
		loadBytes: 1e9, warmBytes: 1e9, latency: 5 * time.Second, crowdBytes: 1e9, perfRecords: 600_000, manyPartitions: 5000,
		commits: 200_000, storedOffsets: 1_000_000, members: 40, rollWithin: 15 * time.Minute, compactBytes: 10e9,
		clusterBytes: 1e9, clusterPartitions: 1000, runs: *runs}}
	names := "floor,kafka,kafka-zk,milena"
	if *short {
		names = "floor,kafka,milena"
		b.scale = scale{loadBytes: 4e8, warmBytes: 2e8, latency: 2 * time.Second, crowdBytes: 1e8, perfRecords: 50_000, manyPartitions: 500,
			commits: 20_000, storedOffsets: 50_000, members: 4, rollWithin: 2 * time.Minute, compactBytes: 1e8,
			clusterBytes: 1e8, clusterPartitions: 100, runs: 1}
	}
	if *targets != "" {
		names = *targets
	}
	if err := b.run(strings.Split(*only, ","), strings.Split(names, ","), *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	results results
	scale   scale
	cases   []string
	port    int
	dir     string // of this run, removed at its end
	binary  string // milena
}

func (b *bench) has(name string) bool { return slices.Contains(b.cases, name) }

func (b *bench) run(parts, names []string, out string) error {
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
	for _, part := range parts {
		measure, ok := map[string]func(string, int) error{"single": b.single, "groups": b.groups, "cluster": b.cluster}[part]
		if !ok {
			return fmt.Errorf("unknown part %q: single, groups or cluster", part)
		}
		for run := range b.scale.runs {
			for i := range names {
				name := names[(i+run)%len(names)] // each is first once: a machine that grows slower favours nobody
				if part == "cluster" && name == "floor" || part != "cluster" && name == "kafka-zk" || part == "groups" && name == "floor" {
					continue
				}
				fmt.Fprintf(os.Stderr, "%s %s, run %d of %d: %s\n", time.Now().Format(time.TimeOnly), part, run+1, b.scale.runs, name)
				if err := measure(name, run); err != nil {
					return fmt.Errorf("%s: %s: %w", part, name, err)
				}
			}
		}
	}
	return b.write(out)
}

// single runs the cases of one broker on a fresh target.
func (b *bench) single(name string, run int) error {
	return b.on(name, func(t target, ready time.Duration) error {
		if name == "floor" {
			return b.loads(t, run, []singleCase{{"throughput", throughput}, {"crowd", disk}})
		}
		b.results.add(t.name(), "ready", ready.Seconds())
		if err := b.idle(t); err != nil {
			return err
		}
		if err := b.loads(t, run, []singleCase{{"throughput", throughput}, {"latency", latency}, {"crowd", crowd}, {"fsync", fsync}}); err != nil {
			return err
		}
		if err := b.loaded(t); err != nil {
			return err
		}
		if b.has("many") {
			return many(t, b.results, b.scale, nil)
		}
		return nil
	})
}

// groups runs the cases of groups and of the cleaner on a fresh target.
func (b *bench) groups(name string, run int) error {
	return b.on(name, func(t target, _ time.Duration) error {
		return b.loads(t, run, []singleCase{{"groups", groups}, {"cleaning", cleaning}})
	})
}

// hollow gives back the room of what a target wrote and leaves the names, until the run removes them all. A removal here would slow down those
// who create files next: ext4 without a journal gives no inode out again for minutes, and to find another it looks at each of them.
func hollow(dir string) {
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			err = os.Truncate(name, 0)
		}
		return err // what is left is removed with the run's directory
	})
}

// on starts a target in a directory of its own.
func (b *bench) on(name string, f func(t target, ready time.Duration) error) error {
	dir, err := os.MkdirTemp(b.dir, name)
	if err != nil {
		return err
	}
	defer hollow(dir)
	t, err := b.target(name, dir)
	if err != nil {
		return err
	}
	ready, err := t.start()
	if err != nil {
		return err
	}
	defer func() { t.kill() }() //nolint:errcheck // gone already, or gone now
	return f(t, ready)
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

// singleCase is a case of one broker.
type singleCase struct {
	name string
	run  func(target, results, scale, int) error
}

func (b *bench) loads(t target, run int, all []singleCase) error {
	for _, c := range all {
		if !b.has(c.name) {
			continue
		}
		if err := c.run(t, b.results, b.scale, run); err != nil {
			return err
		}
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
		return &floor{binary: filepath.Join(b.dir, "floor"), dir: dir, port: b.port + 1}, nil
	case "milena":
		return &ours{milena.Broker{Binary: b.binary, Dir: dir, Port: b.port + 2}}, nil
	case "kafka":
		return &apache{Cluster: &kafka.Cluster{Version: kafka.V4, Mode: kafka.KRaft, Dir: dir, Port: b.port + 3}, ctx: context.Background()}, nil
	}
	return nil, fmt.Errorf("unknown target %q: floor, kafka, kafka-zk or milena", name)
}

// write writes a file for each table of which something was measured.
func (b *bench) write(out string) error {
	if out != "" {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return err
		}
	}
	for i := range tables {
		t := &tables[i]
		body := b.results.markdown(t)
		if body == "" {
			continue
		}
		text := fmt.Sprintf("Medians of %d runs, %s, ± the farthest run. %s\n\n%s", b.scale.runs, time.Now().Format(time.DateOnly), t.note, body)
		fmt.Println(text)
		if out == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(out, t.file+".md"), []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, t.file+".svg"), []byte(b.results.svg(t)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
