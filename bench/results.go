package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is one line of a table: a measured thing, with its goal.
type row struct {
	key  string
	text string
	unit string
	goal string
	// higher: more is better, so the ratio to be proud of lies above 1.
	higher bool
}

// table is a part of the results, and a file of its own.
type table struct {
	file   string
	note   string   // above it
	others []string // the targets to compare with
	rows   []row
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

// markdown is a table of medians and ratios; empty where nothing was measured.
func (r results) markdown(t *table) string {
	var b strings.Builder
	for _, row := range t.rows {
		m, mok := r.median(own, row.key)
		measured := mok
		var figures, ratios []string
		for _, other := range t.others {
			o, ok := r.median(other, row.key)
			figures, ratios = append(figures, figure(o, ok)+r.spread(other, row.key)), append(ratios, ratio(m, mok, o, ok))
			measured = measured || ok
		}
		if !measured {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(t.head())
		}
		figures = append(figures, figure(m, mok)+r.spread(own, row.key))
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.text, row.unit, strings.Join(figures, " | "), strings.Join(ratios, " | "), row.goal)
	}
	return b.String()
}

func (t *table) head() string {
	columns := append([]string{"", "unit"}, t.others...)
	columns = append(columns, own)
	for _, other := range t.others {
		columns = append(columns, own+" / "+strings.TrimPrefix(other, "Kafka "))
	}
	columns = append(columns, "goal")
	return "| " + strings.Join(columns, " | ") + " |\n" + strings.Repeat("|---", len(columns)) + "|\n"
}

// svg draws the ratios to the first of the others as bars: shorter is better, and rows where more is better are drawn the other way round.
func (r results) svg(t *table) string {
	const left, width, height = 420, 420, 24
	other := t.others[0]
	var bars strings.Builder
	y := 40
	for _, row := range t.rows {
		m, mok := r.median(own, row.key)
		o, ok := r.median(other, row.key)
		if !mok || !ok || o == 0 || m == 0 {
			continue
		}
		share := m / o
		if row.higher {
			share = o / m
		}
		length := min(share, 1.5) / 1.5 * width
		fmt.Fprintf(&bars, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="#2a7"/>`+
			`<text x="%.1f" y="%d">%.2f</text>`+"\n", left-8, y+15, row.text, left, y, length, height-6, left+length+6, y+15, share)
		y += height
	}
	one := left + width/1.5
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<text x="8" y="20" font-size="14">%s as a share of %s (shorter is better; the line is 1)</text>`+"\n%s"+
		`<line x1="%.1f" x2="%.1f" y1="32" y2="%d" stroke="#888"/>`+"\n</svg>\n", left+width+60, y+20, own, other, bars.String(), one, one, y)
}
