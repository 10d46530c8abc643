//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	groupTopic      = "shared"
	groupPartitions = 4
	groupPort       = 25100
	// groupPatience is how long any step of a story may take, with all clients side by side on two cores.
	groupPatience = 90 * time.Second
)

// groupOverrides make time-outs short, and the new protocol's as short as those that the clients ask for in the classic one.
var groupOverrides = []string{"auto.create.topics.enable=false", "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=5",
	"group.initial.rebalance.delay.ms=0", "group.consumer.session.timeout.ms=6000", "group.consumer.min.session.timeout.ms=6000",
	"group.consumer.heartbeat.interval.ms=1000", "group.consumer.min.heartbeat.interval.ms=1000"}

// restartable is a broker that a test may stop and start again.
type restartable struct {
	address func() string
	start   func() error
	stop    func() error
}

// startRestartable starts the binary, or, to see that the stories are true, Apache Kafka where MILENA_INTEROP_KAFKA holds a version of it.
func startRestartable(t *testing.T) restartable {
	t.Helper()
	var r restartable
	var logFile func() string
	if version := os.Getenv("MILENA_INTEROP_KAFKA"); version != "" {
		c := &kafka.Cluster{Version: version, Mode: kafka.KRaft, Dir: t.TempDir(), Port: groupPort, HeapOpts: "-Xmx512M"}
		first := true
		r = restartable{c.Address, func() error {
			if first {
				first = false
				return c.Start(t.Context(), groupOverrides...)
			}
			return c.Launch(t.Context())
		}, c.StopBroker}
		logFile = func() string { return c.Dir + "/broker.log" }
	} else {
		binary, err := milena.Build("../..", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b := &milena.Broker{Binary: binary, Dir: t.TempDir(), Port: groupPort}
		r = restartable{b.Address, func() error { return b.Start(t.Context(), groupOverrides...) }, b.Stop}
		logFile = b.LogFile
	}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(logFile()); err == nil && t.Failed() {
			t.Logf("the broker's log:\n%s", log[max(0, len(log)-20000):])
		}
	})
	return r
}

// rebalancesInPoll tells of clients whose members neither lose nor get a partition between a read and its commit. Others commit a record after another
// member, or the same in the next generation, began before it: such a record comes twice, with any broker.
func (c client) rebalancesInPoll() bool {
	switch c.name {
	case "kafka-go", "platformatic", "aiokafka", "kafkajs":
		return false
	}
	return true
}

// losesTheLast tells of a client that, told to end, commits one record more than it shows: kcat drops what it has polled meanwhile, and the library
// counts it as read.
func (c client) losesTheLast() bool { return c.name == "kcat" }

// groupStories are the clients and the ways in which each is a member of a group.
func groupStories(t *testing.T, address string) (all []*story) {
	t.Helper()
	modes := map[string][]string{
		"java-" + kafka.V4: {"classic", "cooperative", "static", "consumer", "consumer-static"},
		"confluent-kafka":  {"classic", "cooperative", "consumer"},
		"franz-go":         {"classic", "cooperative", "consumer"},
		"platformatic":     {"classic", "consumer"},
	}
	for _, c := range clients(t) {
		of := modes[c.name]
		if of == nil {
			of = []string{"classic"}
		}
		for _, mode := range of {
			if only := os.Getenv("MILENA_INTEROP_ONLY"); only != "" && !strings.Contains(c.name+" "+mode, only) {
				continue
			}
			all = append(all, &story{client: c, mode: mode, group: c.name + "-" + mode, address: address,
				committed: map[int32]int64{}, seen: map[int32]map[int64]bool{}, owner: map[int32]*member{}, inARow: map[int32]int{}})
		}
	}
	return all
}

// TestGroups has a group of each client share one topic, all at once: two members share, one is killed and the other takes over, another comes, the
// broker restarts, all leave, and one that comes anew goes on exactly where the group stopped. No group skips a record or reads a committed one again.
func TestGroups(t *testing.T) {
	b := startRestartable(t)
	feed(t, b.address())
	stories := groupStories(t, b.address())
	t.Cleanup(func() {
		for _, s := range stories {
			s.killAll()
		}
	})
	each := func(what string, f func(*story) error) {
		t.Helper()
		begin := time.Now()
		var wait sync.WaitGroup
		for _, s := range stories {
			if s.failed {
				continue
			}
			wait.Go(func() {
				if err := errors.Join(f(s), s.wrongSoFar()); err != nil {
					s.failed = true
					t.Errorf("%s %s: %s: %v\n%s", s.client.name, s.mode, what, err, s.errors())
				}
			})
		}
		wait.Wait()
		t.Logf("%s: %.1f s", what, time.Since(begin).Seconds())
	}
	each("two members share", func(s *story) error {
		return errors.Join(s.join("first"), s.join("second"), s.awaitShared())
	})
	each("one is killed, the other takes over", func(s *story) error {
		s.members[0].end(syscall.SIGKILL)
		return s.awaitShared()
	})
	each("another comes", func(s *story) error { return errors.Join(s.join("first"), s.awaitShared()) })
	if err := errors.Join(b.stop(), b.start()); err != nil {
		t.Fatal(err)
	}
	each("the broker restarts", func(s *story) error {
		s.forgetOwners()
		return s.awaitShared()
	})
	each("all leave, one comes anew", (*story).goOn)
}

// feed writes to all partitions, steadily, until the test ends.
func feed(t *testing.T, address string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(groupTopic),
		kgo.RecordRetries(1000), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	if _, err := kadm.NewClient(c).CreateTopic(ctx, groupPartitions, 1, nil, groupTopic); err != nil {
		t.Fatal(err)
	}
	var failed atomic.Pointer[error]
	write := func() {
		for p := range int32(groupPartitions) {
			c.Produce(context.Background(), &kgo.Record{Partition: p, Value: []byte("v")}, func(_ *kgo.Record, err error) {
				if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
					failed.Store(&err)
				}
			})
		}
	}
	for range 20 {
		write()
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				write()
			case <-end:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		<-ended
		c.Close()
		if err := failed.Load(); err != nil {
			t.Error("the feed:", *err)
		}
	})
}

// story is one group and what its members say.
type story struct {
	client  client
	mode    string
	group   string
	address string
	failed  bool // belongs to the one who runs the story

	members []*member // likewise

	mu        sync.Mutex               // guards the rest
	committed map[int32]int64          // the offset of the last commit that a member says was acknowledged
	seen      map[int32]map[int64]bool // the offsets that any member has read
	owner     map[int32]*member        // who read last
	inARow    map[int32]int            // how often the owner was the one who read
	wrong     error                    // the first thing that may not be
}

// member is one process.
type member struct {
	story *story
	name  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when all it said was taken and the process is gone
	alive bool          // belongs to the one who runs the story
	last  map[int32]int64
	first map[int32]int64
	errs  bytes.Buffer // read when ended, or under the story's mu
}

// join starts a member.
func (s *story) join(name string) error {
	args := append(append([]string(nil), s.client.command[1:]...), s.address, "member", groupTopic, s.group, s.mode, name)
	m := &member{story: s, name: name, cmd: exec.Command(s.client.command[0], args...), ended: make(chan struct{}), alive: true,
		last: map[int32]int64{}, first: map[int32]int64{}}
	m.cmd.Env = append(os.Environ(), fmt.Sprintf("BASE_MS=%d", baseMs))
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	m.cmd.Stderr = (*locked)(m)
	if err := m.cmd.Start(); err != nil {
		return err
	}
	s.members = append(s.members, m)
	go func() {
		defer close(m.ended)
		m.listen(out)
		_ = m.cmd.Wait() // killed, or asked to end: how is of no matter
	}()
	return nil
}

// locked takes what a member says to its standard error.
type locked member

func (l *locked) Write(p []byte) (int, error) {
	l.story.mu.Lock()
	defer l.story.mu.Unlock()
	if l.errs.Len() > 1<<20 {
		return len(p), nil
	}
	return l.errs.Write(p)
}

func (m *member) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var what string
		var partition int32
		var offset int64
		if _, err := fmt.Sscan(lines.Text(), &what, &partition, &offset); err != nil {
			continue // a word of the library's
		}
		m.story.take(m, what, partition, offset)
	}
}

// take takes one line of a member.
func (s *story) take(m *member, what string, partition int32, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "committed" {
		s.committed[partition] = max(s.committed[partition], offset)
		return
	}
	last, knows := m.last[partition]
	if enters := !knows || offset != last+1; enters && s.client.rebalancesInPoll() && offset < s.committed[partition] && s.wrong == nil {
		s.wrong = fmt.Errorf("the member %s reads partition %d from offset %d again, though %d was committed", m.name, partition, offset,
			s.committed[partition])
	}
	if !knows {
		m.first[partition] = offset
	}
	m.last[partition] = offset
	if s.seen[partition] == nil {
		s.seen[partition] = map[int64]bool{}
	}
	s.seen[partition][offset] = true
	if s.owner[partition] != m {
		s.owner[partition], s.inARow[partition] = m, 0
	}
	s.inARow[partition]++
}

func (s *story) wrongSoFar() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

func (s *story) forgetOwners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.owner)
	clear(s.inARow)
}

// awaitShared waits until each partition is read by one living member, several times in a row, and each living member reads some.
func (s *story) awaitShared() error {
	const enough = 3
	shared := func() (bool, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var text strings.Builder
		reading := map[*member]bool{}
		settled := true
		for p := range int32(groupPartitions) {
			m := s.owner[p]
			if m == nil {
				return false, fmt.Sprintf("nobody reads partition %d", p)
			}
			settled = settled && m.alive && s.inARow[p] >= enough
			reading[m] = true
			fmt.Fprintf(&text, "%d: %s (%d in a row) ", p, m.name, s.inARow[p])
		}
		for _, m := range s.members {
			settled = settled && (!m.alive || reading[m])
		}
		return settled, text.String()
	}
	return await(func() (bool, string) {
		for _, m := range s.members {
			if m.alive && isClosed(m.ended) {
				return false, "the member " + m.name + " is gone"
			}
		}
		return shared()
	})
}

// await asks done again and again; what it says last is the error's text.
func await(done func() (bool, string)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(groupPatience); ; <-tick.C {
		ok, text := done()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %s", groupPatience, text)
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// end signals the member and waits until it is gone; what it said is taken by then. One that does not go is killed.
func (m *member) end(signal syscall.Signal) {
	_ = syscall.Kill(-m.cmd.Process.Pid, signal) // it may be gone
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	select {
	case <-m.ended:
	case <-late.C:
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
		<-m.ended
	}
	m.story.mu.Lock()
	defer m.story.mu.Unlock()
	m.alive = false
}

func (s *story) killAll() {
	for _, m := range s.members {
		if m.alive {
			m.end(syscall.SIGKILL)
		}
	}
}

// errors is the end of what the members said to their standard errors.
func (s *story) errors() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, m := range s.members {
		text := m.errs.String()
		fmt.Fprintf(&b, "  %s says: %s\n", m.name, text[max(0, len(text)-1500):])
	}
	return b.String()
}

// goOn has all leave and one come anew: it begins with the first record that was not committed.
func (s *story) goOn() error {
	var leaving sync.WaitGroup
	for _, m := range s.members {
		if m.alive {
			leaving.Go(func() { m.end(syscall.SIGTERM) })
		}
	}
	leaving.Wait()
	stored, err := s.stored()
	if err != nil {
		return err
	}
	for p := range int32(groupPartitions) {
		if stored[p] < s.committed[p] || stored[p] == 0 {
			return fmt.Errorf("partition %d: offset %d is stored, though the commit of %d was acknowledged", p, stored[p], s.committed[p])
		}
	}
	s.forgetOwners()
	if err := errors.Join(s.join("anew"), s.awaitShared()); err != nil {
		return err
	}
	anew := s.members[len(s.members)-1]
	anew.end(syscall.SIGKILL)
	for p := range int32(groupPartitions) {
		if anew.first[p] != stored[p] {
			return fmt.Errorf("partition %d: who came anew begins at offset %d, the group stopped at %d", p, anew.first[p], stored[p])
		}
		for offset := range anew.last[p] {
			if !s.seen[p][offset] && !(s.client.losesTheLast() && offset == stored[p]-1) {
				return fmt.Errorf("partition %d: offset %d was read by nobody", p, offset)
			}
		}
	}
	return nil
}

// stored is what the broker holds for the group.
func (s *story) stored() (map[int32]int64, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(s.address), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	offsets, err := kadm.NewClient(c).FetchOffsets(ctx, s.group)
	if err != nil {
		return nil, err
	}
	stored := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { stored[o.Partition] = o.At })
	return stored, offsets.Error()
}
