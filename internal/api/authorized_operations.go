package api

import "math"

// Authorized operations (KIP-430) are a bit for each operation's number in Kafka's AclOperation. Without an authorizer a client may do
// everything that a resource knows.
const (
	operationsNotAsked = math.MinInt32
	// read, write, create, delete, alter, describe, describe configs, alter configs
	topicOperations = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	// read, delete, describe, describe configs, alter configs
	groupOperations = 1<<3 | 1<<6 | 1<<8 | 1<<10 | 1<<11
	// create, alter, describe, cluster action, describe configs, alter configs, idempotent write
	clusterOperations = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
)

// operations is what a response says: all, or that nobody asked.
func operations(asked bool, all int32) int32 {
	if asked {
		return all
	}
	return operationsNotAsked
}
