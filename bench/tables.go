package main

import "milena/test/kafka"

// The names of targets.
const (
	own      = "Milena"
	kafkaNow = "Kafka " + kafka.V4
	kafkaOld = "Kafka " + kafka.V3 // on ZooKeeper
)

// tables are what is measured, in the order of the files and lines.
var tables = []table{
	{file: "results", note: "One broker.", others: []string{kafkaNow, "floor"}, rows: []row{
		{key: "produce-1m", text: "produce 1 KB, 1 MB batches, 6 partitions: CPU", unit: "s/GB", goal: "≤ 1.25× floor and ≤ 0.65× Kafka"},
		{key: "produce-16k", text: "produce 1 KB, 16 KB batches: CPU", unit: "s/GB", goal: "≤ 2× floor and ≤ 0.4× Kafka"},
		{key: "consume", text: "consume: CPU", unit: "s/GB", goal: "≤ 1.25× floor and ≤ 0.8× Kafka"},
		{key: "produce-100b", text: "produce 100 B, 1 MB batches", unit: "records/s", goal: "≥ 1.3× Kafka", higher: true},
		{key: "ack-p50", text: "ack p50 at 2,000 msg/s", unit: "ms", goal: ""},
		{key: "ack-p99", text: "ack p99 at 2,000 msg/s", unit: "ms", goal: "≤ 1 ms"},
		{key: "ack-cpu", text: "broker CPU at 2,000 msg/s", unit: "%", goal: "≤ 20 %"},
		{key: "fsync-1m", text: "fsync on every batch against none, Kafka's perf producer: 1 MB batches", unit: "×", goal: "≥ 0.8", higher: true},
		{key: "fsync-1m-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
		{key: "fsync-16k", text: "fsync on every batch against none, Kafka's perf producer: 16 KB batches", unit: "×", goal: "≥ 0.6", higher: true},
		{key: "fsync-16k-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
		{key: "crowd-1m", text: "fsync on every batch against none, 32 producers that cost nothing: 1 MB batches", unit: "×", higher: true},
		{key: "crowd-1m-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
		{key: "crowd-16k-few", text: "fsync on every batch against none, 32 producers that cost nothing: 16 KB batches", unit: "×", higher: true},
		{key: "crowd-16k-few-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
		{key: "crowd-16k", text: "the same, 256 producers", unit: "×", higher: true},
		{key: "crowd-16k-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
		{key: "ready", text: "ready after start", unit: "s", goal: "≤ 0.25 s"},
		{key: "rss-idle", text: "RSS idle", unit: "MB", goal: "≤ 50 MB"},
		{key: "rss-loaded", text: "RSS after the loads", unit: "MB", goal: "≤ 150 MB"},
		{key: "rss-peak", text: "RSS, the most during the loads", unit: "MB"},
		{key: "many-killed", text: "many partitions: ready after kill -9", unit: "s", goal: "≤ 2 s"},
		{key: "many-clean", text: "many partitions: ready after a clean stop", unit: "s", goal: "≤ 1 s"},
		{key: "many-rss", text: "many partitions: RSS", unit: "MB", goal: "≤ 150 MB"},
		{key: "topics", text: "topics --list", unit: "s", goal: "≤ 0.05 s"},
	}},
	{file: "groups", note: "One broker.", others: []string{kafkaNow}, rows: []row{
		{key: "commits", text: "1,000 groups commit 6 partitions each", unit: "commits/s", higher: true},
		{key: "commits-cpu", text: "the same, for a CPU second of the broker", unit: "commits", goal: "≥ 2× Kafka", higher: true},
		{key: "offsets-load", text: "stored offsets served after a start, beyond ready", unit: "s", goal: "≤ 2 s of 1,000,000"},
		{key: "roll-classic", text: "rolling restart of a group's members, classic: a partition stands still", unit: "s"},
		{key: "roll-new", text: "the same, new protocol", unit: "s"},
		{key: "clean-p99", text: "ack p99 while a compacted topic is cleaned", unit: "ms", goal: "≤ 10 ms"},
		{key: "clean-rss", text: "RSS at most, meanwhile", unit: "MB", goal: "bounded"},
	}},
	{file: "cluster", note: "Three brokers, RF 3, acks=all, min.insync.replicas=2; Kafka " + kafka.V3 + " on ZooKeeper, whose CPU and memory are not counted.",
		others: []string{kafkaNow, kafkaOld}, rows: []row{
			{key: "three-1m", text: "produce 1 KB, 1 MB batches: CPU of all brokers", unit: "s/GB", goal: "≤ 0.33× Kafka (3.5)"},
			{key: "three-1m-rate", text: "the same, rate", unit: "MB/s", higher: true},
			{key: "three-16k", text: "produce 1 KB, 16 KB batches: CPU of all brokers", unit: "s/GB", goal: "≤ 0.15× Kafka (12)"},
			{key: "three-16k-rate", text: "the same, rate", unit: "MB/s", higher: true},
			{key: "three-p50", text: "ack p50 at 1,000 msg/s", unit: "ms", goal: "≤ 0.1× Kafka (1 ms)"},
			{key: "three-p99", text: "ack p99 at 1,000 msg/s", unit: "ms", goal: "≤ 0.1× Kafka (5 ms)"},
			{key: "three-pace-cpu", text: "CPU of all brokers at 1,000 msg/s", unit: "%"},
			{key: "pause-leader", text: "pause of producers after kill -9 of a leader", unit: "s", goal: "≤ 1 s"},
			{key: "pause-controller", text: "the same, of the controller and leader of the store", unit: "s", goal: "≤ 1 s"},
			{key: "pause-stop", text: "the same, at a clean stop of a leader", unit: "s", goal: "≤ 0.05 s"},
			{key: "three-ready", text: "three brokers ready from cold", unit: "s", goal: "≤ 1.5 s"},
			{key: "three-idle", text: "RSS of three, idle", unit: "MB", goal: "≤ 150 MB"},
			{key: "three-loaded", text: "RSS of three, after the loads", unit: "MB", goal: "≤ 450 MB"},
			{key: "three-create", text: "1,000 partitions created, all leaders known everywhere", unit: "s", goal: "≤ 1 s"},
		}},
}
