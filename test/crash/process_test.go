//go:build crash

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFrozen stops the process for longer than its session lasts, as a suspended machine does, and lets it go on.
func TestFrozen(t *testing.T) {
	const sessionMs = 1500
	b := newBroker(t)
	start(t, b, fmt.Sprintf("zookeeper.session.timeout.ms=%d", sessionMs))
	createTopic(t, b, "t", partitions)
	l := startLoad(t, b, "t")
	for range 2 {
		l.progress(5000)
		must(t, syscall.Kill(b.PID(), syscall.SIGSTOP))
		<-time.After(2 * sessionMs * time.Millisecond)
		must(t, syscall.Kill(b.PID(), syscall.SIGCONT))
	}
	l.progress(5000)
	createTopic(t, b, "another", 1) // the controller is there too
	l.end()
	l.verify(b)
}

// refused starts a second broker process which must end by itself with an error, and returns what it printed.
func refused(t *testing.T, overrides ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	args := []string{"server"}
	for _, o := range overrides {
		args = append(args, "--override", o)
	}
	out, err := exec.CommandContext(ctx, milenaBinary, args...).CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the second broker was not refused: %v\n%s", err, out)
	}
	return string(out)
}

// TestRefusals: a directory that another process holds, one of another broker, one of another cluster.
func TestRefusals(t *testing.T) {
	b := newBroker(t)
	start(t, b)
	createTopic(t, b, "t", partitions)
	l := startLoad(t, b, "t")
	l.progress(1000)
	base := []string{"listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=" + b.DataDir()}
	if out := refused(t, append(base, "node.id=1")...); !strings.Contains(out, fmt.Sprintf("process %d", b.PID())) ||
		!strings.Contains(out, b.DataDir()) {
		t.Errorf("a directory in use should be refused naming it and process %d: %s", b.PID(), out)
	}
	l.progress(1000)
	l.end()
	must(t, b.Stop())
	if out := refused(t, append(base, "node.id=2")...); !strings.Contains(out, "Stored node id 1 doesn't match previous node id 2 in "+b.DataDir()) {
		t.Errorf("another broker's directory: %s", out)
	}
	meta := filepath.Join(b.DataDir(), "meta.properties")
	own, err := os.ReadFile(meta)
	must(t, err)
	var other []string
	for line := range strings.Lines(string(own)) {
		if strings.HasPrefix(line, "cluster.id=") {
			line = "cluster.id=AAAAAAAAAAAAAAAAAAAAAA\n"
		}
		other = append(other, line)
	}
	must(t, os.WriteFile(meta, []byte(strings.Join(other, "")), 0o644))
	if out := refused(t, append(base, "node.id=1")...); !strings.Contains(out, "Invalid cluster.id in: "+meta) {
		t.Errorf("another cluster's directory: %s", out)
	}
	must(t, os.WriteFile(meta, own, 0o644))
	start(t, b)
	l.verify(b)
}

// TestCleanStop: SIGTERM leaves Kafka's marker, and the next start opens no segment but the last of each partition.
func TestCleanStop(t *testing.T) {
	b := newBroker(t)
	start(t, b)
	createTopic(t, b, "t", partitions, "segment.bytes=100000")
	l := startLoad(t, b, "t")
	l.progress(20_000)
	l.end()
	must(t, b.Stop())
	if _, err := os.Stat(filepath.Join(b.DataDir(), ".kafka_cleanshutdown")); err != nil {
		t.Error(err)
	}
	last := map[string]string{}
	watch, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	defer unix.Close(watch)
	names := map[int32]string{}
	for p := range partitions {
		dir := filepath.Join(b.DataDir(), fmt.Sprintf("t-%d", p))
		files, err := filepath.Glob(filepath.Join(dir, "*.log"))
		must(t, err)
		if len(files) < 5 {
			t.Fatalf("%s has %d segments only", dir, len(files))
		}
		last[dir] = slices.Max(files)
		id, err := unix.InotifyAddWatch(watch, dir, unix.IN_OPEN|unix.IN_ACCESS)
		must(t, err)
		names[int32(id)] = dir
	}
	start(t, b)
	for _, name := range opened(t, watch, names) {
		if dir := filepath.Dir(name); strings.HasSuffix(name, ".log") && name != last[dir] {
			t.Errorf("a start after a clean stop opens %s", name)
		}
	}
	l.verify(b)
	if len(opened(t, watch, names)) == 0 {
		t.Error("this test does not see what is opened")
	}
}

// opened lists the files that were opened or read since the last call.
func opened(t *testing.T, watch int, dirs map[int32]string) (names []string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(watch, buf)
		if err == unix.EAGAIN {
			slices.Sort(names)
			return slices.Compact(names)
		}
		must(t, err)
		for at := 0; at < n; {
			event := buf[at : at+unix.SizeofInotifyEvent]
			length := int(uint32(event[12]) | uint32(event[13])<<8 | uint32(event[14])<<16)
			id := int32(uint32(event[0]) | uint32(event[1])<<8 | uint32(event[2])<<16)
			name := bytes.TrimRight(buf[at+unix.SizeofInotifyEvent:][:length], "\x00")
			names = append(names, filepath.Join(dirs[id], string(name)))
			at += unix.SizeofInotifyEvent + length
		}
	}
}

// TestStopWhileStarting asks for a stop at any moment of a start: the process ends without an error, and the next start finds everything.
func TestStopWhileStarting(t *testing.T) {
	b := newBroker(t)
	start(t, b)
	createTopic(t, b, "t", partitions)
	l := startLoad(t, b, "t")
	l.progress(5000)
	l.end()
	must(t, b.Kill())
	for range 20 {
		must(t, b.Launch())
		<-time.After(time.Duration(rand.IntN(200)) * time.Millisecond)
		err := b.Stop() // an error where the exit code is not 0
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			continue // in the first milliseconds, before anything was begun, the system ends the process
		}
		must(t, err)
	}
	start(t, b)
	l.verify(b)
}
