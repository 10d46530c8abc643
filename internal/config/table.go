package config

import (
	_ "embed"
	"sort"
	"strings"
	"sync"
)

// keysTSV is the table of Kafka's keys; its first lines say what the columns are.
//
//go:embed keys.tsv
var keysTSV string

// version tells who has a key.
type version int8

const (
	versionBoth     version = iota // 3.9.2 and 4.3.1
	versionOld                     // 3.9.2 alone: accepted, so that files of older clusters start
	versionNew                     // 4.3.1 alone
	versionDynamic                 // never in a file, only as a dynamic value
	versionMilena                  // our own
	versionInternal                // Kafka hides it from DescribeConfigs
)

// row is a Key with what the package alone needs of it.
type row struct {
	Key
	version  version
	validate validator // nil: every value of the type
}

// table holds the rows of one kind by name, and the names sorted.
type table struct {
	rows  map[string]*row
	names []string
}

func (t *table) keys() []Key {
	keys := make([]Key, 0, len(t.names))
	for _, n := range t.names {
		keys = append(keys, t.rows[n].Key)
	}
	return keys
}

func (t *table) add(r *row) {
	t.rows[r.Name] = r
	t.names = append(t.names, r.Name)
}

// tables parses keys.tsv once; what it returns is never changed.
var tables = sync.OnceValue(func() (t struct{ broker, topic *table }) {
	t.broker = &table{rows: make(map[string]*row, 512)}
	t.topic = &table{rows: make(map[string]*row, 64)}
	for line := range strings.Lines(keysTSV) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		kind, r := parseRow(strings.TrimSuffix(line, "\n"))
		if kind == "topic" {
			r.Honoured = honouredTopicKeys()[r.Name]
			t.topic.add(r)
		} else {
			r.Honoured = honouredBrokerKeys()[r.Name]
			t.broker.add(r)
		}
	}
	for _, k := range milenaKeys() {
		t.broker.add(&row{Key: k, version: versionMilena, validate: validatorOf(k.Type, k.Allowed)})
	}
	sort.Strings(t.broker.names)
	sort.Strings(t.topic.names)
	return t
})

// parseRow reads one line of keys.tsv. The file is part of the binary, so a bad line is a broken invariant.
func parseRow(line string) (kind string, r *row) {
	f := strings.SplitN(line, "\t", 11)
	if len(f) != 11 {
		panic("config: keys.tsv: bad line " + line)
	}
	r = &row{Key: Key{Name: f[1], Type: typeOf(f[2]), Doc: strings.ReplaceAll(f[10], `\n`, "\n")}}
	if d, ok := strings.CutPrefix(f[3], "="); ok {
		r.Default, r.HasDefault = d, true
	}
	r.Required = f[3] == "none"
	if f[4] != "-" {
		r.Allowed = f[4]
	}
	r.validate = validatorOf(r.Type, r.Allowed)
	switch f[5] {
	case "pb":
		r.Dynamic = PerBroker
	case "cw":
		r.Dynamic = ClusterWide
	}
	r.Importance = f[6]
	switch f[7] {
	case "3.9":
		r.version = versionOld
	case "4.3":
		r.version = versionNew
	case "dynamic":
		r.version = versionDynamic
	}
	if f[8] == "internal" {
		r.version = versionInternal
	}
	r.Sensitive = r.Type == TypePassword
	if f[9] != "-" {
		r.Synonyms = strings.Split(f[9], ",")
	}
	return f[0], r
}

func typeOf(name string) Type {
	for t := TypeBoolean; t <= TypePassword; t++ {
		if strings.EqualFold(t.String(), name) {
			return t
		}
	}
	panic("config: keys.tsv: unknown type " + name)
}

// String is Kafka's name of the type.
func (t Type) String() string {
	switch t {
	case TypeBoolean:
		return "BOOLEAN"
	case TypeString:
		return "STRING"
	case TypeInt:
		return "INT"
	case TypeShort:
		return "SHORT"
	case TypeLong:
		return "LONG"
	case TypeDouble:
		return "DOUBLE"
	case TypeList:
		return "LIST"
	case TypeClass:
		return "CLASS"
	case TypePassword:
		return "PASSWORD"
	}
	return "UNKNOWN"
}

// BrokerKey looks a broker key up, Kafka's or ours (milena.…).
func BrokerKey(name string) (Key, bool) { return tables().broker.key(name) }

// TopicKey looks a topic key up.
func TopicKey(name string) (Key, bool) { return tables().topic.key(name) }

// BrokerKeys lists the broker keys sorted by name.
func BrokerKeys() []Key { return tables().broker.keys() }

// TopicKeys lists the topic keys sorted by name.
func TopicKeys() []Key { return tables().topic.keys() }

func (t *table) key(name string) (Key, bool) {
	r, ok := t.rows[name]
	if !ok {
		return Key{}, false
	}
	return r.Key, true
}
