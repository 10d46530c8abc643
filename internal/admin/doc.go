// Package admin makes, deletes and grows topics and changes configurations, as Kafka's AdminZkClient and ZkAdminManager do over the store:
// it validates, writes, and waits until this broker's metadata shows the result. The controller does the rest from what it finds in the
// store. ConfigWatcher brings changed configurations to this broker; Loggers are the log levels that can be changed at run time.
//
// The package imports clusterstore, coord, config and metadata. What it refuses is a *Refusal, with Kafka's text.
// Locks: Admin.mu guards the set of topics being auto-created; ConfigWatcher.mu what it has read.
package admin
