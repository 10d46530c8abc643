package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is one line of the result: a measured thing, with its goal.
type row struct {
	key  string
	text string
	unit string
	goal string
	// higher: more is better, so the ratio to be proud of lies above 1.
	higher bool
}

// rows are what is measured, in the order of the table.
var rows = []row{
	{key: "produce-1m", text: "produce 1 KB, 1 MB batches, 6 partitions: CPU", unit: "s/GB", goal: "≤ 1.25× floor and ≤ 0.65× Kafka"},
	{key: "produce-16k", text: "produce 1 KB, 16 KB batches: CPU", unit: "s/GB", goal: "≤ 2× floor and ≤ 0.4× Kafka"},
	{key: "consume", text: "consume: CPU", unit: "s/GB", goal: "≤ 1.25× floor and ≤ 0.8× Kafka"},
	{key: "produce-100b", text: "produce 100 B, 1 MB batches", unit: "records/s", goal: "≥ 1.3× Kafka", higher: true},
	{key: "ack-p50", text: "ack p50 at 2,000 msg/s", unit: "ms", goal: ""},
	{key: "ack-p99", text: "ack p99 at 2,000 msg/s", unit: "ms", goal: "≤ 1 ms"},
	{key: "ack-cpu", text: "broker CPU at 2,000 msg/s", unit: "%", goal: "≤ 20 %"},
	{key: "fsync-1m", text: "fsync on every batch against none, 32 producers: 1 MB batches", unit: "×", goal: "≥ 0.8", higher: true},
	{key: "fsync-1m-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
	{key: "fsync-16k", text: "fsync on every batch against none, 32 producers: 16 KB batches", unit: "×", goal: "≥ 0.6", higher: true},
	{key: "fsync-16k-rate", text: "the same, rate with fsync", unit: "MB/s", higher: true},
	{key: "commits", text: "1,000 groups commit 6 partitions each", unit: "commits/s", higher: true},
	{key: "commits-cpu", text: "the same, for a CPU second of the broker", unit: "commits", goal: "≥ 2× Kafka", higher: true},
	{key: "offsets-load", text: "stored offsets served after a start, beyond ready", unit: "s", goal: "≤ 2 s of 1,000,000"},
	{key: "roll-classic", text: "rolling restart of a group's members, classic: a partition stands still", unit: "s"},
	{key: "roll-new", text: "the same, new protocol", unit: "s"},
	{key: "clean-p99", text: "ack p99 while a compacted topic is cleaned", unit: "ms", goal: "≤ 10 ms"},
	{key: "clean-rss", text: "RSS at most, meanwhile", unit: "MB"},
	{key: "ready", text: "ready after start", unit: "s", goal: "≤ 0.25 s"},
	{key: "rss-idle", text: "RSS idle", unit: "MB", goal: "≤ 50 MB"},
	{key: "rss-loaded", text: "RSS after the loads", unit: "MB", goal: "≤ 150 MB"},
	{key: "rss-peak", text: "RSS, the most during the loads", unit: "MB"},
	{key: "many-killed", text: "many partitions: ready after kill -9", unit: "s", goal: "≤ 2 s"},
	{key: "many-clean", text: "many partitions: ready after a clean stop", unit: "s", goal: "≤ 1 s"},
	{key: "many-rss", text: "many partitions: RSS", unit: "MB", goal: "≤ 150 MB"},
	{key: "topics", text: "topics --list", unit: "s", goal: "≤ 0.05 s"},
}

// results holds the figures: target → row key → one figure a run.
type results map[string]map[string][]float64

func (r results) add(target, key string, value float64) {
	if r[target] == nil {
		r[target] = map[string][]float64{}
	}
	r[target][key] = append(r[target][key], value)
}

// median is the middle figure of a row; ok is false where nothing was measured.
func (r results) median(target, key string) (float64, bool) {
	values := slices.Sorted(slices.Values(r[target][key]))
	if len(values) == 0 {
		return 0, false
	}
	return values[len(values)/2], true
}

func figure(v float64, ok bool) string {
	switch {
	case !ok:
		return ""
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// spread tells by how much the runs differ from their median at most, in percent; nothing for a single run.
func (r results) spread(target, key string) string {
	values := r[target][key]
	median, _ := r.median(target, key)
	if len(values) < 2 || median == 0 {
		return ""
	}
	return fmt.Sprintf(" ±%.0f %%", 100*max(slices.Max(values)-median, median-slices.Min(values))/median)
}

func ratio(a float64, aok bool, b float64, bok bool) string {
	if !aok || !bok || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f×", a/b)
}

// markdown is the table of medians and ratios.
func (r results) markdown(kafkaName string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | unit | %s | floor | Milena | Milena / Kafka | Milena / floor | goal |\n|---|---|---|---|---|---|---|---|\n", kafkaName)
	for _, row := range rows {
		m, mok := r.median("Milena", row.key)
		k, kok := r.median(kafkaName, row.key)
		f, fok := r.median("floor", row.key)
		if !mok && !kok {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", row.text, row.unit,
			figure(k, kok)+r.spread(kafkaName, row.key), figure(f, fok)+r.spread("floor", row.key), figure(m, mok)+r.spread("Milena", row.key),
			ratio(m, mok, k, kok), ratio(m, mok, f, fok), row.goal)
	}
	return b.String()
}

// svg draws the ratios Milena / Kafka as bars: shorter is better, and rows where more is better are drawn as Kafka / Milena.
func (r results) svg(kafkaName string) string {
	const left, width, height = 380, 420, 24
	var bars strings.Builder
	y := 40
	for _, row := range rows {
		m, mok := r.median("Milena", row.key)
		k, kok := r.median(kafkaName, row.key)
		if !mok || !kok || k == 0 || m == 0 {
			continue
		}
		share := m / k
		if row.higher {
			share = k / m
		}
		length := min(share, 1.5) / 1.5 * width
		fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="#2a7"/>`+
			`<text x="%.1f" y="%d">%.2f</text>`+"\n", left-8, y+15, row.text, left, y, length, height-6, left+length+6, y+15, share)
		y += height
	}
	one := left + width/1.5
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<text x="8" y="20" font-size="14">Milena as a share of %s (shorter is better; the line is 1)</text>`+"\n%s"+
		`<line x1="%.1f" x2="%.1f" y1="32" y2="%d" stroke="#888"/>`+"\n</svg>\n", left+width+60, y+20, kafkaName, bars.String(), one, one, y)
}
