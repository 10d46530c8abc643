// Package config knows Kafka's configuration: every key of broker and topic with type, default, range and whether it may change
// at run time; Java's properties syntax; the effective values of a broker, a topic and their sources. It imports record (names of
// codecs and timestamp types) and vfs.
package config
