// Package chaos kills, freezes, stops and cuts off the brokers of a cluster of three real processes while producers, consumers and a group use
// it, fills one's disk, flips bits in replicas, adds a broker and drains another, and holds what each client was told against what the cluster has
// in the end (package history). Kafka's verifiable clients do the same on what `milena quickstart` starts. Each broker is a machine with a network
// namespace of its own; the store is etcd, embedded in the brokers or in controllers on three more, or a ZooKeeper there. Its tests have the build
// tag chaos and need root, iproute2 and a JDK with Maven: `make chaos` for a fixed list of failures, `make chaos ROUNDS=50` for as many random
// ones after it.
package chaos
