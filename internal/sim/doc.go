// Package sim is whole clusters in one process, and the failures of years in minutes: brokers over files, network and store in memory, under
// a virtual clock, with faults that a seed draws, loads that note what they were told, and checkers that compare what was told with what is
// there. README.md tells how to run it and what is promised.
//
// All of it is tests; it imports whatever it plays. world.mu guards what loads and faults share; it is never held while waiting.
package sim
