package cli

import (
	"sort"
	"strconv"
	"unicode/utf16"
)

// javaHashOrder gives names in the order in which a Java HashMap, grown from its usual 16 buckets, iterates over them.
// Kafka's tools print several of their lists in such an order, and scripts compare the text.
func javaHashOrder(names []string) []string { return javaOrderFrom(names, 16) }

// javaSizedOrder is javaHashOrder for a map that was made for as many entries as there are names.
func javaSizedOrder(names []string) []string {
	capacity := 1
	for capacity < len(names) {
		capacity *= 2
	}
	return javaOrderFrom(names, capacity)
}

func javaOrderFrom(names []string, capacity int) []string {
	ordered := append([]string{}, names...)
	javaOrder(ordered, capacity, javaHash)
	return ordered
}

// topicPartition names one partition of a topic.
type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) String() string { return tp.topic + "-" + strconv.Itoa(int(tp.partition)) }

// javaHash is TopicPartition.hashCode.
func (tp topicPartition) javaHash() int32 { return 31*(31+tp.partition) + javaHash(tp.topic) }

// javaOrder sorts keys as a HashMap that began with capacity buckets has them.
func javaOrder[K any](keys []K, capacity int, hash func(K) int32) {
	for len(keys)*4 > capacity*3 {
		capacity *= 2
	}
	bucket := func(key K) int {
		h := uint32(hash(key))
		return int((h ^ h>>16) & uint32(capacity-1))
	}
	sort.SliceStable(keys, func(i, j int) bool { return bucket(keys[i]) < bucket(keys[j]) })
}

// javaHash is String.hashCode: over UTF-16 units.
func javaHash(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}
