//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network is the test's own: each machine is a network namespace, joined to the others by a hub that forwards between them. Addresses exist
// inside those namespaces only. Machine n has 10.77.n.2, and the hub 10.77.n.1 towards it; the test's clients are in the hub.
type network struct {
	t    *testing.T
	name string
}

func startNetwork(t *testing.T, machines int) *network {
	n := &network{t: t, name: fmt.Sprintf("chaos%d", os.Getpid())}
	t.Cleanup(func() {
		for m := 0; m <= machines; m++ {
			_ = exec.Command("ip", "netns", "del", n.space(m)).Run()
		}
	})
	for m := 0; m <= machines; m++ {
		n.ip("netns", "add", n.space(m))
		n.ip("-n", n.space(m), "link", "set", "lo", "up")
	}
	n.ip("netns", "exec", n.space(0), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	for m := 1; m <= machines; m++ {
		port := fmt.Sprintf("to%d", m)
		n.ip("-n", n.space(0), "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", n.space(m))
		n.ip("-n", n.space(0), "addr", "add", fmt.Sprintf("10.77.%d.1/24", m), "dev", port)
		n.ip("-n", n.space(0), "link", "set", port, "up")
		n.ip("-n", n.space(m), "addr", "add", address(m)+"/24", "dev", "eth0")
		n.plug(m)
	}
	return n
}

// address is a machine's.
func address(machine int) string { return fmt.Sprintf("10.77.%d.2", machine) }

// space is a machine's namespace; 0 is the hub.
func (n *network) space(machine int) string { return fmt.Sprintf("%s-%d", n.name, machine) }

// on is the command that runs another one on a machine.
func (n *network) on(machine int) []string { return []string{"ip", "netns", "exec", n.space(machine)} }

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v\n%s(this needs root and iproute2)", strings.Join(args, " "), err, out)
	}
}

// dial connects out of the hub: a socket belongs to the namespace that its thread is in when it is made.
func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	hub, err := os.Open("/var/run/netns/" + n.space(0))
	if err != nil {
		return nil, err
	}
	defer hub.Close()
	if err := unix.Setns(int(hub.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err // the thread ends with its goroutine, locked as it is
	}
	conn, dialErr := new(net.Dialer).DialContext(ctx, network, address)
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	runtime.UnlockOSThread()
	return conn, dialErr
}

// unplug takes a machine's cable away, plug puts it back.
func (n *network) unplug(machine int) {
	n.t.Helper()
	n.ip("-n", n.space(machine), "link", "set", "eth0", "down")
}

func (n *network) plug(machine int) {
	n.t.Helper()
	n.ip("-n", n.space(machine), "link", "set", "eth0", "up")
	n.ip("-n", n.space(machine), "route", "replace", "default", "via", fmt.Sprintf("10.77.%d.1", machine))
}

// way is packets from one machine to another; port, where not 0, is that of a service, on either side of the connection.
type way struct{ from, to, port int }

// both directions between two machines.
func both(a, b, port int) []way { return []way{{a, b, port}, {b, a, port}} }

// cut has the hub drop packets without a word, until the function it gives is called.
func (n *network) cut(ways []way) (heal func()) {
	n.t.Helper()
	var rules [][]string
	for _, w := range ways {
		rule := []string{"from", address(w.from), "to", address(w.to)}
		if w.port == 0 {
			rules = append(rules, rule)
			continue
		}
		for _, side := range []string{"sport", "dport"} {
			rules = append(rules, append(rule[:4:4], "ipproto", "tcp", side, fmt.Sprint(w.port)))
		}
	}
	change := func(verb string) {
		for _, rule := range rules {
			n.ip(append([]string{"-n", n.space(0), "rule", verb, "blackhole"}, rule...)...)
		}
	}
	change("add")
	return func() { change("del") }
}
