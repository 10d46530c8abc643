package config

// lookup is a key's raw value and where it comes from: the first of dynamic for this broker, dynamic for the cluster, file or
// command line, Kafka's default. ok is false where none of them has one (Kafka's null).
func (v *Values) lookup(r *row) (text string, source Source, ok bool) {
	for _, s := range v.sources() {
		if text, ok := s.values[r.Name]; ok && (s.source != SourceStaticBroker || r.version != versionDynamic) {
			return text, s.source, true
		}
	}
	return r.Default, SourceDefault, r.HasDefault
}

type sourced struct {
	source Source
	values map[string]string
}

// sources are the places where a value may be set, the strongest first.
func (v *Values) sources() [3]sourced {
	return [3]sourced{{SourceDynamicBroker, v.DynamicBroker}, {SourceDynamicDefault, v.DynamicDefault}, {SourceStaticBroker, v.Static}}
}

// isSet tells whether anyone gave the key a value.
func (v *Values) isSet(name string) bool {
	for _, s := range v.sources() {
		if _, ok := s.values[name]; ok {
			return true
		}
	}
	return false
}

// The getters read a broker key. The values have been checked by checkValues, so one that does not parse is a broken invariant.

func (v *Values) parsed(name string) parsed {
	r := tables().broker.rows[name]
	if r == nil {
		panic("config: no broker key " + name)
	}
	text, _, ok := v.lookup(r)
	if !ok {
		return nil
	}
	p, err := r.parse(text)
	if err != nil {
		panic("config: unchecked value: " + err.Error())
	}
	return p
}

func (v *Values) long(name string) int64 {
	n, _ := v.parsed(name).(int64)
	return n
}

func (v *Values) int(name string) int   { return int(v.long(name)) }
func (v *Values) bool(name string) bool { b, _ := v.parsed(name).(bool); return b }
func (v *Values) double(name string) float64 {
	f, _ := v.parsed(name).(float64)
	return f
}
func (v *Values) list(name string) []string { l, _ := v.parsed(name).([]string); return l }

func (v *Values) text(name string) string {
	p := v.parsed(name)
	if p == nil {
		return ""
	}
	return canonical(tables().broker.rows[name].Type, p)
}

// has tells whether the key has a value, be it Kafka's default.
func (v *Values) has(name string) bool { return v.parsed(name) != nil }

// unitOf is the unit of a key that gives a time in hours or minutes, in milliseconds; 1 for every other key.
func unitOf(name string) int64 {
	switch name {
	case "log.retention.hours", "log.roll.hours", "log.roll.jitter.hours":
		return 60 * 60 * 1000
	case "log.retention.minutes":
		return 60 * 1000
	}
	return 1
}

// firstMs is the value in milliseconds of the first of names that has one.
func (v *Values) firstMs(names ...string) int64 {
	for _, n := range names {
		if v.has(n) {
			return v.long(n) * unitOf(n)
		}
	}
	return 0
}

// checkValues parses every value that is set, so that the getters may trust it.
func (v *Values) checkValues() error {
	for _, s := range v.sources() {
		for _, name := range sortedNames(s.values) {
			r := tables().broker.rows[baseName(name)]
			if r == nil {
				continue // unknown keys are named in a warning, as Kafka starts with them too
			}
			if _, err := r.parse(s.values[name]); err != nil {
				return err
			}
		}
	}
	return nil
}
