package cli

import (
	"sort"
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
	for len(names)*4 > capacity*3 {
		capacity *= 2
	}
	ordered := append([]string{}, names...)
	bucket := func(name string) int {
		h := uint32(javaHash(name))
		return int((h ^ h>>16) & uint32(capacity-1))
	}
	sort.SliceStable(ordered, func(i, j int) bool { return bucket(ordered[i]) < bucket(ordered[j]) })
	return ordered
}

// javaHash is String.hashCode: over UTF-16 units.
func javaHash(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}
