package server

import (
	"context"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"milena/internal/netio"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// mostIdleBytes is what a connection may cost while its client is silent: 200 MB for 10,000.
const mostIdleBytes = 20_000

// rss is the process's resident memory in bytes; 0 where the system does not tell.
func rss() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(b))[1])
	return pages * os.Getpagesize()
}

// TestIdleConnectionsCostLittle opens many connections that have each sent a request, and measures the process, the clients' ends included.
// With -short there are few of them, and memory is only measured in the heap and the stacks.
func TestIdleConnectionsCostLittle(t *testing.T) {
	count := 10_000
	if testing.Short() {
		count = 500
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 2000 {
		t.Skipf("%d open files are allowed", limit.Max)
	}
	count = min(count, int(min(limit.Max, 1<<20)-200)/2) // both ends are here
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	r := newRig(t, netio.TCP{}, 0, nil)
	defer r.stop()
	heapBefore, rssBefore := settle()
	clients := make([]net.Conn, 0, count)
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	address := r.server.Addr("PLAINTEXT").String()
	hello := request(kmsg.ApiVersions, 3, 1, "\x05java\x064.3.1\x00")
	for range count {
		socket, err := netio.TCP{}.Dial(context.Background(), address)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, socket)
		c := &client{t, socket}
		c.send(hello)
		c.receive()
	}
	heap, resident := settle()
	perConn := (heap - heapBefore) / count
	t.Logf("%d connections: %d bytes of heap and stack each, %d of resident memory (both ends)", count, perConn, (resident-rssBefore)/count)
	if perConn > mostIdleBytes {
		t.Errorf("an idle connection costs %d bytes of heap and stack", perConn)
	}
	if !testing.Short() && !raceEnabled && (resident-rssBefore)/count > mostIdleBytes {
		t.Errorf("an idle connection costs %d bytes of resident memory", (resident-rssBefore)/count)
	}
}

// settle collects garbage and gives the bytes of heap and stacks in use, and the resident ones.
func settle() (inUse, resident int) {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse), rss()
}
