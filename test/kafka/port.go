package kafka

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// Loopback ports for brokers, below those that the system gives to clients.
const firstPort, ports = 30_000, 2_700

var portsTaken atomic.Int32

// FreePort finds a loopback port that nobody listens on. No client's connection takes it before it is used, nor while the broker that has it is
// down. Each call gives another one; processes begin at different ones.
func FreePort() (int, error) {
	for range ports {
		port := firstPort + (os.Getpid()*61+int(portsTaken.Add(1)))%ports
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d", firstPort, firstPort+ports-1)
}
