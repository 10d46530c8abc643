// Package chaos kills, freezes and stops the brokers of a cluster of three real processes while producers, consumers and a group use it,
// records what each of them was told, and holds that against what the cluster has in the end. Its tests have the build tag chaos:
// `make chaos` for a fixed list of failures, `make chaos ROUNDS=50` for as many random ones after it.
package chaos
