// Package compact is the cleaner: it rewrites the older segments of a compacted log so that of each key the last record remains.
package compact
