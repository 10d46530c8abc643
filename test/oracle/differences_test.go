//go:build oracle

package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A reply is compared field by field. A field is named by its path, in which an element of a list is named by what it is about:
// "Topics[data].Partitions[0].ErrorCode".

// differing fields have another value in each broker by their nature; what they say beside it, by a value below some first one, counts.
var differing = map[string]int64{
	"ClusterID": 0, "TopicID": 0, "Port": 0, "ThrottleMillis": 0, "Version": 0, "LogAppendTime": 0, "SessionID": 1, "ProducerID": 0,
	"TotalBytes": 0, "UsableBytes": 0, "Dir": 0, "LogDir": 0, "LastTimestamp": 0,
	// Kafka in KRaft mode says 0 where Kafka with ZooKeeper counts changes of its own.
	"LeaderEpoch": 0, "PartitionEpoch": 0, "CurrentLeaderEpoch": 0,
}

// masked is what counts of a differing field.
func masked(v any, first int64) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case json.Number:
		if n, err := v.Int64(); err == nil && n < first {
			return v.String()
		}
	case []any:
		if !slices.ContainsFunc(v, func(e any) bool { return e != json.Number("0") }) {
			return "zero"
		}
	}
	return "some"
}

// timeText is a time in milliseconds, within a text.
var timeText = regexp.MustCompile(`\b1[0-9]{12}\b`)

// fieldsOf is the decoded reply as values by path.
func fieldsOf(t *testing.T, resp kmsg.Response, names map[string]string) map[string]string {
	t.Helper()
	raw, err := json.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	f := flattening{fields: map[string]string{}, names: names}
	f.flatten("", v)
	return f.fields
}

// flattening makes one list of fields of a tree.
type flattening struct {
	fields map[string]string
	names  map[string]string // what is known of topic ids
}

func (f *flattening) flatten(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			if first, ok := differing[name]; ok {
				if id := f.names[fmt.Sprint(field)]; id != "" {
					f.fields[join(path, name)] = id
				} else {
					f.fields[join(path, name)] = masked(field, first)
				}
			} else if name != "UnknownTags" {
				f.flatten(join(path, name), field)
			}
		}
	case []any:
		seen := map[string]int{}
		for i, element := range v {
			name := f.nameOf(element, i)
			if seen[name]++; seen[name] > 1 {
				name = fmt.Sprintf("%s again %d", name, seen[name])
			}
			at := path + "[" + name + "]"
			if _, ok := element.(map[string]any); ok {
				f.fields[at] = "present"
			}
			f.flatten(at, element)
		}
	case string:
		f.fields[path] = fmt.Sprintf("%q", timeText.ReplaceAllString(v, "TIME"))
	default:
		f.fields[path] = fmt.Sprint(v)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nameOf is what tells an element of a list from its neighbours: the order of topics, partitions and configs means nothing. Lists of
// anything else are named by position.
func (f *flattening) nameOf(v any, position int) string {
	if m, ok := v.(map[string]any); ok {
		if id := f.names[fmt.Sprint(m["TopicID"])]; id != "" && (m["Topic"] == nil || m["Topic"] == "") {
			return id
		}
		for _, name := range []string{"Topic", "Name", "ResourceName", "Partition", "ApiKey", "ProducerID", "Group", "MemberID", "Key",
			"RelativeOffset", "ErrorCode"} {
			if field, ok := m[name]; ok && field != nil && (field != "" || m["TopicID"] == nil) {
				return fmt.Sprint(field)
			}
		}
	}
	return fmt.Sprint(position)
}

// fieldDifference is one field in which two replies differ.
type fieldDifference struct{ path, want, got string }

func (d fieldDifference) String() string {
	return fmt.Sprintf("%s: Kafka %s, Milena %s", d.path, shortened(d.want), shortened(d.got))
}

func shortened(s string) string {
	if len(s) > 400 {
		return s[:400] + "…"
	}
	return s
}

// compare lists the fields of two replies that differ, by path. An element that only one has is one difference.
func compare(want, got map[string]string) []fieldDifference {
	var found []fieldDifference
	paths := map[string]bool{}
	for _, fields := range []map[string]string{want, got} {
		for path := range fields {
			paths[path] = true
		}
	}
	absent := "\x00" // the last element that one of them lacks
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		w, inWant := want[path]
		g, inGot := got[path]
		if inWant && inGot && w == g || strings.HasPrefix(path, absent) {
			continue
		}
		if !inWant {
			w, absent = "nothing", path+"."
		}
		if !inGot {
			g, absent = "nothing", path+"."
		}
		found = append(found, fieldDifference{path, w, g})
	}
	return found
}

// known is one known difference: in some field of an API's replies.
type known struct {
	line   string
	api    string
	fields *regexp.Regexp
	met    bool
}

// readDifferences reads paragraphs of a reason, in lines that begin with "#", and of the fields it explains, in lines "API PATH". In PATH
// "*" stands for anything, and {a,b} for one of several; "PATH = VALUE" asks that Kafka says VALUE there.
func readDifferences(t *testing.T, path string) []*known {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []*known
	reason := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			reason = line != ""
			continue
		}
		api, pattern, ok := strings.Cut(line, " ")
		if !ok || !reason {
			t.Fatalf("%s: %q: want API PATH, under a reason", path, line)
		}
		all = append(all, &known{line: line, api: api, fields: glob(pattern)})
	}
	return all
}

// glob makes an expression of a pattern; what is after a field is within it.
func glob(pattern string) *regexp.Regexp {
	path, value, hasValue := strings.Cut(pattern, " = ")
	p := regexp.QuoteMeta(path)
	p = strings.NewReplacer(`\*`, `.*`, `\{`, `(?:`, `\}`, `)`, `,`, `|`).Replace(p)
	if !hasValue {
		return regexp.MustCompile(`^` + p + `(?:[.\[].*)? = `)
	}
	return regexp.MustCompile(`^` + p + ` = ` + strings.ReplaceAll(regexp.QuoteMeta(value), `\*`, `.*`) + `$`)
}

// unknown leaves the differences that nothing explains.
func unknown(all []*known, api string, found []fieldDifference) []fieldDifference {
	return slices.DeleteFunc(found, func(d fieldDifference) bool {
		for _, k := range all {
			if k.api == api && k.fields.MatchString(d.path+" = "+d.want) {
				k.met = true
				return true
			}
		}
		return false
	})
}
