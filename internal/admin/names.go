package admin

import (
	"strings"

	"milena/internal/metadata"
)

// maxTopicName is the most characters of a topic's name: with a partition's number and a suffix it must be a directory's name.
const maxTopicName = 249

// ValidateTopicName refuses what is no name of a topic (Kafka's Topic.validate).
func ValidateTopicName(name string) error {
	what := ""
	switch {
	case name == "":
		what = "the empty string is not allowed"
	case name == "." || name == "..":
		what = "'" + name + "' is not allowed"
	case len(name) > maxTopicName:
		return refuse(InvalidTopic, "Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, maxTopicName)
	default:
		for i := range len(name) {
			c := name[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
				what = "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
			}
		}
	}
	if what == "" {
		return nil
	}
	return refuse(InvalidTopic, "Topic name is invalid: %s", what)
}

// collision finds a topic whose name differs in '.' and '_' alone: the two would share the names of their metrics.
func collision(image *metadata.Image, name string) string {
	if !strings.ContainsAny(name, "._") {
		return ""
	}
	folded := strings.ReplaceAll(name, ".", "_")
	for other := range image.Topics {
		if other != name && strings.ReplaceAll(other, ".", "_") == folded {
			return other
		}
	}
	return ""
}
