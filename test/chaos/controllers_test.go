//go:build chaos

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"milena/test/milena"
)

// office is a cluster whose brokers have controllers that are none, on the machines behind: controller j has the id copies+j+1.
type office struct {
	*cluster
	controllers [copies]*milena.Broker
	open        [copies]bool // it runs
}

func startOffice(t *testing.T) *office {
	o := &office{cluster: &cluster{t: t, net: startNetwork(t, 2*copies), dir: t.TempDir()}}
	t.Cleanup(o.cluster.end)
	t.Cleanup(o.endControllers)
	for j := range copies {
		machine := copies + j + 1
		o.controllers[j] = &milena.Broker{
			Binary: milenaBinary, Dir: filepath.Join(o.dir, fmt.Sprint(machine)), Host: address(machine), Port: controllerPort, In: o.net.on(machine),
		}
		o.launchController(j)
	}
	for i := range copies {
		o.addMachine(i)
		o.properties[i] = append(o.quorum(i+1), "process.roles=broker", "default.replication.factor=3", "min.insync.replicas=2",
			"offsets.topic.replication.factor=3", "offsets.topic.num.partitions=8")
		o.launch(i)
	}
	o.awaitAll()
	return o
}

// quorum is what every node's file says.
func (o *office) quorum(id int) []string {
	var voters []string
	for j := range copies {
		machine := copies + j + 1
		voters = append(voters, fmt.Sprintf("%d@%s:%d", machine, address(machine), controllerPort))
	}
	return []string{
		fmt.Sprintf("node.id=%d", id), "controller.listener.names=CONTROLLER", "controller.quorum.voters=" + strings.Join(voters, ","),
		fmt.Sprintf("broker.session.timeout.ms=%d", sessionMs),
	}
}

func (o *office) launchController(j int) {
	o.t.Helper()
	listener := fmt.Sprintf("listeners=CONTROLLER://%s:%d", address(copies+j+1), controllerPort)
	must(o.t, o.controllers[j].Launch(append(o.quorum(copies+j+1), "process.roles=controller", "min.insync.replicas=2", listener)...))
	o.open[j] = true
}

func (o *office) endControllers() {
	for j, c := range o.controllers {
		if c == nil || !o.open[j] {
			continue
		}
		_ = syscall.Kill(c.PID(), syscall.SIGCONT)
		_ = c.Kill()
	}
	if !o.t.Failed() && !*logs {
		return
	}
	for j, c := range o.controllers {
		if c != nil {
			log, _ := os.ReadFile(c.LogFile())
			o.t.Logf("the log of controller %d:\n%s", copies+j+1, log[max(0, len(log)-400_000):])
		}
	}
}

// elected is which controller the store says is in office; other: another one than that, unless it is -1.
func (o *office) elected(other int) int {
	o.t.Helper()
	found := -1
	holder := regexp.MustCompile(`"brokerid":(\d+)`)
	line := append(o.net.on(0), milenaBinary, "coord", "get", "/controller", "--config", filepath.Join(o.brokers[0].Dir, "server.properties"))
	await(o.t, "elected controller", patience, func() bool {
		out, err := exec.Command(line[0], line[1:]...).Output()
		if m := holder.FindStringSubmatch(string(out)); err == nil && m != nil {
			id, err := strconv.Atoi(m[1])
			must(o.t, err)
			found = id - copies - 1
		}
		return found >= 0 && found != other
	})
	if found >= copies || !o.open[found] {
		o.t.Errorf("%d is elected", found+copies+1)
	}
	return found
}

// heeded waits until a broker that is asked gives the elected controller's answer.
func (o *office) heeded(when string) {
	o.t.Helper()
	began := time.Now()
	await(o.t, "answer of the controller", patience, func() bool {
		out, err := o.command("reassign-partitions", "--list").Output()
		return err == nil && strings.Contains(string(out), "No partition reassignments found")
	})
	o.t.Logf("%s: the controller answers after %d ms", when, time.Since(began).Milliseconds())
}

// TestControllers: the controllers are no brokers. The elected one is killed, alone and together with the leader of a partition, frozen, cut
// off and stopped, and all of them are killed; a broker stops cleanly by way of another one.
func TestControllers(t *testing.T) {
	o := startOffice(t)
	s := startStory(o.cluster)
	for range 3 {
		j := o.elected(-1)
		o.open[j] = false
		must(t, o.controllers[j].Kill())
		s.goesOn(fmt.Sprintf("controller %d was killed", copies+j+1))
		o.heeded("killed")
		o.elected(j)
		o.launchController(j)
	}
	for partition := range int32(2) {
		o.whole()
		j, leader := o.elected(-1), o.leader(partition)
		o.open[j] = false
		must(t, o.controllers[j].Kill())
		must(t, o.kill(leader))
		s.load.Mark()
		s.waited(fmt.Sprintf("controller %d and broker %d, a leader, were killed", copies+j+1, leader+1))
		o.elected(j)
		o.launchController(j)
		o.launch(leader)
	}
	o.whole()

	j := o.elected(-1)
	must(t, syscall.Kill(o.controllers[j].PID(), syscall.SIGSTOP))
	o.elected(j)
	s.goesOn(fmt.Sprintf("controller %d is frozen", copies+j+1))
	o.heeded("frozen")
	must(t, syscall.Kill(o.controllers[j].PID(), syscall.SIGCONT))

	j = o.elected(-1)
	o.net.unplug(copies + j + 1)
	o.elected(j)
	s.goesOn(fmt.Sprintf("controller %d is cut off", copies+j+1))
	o.heeded("cut off")
	o.net.plug(copies + j + 1)

	j = o.elected(-1)
	o.open[j] = false
	must(t, o.controllers[j].Stop())
	o.heeded("stopped")
	o.elected(j)
	o.launchController(j)

	leader := o.leader(3)
	s.load.Mark()
	must(t, o.stop(leader))
	s.waited(fmt.Sprintf("broker %d, a leader, has stopped", leader+1))
	o.launch(leader)
	o.whole()

	for j := range o.controllers {
		o.open[j] = false
		must(t, o.controllers[j].Kill())
	}
	s.goesOn("there is no controller")
	for j := range o.controllers {
		o.launchController(j)
	}
	o.heeded("all killed")
	s.end(topic)
	for j, c := range o.controllers {
		o.open[j] = false
		must(t, c.Stop())
	}
}
