// Package archtest holds the rules of the house as tests: which package may import which, what may touch disk and network, how long files and
// functions may be. It has no code of its own.
package archtest
