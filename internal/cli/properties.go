package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/magiconair/properties"
)

// Properties are a client's settings under the names that Kafka's Java clients give them, in the order they were set.
type Properties struct {
	keys   []string
	values map[string]string
}

// newProperties is an empty set.
func newProperties() *Properties { return &Properties{values: map[string]string{}} }

// loadProperties reads a Java properties file; an empty path is an empty set.
func loadProperties(path string) (*Properties, error) {
	p := newProperties()
	if path == "" {
		return p, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		// Kafka's tools print the file's name alone; the reason is worth a word.
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("%s: no such file", path)
		}
		return nil, err
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	loaded, err := loader.LoadBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range loaded.Keys() {
		value, _ := loaded.Get(key)
		p.Set(key, value)
	}
	return p, nil
}

// Set sets one key.
func (p *Properties) Set(key, value string) {
	if _, ok := p.values[key]; !ok {
		p.keys = append(p.keys, key)
	}
	p.values[key] = value
}

// Default sets one key that has no value yet.
func (p *Properties) Default(key, value string) {
	if _, ok := p.values[key]; !ok {
		p.Set(key, value)
	}
}

// Get is a key's value.
func (p *Properties) Get(key string) (string, bool) {
	value, ok := p.values[key]
	return value, ok
}

// Value is a key's value, or otherwise.
func (p *Properties) Value(key, otherwise string) string {
	if value, ok := p.values[key]; ok {
		return value
	}
	return otherwise
}

// True tells whether the key is set to true, in any case of letters.
func (p *Properties) True(key string, otherwise bool) bool {
	value, ok := p.values[key]
	if !ok {
		return otherwise
	}
	return strings.EqualFold(strings.TrimSpace(value), "true")
}

// Remove takes a key out.
func (p *Properties) Remove(key string) {
	delete(p.values, key)
	for i, k := range p.keys {
		if k == key {
			p.keys = append(p.keys[:i], p.keys[i+1:]...)
			return
		}
	}
}

// SetPairs sets key=value pairs, the value perhaps empty, perhaps with further equals signs in it.
func (p *Properties) SetPairs(pairs []string) {
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		p.Set(key, value)
	}
}
