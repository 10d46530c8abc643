package clusterstore

import "strings"

// IsOpen and IsSecret are what Kafka's zookeeper.set.acl makes of a path: everybody may write what is open (the old consumers did), only the
// brokers may read what is secret, and everything else belongs to the brokers and may be read by all.
func IsOpen(path string) bool { return path == "/consumers" }

// IsSecret tells paths that hold passwords, or what stands for them.
func IsSecret(path string) bool {
	for _, secret := range []string{"/config/users", "/config/brokers", "/delegation_token/tokens"} {
		if strings.HasPrefix(path, secret) {
			return true
		}
	}
	return false
}
