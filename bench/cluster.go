package main

import (
	"fmt"
	"os"
	"time"

	"milena/bench/load"
)

// cluster measures three brokers on fresh directories.
func (b *bench) cluster(name string, _ int) error {
	dir, err := os.MkdirTemp(b.dir, "three-"+name)
	if err != nil {
		return err
	}
	defer hollow(dir)
	t, err := b.newTrio(name, dir, b.port+50)
	if err != nil {
		return err
	}
	defer func() {
		_ = t.each(node.kill) // gone already, or gone now
		t.end()
	}()
	if err := t.coldStart(b.results); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		f    func(*trio, results, scale) error
	}{{"replication", replication}, {"pace", pace}, {"pauses", pauses}, {"creation", creation}} {
		if !b.has(c.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), c.name)
		if err := c.f(t, b.results, b.scale); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

const firstTopic = "first"

// coldStart measures how long three brokers take from nothing running to serving: all know of one another, and of the leaders and full ISRs of a
// topic that was there before. What a first start does besides (formatting, forming a quorum) is not measured.
func (t *trio) coldStart(r results) error {
	if err := t.each(node.launch); err != nil {
		return err
	}
	l := t.cluster()
	all := func() error { return l.AwaitWhole(firstTopic) }
	if err := l.AwaitBrokers(); err != nil {
		return err
	}
	if _, err := l.CreateTopic(firstTopic, copies, nil); err != nil {
		return err
	}
	if err := all(); err != nil {
		return err
	}
	if err := t.each(node.stop); err != nil { // of a KRaft quorum the last ones wait in vain for a controller, and are killed after 30 s
		return err
	}
	begin := time.Now()
	if err := t.each(node.launch); err != nil {
		return err
	}
	if err := all(); err != nil {
		return err
	}
	r.add(t.name, "three-ready", time.Since(begin).Seconds())
	settle()
	return t.memory(r, "three-idle")
}

func (t *trio) memory(r results, key string) error {
	mb, err := sum(t, func(pid int) (float64, error) { return memoryMB(pid, rssNow) })
	r.add(t.name, key, mb)
	return err
}

// cpuDuring is the CPU time all brokers use while f runs.
func (t *trio) cpuDuring(f func() error) (time.Duration, error) {
	before, err := sum(t, cpuTime)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := sum(t, cpuTime)
	return after - before, err
}

// replication measures the CPU of all brokers while records are produced, and what memory stays.
func replication(t *trio, r results, s scale) error {
	const topic = "load"
	l := t.cluster()
	if _, err := l.CreateTopic(topic, partitions, nil); err != nil {
		return err
	}
	if err := l.AwaitWhole(topic); err != nil {
		return err
	}
	for _, c := range []struct {
		key         string
		batchBytes  int
		warm, bytes int64
	}{{"three-1m", 1_000_000, s.clusterBytes, s.clusterBytes}, {"three-16k", 16_384, s.clusterBytes / 10, s.clusterBytes / 5}} {
		p := load.Produce{Topic: topic, Partitions: partitions, RecordBytes: 1024, BatchBytes: c.batchBytes, TotalBytes: c.warm, InFlight: 5}
		if _, err := l.Produce(p); err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		settle()
		if err := touch(3 * c.bytes); err != nil {
			return err
		}
		p.TotalBytes = c.bytes
		var done load.Produced
		cpu, err := t.cpuDuring(func() (err error) { done, err = l.Produce(p); return err })
		if err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		r.add(t.name, c.key, cpu.Seconds()/float64(done.Bytes)*gigabyte)
		r.add(t.name, c.key+"-rate", float64(done.Bytes)/done.Took.Seconds()/1e6)
	}
	settle()
	return t.memory(r, "three-loaded")
}

// pace measures acknowledgements of all replicas at a steady pace.
func pace(t *trio, r results, s scale) error {
	const topic = "pace"
	l := t.cluster()
	if _, err := l.CreateTopic(topic, 1, nil); err != nil {
		return err
	}
	if err := l.AwaitWhole(topic); err != nil {
		return err
	}
	led, err := l.Leaders(topic)
	if err != nil {
		return err
	}
	for at := range led {
		p := load.Latency{Topic: topic, RecordBytes: 1024, PerSecond: 1000, For: s.latency}
		if _, err := p.Run(l[at]); err != nil { // warm
			return err
		}
		settle()
		var acked load.Acked
		cpu, err := t.cpuDuring(func() (err error) { acked, err = p.Run(l[at]); return err })
		if err != nil {
			return err
		}
		r.add(t.name, "three-p50", acked.P50.Seconds()*1000)
		r.add(t.name, "three-p99", acked.P99.Seconds()*1000)
		r.add(t.name, "three-pace-cpu", cpu.Seconds()/acked.Took.Seconds()*100)
	}
	return nil
}

// pauses measures how long producers stand still when a broker goes. The topic has a partition for each broker to lead.
func pauses(t *trio, r results, _ scale) error {
	const topic = "pause"
	l := t.cluster()
	if _, err := l.CreateTopic(topic, copies, nil); err != nil {
		return err
	}
	if err := l.AwaitWhole(topic); err != nil {
		return err
	}
	producer, err := load.NewSteady(l, topic, copies)
	if err != nil {
		return err
	}
	defer producer.Close()
	leader := func(l load.Cluster) (int, error) {
		led, err := l.Leaders(topic)
		for i, some := range led {
			if some[0] == 0 {
				return i, nil
			}
		}
		return 0, err
	}
	for _, c := range []struct {
		key string
		who func(load.Cluster) (int, error)
		end func(node) error
	}{{"pause-leader", leader, node.kill}, {"pause-controller", t.controller, node.kill}, {"pause-stop", leader, node.stop}} {
		at, err := c.who(l)
		if err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		pause, err := t.strike(l, producer, topic, at, c.end)
		if err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		r.add(t.name, c.key, pause.Seconds())
	}
	return nil
}

// strike ends a broker under load, tells how long the producers stood still, and makes the cluster whole again.
func (t *trio) strike(l load.Cluster, producer *load.Steady, topic string, at int, end func(node) error) (time.Duration, error) {
	if _, err := producer.Pause(); err != nil { // it runs
		return 0, err
	}
	producer.Mark()
	if err := end(t.nodes[at]); err != nil {
		return 0, err
	}
	pause, err := producer.Pause()
	if err == nil {
		err = t.nodes[at].launch()
	}
	if err == nil {
		err = l.AwaitWhole(topic)
	}
	if err == nil {
		err = l.ElectPreferred(topic, copies)
	}
	if err == nil {
		err = l.AwaitWhole(topic)
	}
	return pause, err
}

// creation measures a topic of many partitions until all leaders are known to all.
func creation(t *trio, r results, s scale) error {
	took, err := t.cluster().CreateTopic("many", s.clusterPartitions, nil)
	r.add(t.name, "three-create", took.Seconds())
	return err
}
