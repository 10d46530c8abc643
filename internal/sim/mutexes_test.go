//go:build !synctests

package sim

import "testing"

// mutexesLetTimePass: see mutexes_durable_test.go. Without it nothing may wait while it holds a mutex.
const mutexesLetTimePass = false

func letTimePass(*testing.T) {}
