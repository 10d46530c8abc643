// Package zookeeper runs Apache ZooKeeper itself, single or as an ensemble, out of the jars that Apache Kafka brings along: for the tests of
// the store over ZooKeeper, which have the build tag "oracle". Servers are fetched with Maven, listen on loopback, and are stopped, frozen and
// killed by process id. It needs a JDK and Maven; nothing of the product imports it.
package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"milena/test/kafka"
)

// TickMs is the servers' tickTime: sessions have at least two of them.
const TickMs = 500

// Server is one server with a directory of its own, which outlives its process.
type Server struct {
	Version string // of the Kafka whose ZooKeeper it is, kafka.V3 where empty
	Dir     string
	Port    int    // its clients'
	Host    string // 127.0.0.1 where empty
	// Members are the addresses for an ensemble's clients; each member has two more ports, 100 and 200 above. Empty for a single server.
	Members []string
	// Lines are added to the server's configuration, Flags to the JVM's.
	Lines, Flags []string
	// In runs the process in another place: the command and arguments that come before its own. Dial then reaches it.
	In   []string
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	cmd *exec.Cmd
}

// Address is where clients reach it.
func (s *Server) Address() string { return fmt.Sprintf("%s:%d", s.host(), s.Port) }

func (s *Server) host() string { return cmp.Or(s.Host, "127.0.0.1") }

// Launch starts the process.
func (s *Server) Launch(ctx context.Context) error {
	version := s.Version
	if version == "" {
		version = kafka.V3
	}
	classPath, err := kafka.Fetch(ctx, version)
	if err != nil {
		return err
	}
	data := filepath.Join(s.Dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	lines := append([]string{
		fmt.Sprintf("tickTime=%d", TickMs), "initLimit=20", "syncLimit=10", "maxSessionTimeout=60000", "maxClientCnxns=0",
		"dataDir=" + data, fmt.Sprintf("clientPort=%d", s.Port), "clientPortAddress=" + s.host(), "admin.enableServer=false",
		"4lw.commands.whitelist=srvr",
	}, s.Lines...)
	for i, member := range s.Members {
		host, text, _ := strings.Cut(member, ":")
		port, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("server.%d=%s:%d:%d", i+1, host, port+100, port+200))
		if member == s.Address() {
			if err := os.WriteFile(filepath.Join(data, "myid"), fmt.Appendln(nil, i+1), 0o644); err != nil {
				return err
			}
		}
	}
	file := filepath.Join(s.Dir, "zoo.cfg")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "zookeeper.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own descriptor
	args := append([]string{"-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no"}, s.Flags...)
	command := slices.Concat(s.In, []string{"java"}, args, []string{"-cp", classPath, "org.apache.zookeeper.server.quorum.QuorumPeerMain", file})
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return s.cmd.Start()
}

// Start launches the process and returns when it serves.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Launch(ctx); err != nil {
		return err
	}
	return s.Await(ctx)
}

// Await returns when the server serves: with an ensemble, when it has a leader.
func (s *Server) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.Mode() == "" {
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.Dir, "zookeeper.log"))
			return fmt.Errorf("ZooKeeper on port %d does not serve: %w\n%s", s.Port, ctx.Err(), log[max(0, len(log)-4000):])
		case <-tick.C:
		}
	}
	return nil
}

// Mode is what the server is: standalone, leader or follower; empty where it does not serve.
func (s *Server) Mode() string {
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := dial(ctx, "tcp", s.Address())
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("srvr")); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(conn)
	_, mode, _ := strings.Cut(string(answer), "Mode: ")
	mode, _, _ = strings.Cut(mode, "\n")
	return mode
}

// Stop ends the server cleanly, Kill by SIGKILL; both wait for its end.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the server by SIGKILL.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

func (s *Server) end(signal syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(signal); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) { // a JVM ends with a code of its own after a signal
		return err
	}
	return nil
}

// Freeze stops the process where it is, Thaw lets it go on.
func (s *Server) Freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Ensemble is three servers, on ports next to each other.
type Ensemble [3]*Server

// NewEnsemble describes an ensemble whose servers are not started yet.
func NewEnsemble(dir string, port int, lines ...string) *Ensemble {
	e := &Ensemble{}
	var members []string
	for i := range e {
		e[i] = &Server{Dir: filepath.Join(dir, fmt.Sprint(i+1)), Port: port + i, Lines: lines}
		members = append(members, e[i].Address())
	}
	for _, s := range e {
		s.Members = members
	}
	return e
}

// Start starts all servers, and returns when each of them serves.
func (e *Ensemble) Start(ctx context.Context) error {
	for _, s := range e {
		if err := s.Launch(ctx); err != nil {
			return err
		}
	}
	for _, s := range e {
		if err := s.Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all servers.
func (e *Ensemble) Stop() error {
	var all error
	for _, s := range e {
		all = errors.Join(all, s.Kill())
	}
	return all
}

// Connect is the connect string.
func (e *Ensemble) Connect() string {
	return e[0].Address() + "," + e[1].Address() + "," + e[2].Address()
}

// Leader is the server that leads, nil where none does.
func (e *Ensemble) Leader() *Server {
	for _, s := range e {
		if s.Mode() == "leader" {
			return s
		}
	}
	return nil
}
