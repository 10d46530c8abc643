// Package crash ends, stops, starves and insults the real binary, and demands that everything acknowledged is there afterwards. Its tests have
// the build tag crash: `make crash`. They run as root on Linux: the story of the full disk mounts a tmpfs.
package crash
