package zkcoord

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"

	"milena/internal/coord"
)

// defaultPort is ZooKeeper's.
const defaultPort = "2181"

// ParseConnect takes Kafka's zookeeper.connect apart: "host:port,host:port/chroot". The port is 2181 where it is left out, and the chroot,
// which has no slash at its end, is empty where there is none.
func ParseConnect(connect string) (servers []string, chroot string, err error) {
	hosts := strings.TrimSpace(connect)
	if i := strings.IndexByte(hosts, '/'); i >= 0 {
		hosts, chroot = hosts[:i], strings.TrimRight(hosts[i:], "/")
	}
	if chroot != "" {
		if err := coord.CheckPath(chroot); err != nil {
			return nil, "", fmt.Errorf("the chroot %s: %w", chroot, err)
		}
	}
	for part := range strings.SplitSeq(hosts, ",") {
		server, err := serverOf(strings.TrimSpace(part))
		if err != nil {
			return nil, "", err
		}
		servers = append(servers, server)
	}
	return servers, chroot, nil
}

func serverOf(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		if host, port = strings.Trim(text, "[]"), defaultPort; strings.Contains(host, ":") && !strings.HasPrefix(text, "[") {
			return "", fmt.Errorf("%q is not host:port (an IPv6 address stands in brackets)", text)
		}
	}
	if n, err := strconv.Atoi(port); host == "" || err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q is not host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}

// hosts gives the client one server after the other, from a random one on. Names are looked up at each attempt: a member may come up, or
// move, later.
type hosts struct {
	mu      sync.Mutex
	servers []string
	next    int
	tried   int // since the last one that answered
}

func newHosts(servers []string) *hosts {
	h := &hosts{servers: append([]string{}, servers...)}
	rand.Shuffle(len(h.servers), func(i, j int) { h.servers[i], h.servers[j] = h.servers[j], h.servers[i] })
	return h
}

// Init is part of zk.HostProvider.
func (h *hosts) Init([]string) error { return nil }

// Len is part of zk.HostProvider.
func (h *hosts) Len() int { return len(h.servers) }

// Next is part of zk.HostProvider: the client pauses for a second where pause says that all have been tried.
func (h *hosts) Next() (server string, pause bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server = h.servers[h.next]
	h.next = (h.next + 1) % len(h.servers)
	pause = h.tried > 0 && h.tried%len(h.servers) == 0
	h.tried++
	return server, pause
}

// Connected is part of zk.HostProvider.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tried = 0
}
