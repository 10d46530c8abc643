//go:build chaos

package chaos

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"milena/test/milena"
)

// quickstart is `milena quickstart`, which starts what was killed.
type quickstart struct {
	*cluster
	cmd *exec.Cmd

	mu        sync.Mutex // guards processes
	processes [copies]int
}

// startQuickstart runs it on the hub, with the ports that it has by default.
func startQuickstart(t *testing.T) *quickstart {
	dir := t.TempDir()
	q := &quickstart{cluster: &cluster{t: t, net: startNetwork(t, 0)}}
	t.Cleanup(q.end)
	for i := range copies {
		q.add(&milena.Broker{Dir: filepath.Join(dir, fmt.Sprintf("broker-%d", i+1)), Port: brokerPort + i})
	}
	command := append(q.net.on(0), milenaBinary, "quickstart", "--brokers", fmt.Sprint(copies), dir)
	q.cmd = exec.Command(command[0], command[1:]...)
	out, err := q.cmd.StdoutPipe()
	must(t, err)
	must(t, q.cmd.Start())
	q.running = []bool{true, true, true}
	told := make(chan struct{})
	go func() {
		defer close(told)
		q.listen(out)
	}()
	t.Cleanup(func() {
		_ = q.cmd.Process.Signal(syscall.SIGTERM)
		<-told
		if err := q.cmd.Wait(); err != nil {
			t.Errorf("quickstart ended with %v", err)
		}
		q.running = make([]bool, copies)
	})
	q.awaitAll()
	return q
}

// listen learns of the brokers' processes from what it prints.
func (q *quickstart) listen(out io.Reader) {
	process := regexp.MustCompile(`broker (\d) .*process (\d+)`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		q.t.Log(lines.Text())
		if m := process.FindStringSubmatch(lines.Text()); m != nil {
			id, _ := strconv.Atoi(m[1])
			q.mu.Lock()
			q.processes[id-1], _ = strconv.Atoi(m[2])
			q.mu.Unlock()
		}
	}
}

// kill kills a broker that has a process.
func (q *quickstart) kill(i int) {
	q.t.Helper()
	await(q.t, fmt.Sprintf("process of broker %d", i+1), patience, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		pid := q.processes[i]
		if pid == 0 {
			return false
		}
		q.processes[i] = 0
		must(q.t, syscall.Kill(pid, syscall.SIGKILL))
		return true
	})
}

// TestQuickstart kills leaders and the controller of the cluster that one command starts, again and again, under Kafka's verifiable clients.
func TestQuickstart(t *testing.T) {
	q := startQuickstart(t)
	q.createTopic()
	v := startClients(q.cluster)
	v.goOn(time.Now())
	q.whole() // with the topic of the groups
	for round := range int32(3) {
		leader := q.leader(round)
		v.survive(fmt.Sprintf("kill broker %d, a leader", leader+1), func() { q.kill(leader) }, func() {})
		controller := q.controller()
		v.survive(fmt.Sprintf("kill broker %d, the controller", controller+1), func() { q.kill(controller) }, func() {})
	}
	v.end()
}
