// Package controller is Kafka's controller as it works over ZooKeeper: one node is elected, reads the cluster's state from the store,
// and turns its changes into partition and replica states, leaders and requests to brokers.
//
// Controller campaigns and owns the queue of events; a reign is one term of office: it handles one event after the other on one goroutine,
// so nothing in it is locked. election.go holds the choice of leaders as pure functions. Requests leave by one queue for each broker; what
// brokers reply comes back as events. Every write is guarded by the version of /controller_epoch: a reign that is refused ends, as does one
// whose write may or may not have happened, and the next one reads the state anew.
//
// Membership is this broker's session and registration, without which it may not campaign. A node that is no broker (process.roles=controller)
// has a Candidacy, which is a session alone; brokers are told in UpdateMetadata that they cannot look for it among themselves, in the field
// by which Kafka tells its brokers of a controller of KRaft's.
// The package imports coord and clusterstore. Locks: Controller.mu guards its queue and what others may ask of it; sender.mu its queue.
package controller
