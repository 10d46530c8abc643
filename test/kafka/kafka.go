// Package kafka runs Apache Kafka itself, to compare Milena against: fetched with Maven, started on loopback, stopped by process id.
// It serves test/ and bench/; nothing of the product imports it. It needs a JDK and Maven.
package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
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
)

// The versions that Milena is compared with.
const (
	V4 = "4.3.1" // KRaft
	V3 = "3.9.2" // the last one with ZooKeeper
	V2 = "2.4.1" // the last tools with --zookeeper
)

// Mode is how a Kafka keeps its metadata.
type Mode string

const (
	KRaft     Mode = "kraft"
	ZooKeeper Mode = "zk"
)

// Cluster is one running Kafka broker (and its ZooKeeper), or one of several that Join has made a cluster.
type Cluster struct {
	Version string
	Dir     string // properties, data and logs
	Mode    Mode
	Port    int // the broker's; the controller is on Port+10, ZooKeeper on Port+20
	// HeapOpts are the JVM's heap flags; Kafka's own default where empty.
	HeapOpts string
	// ClusterID is fixed where set (22 characters), else random.
	ClusterID string

	joined            membership
	broker, zookeeper *exec.Cmd
}

func cacheDir() (string, error) {
	if dir := os.Getenv("KAFKA_CACHE"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "apache-kafka"), err
}

// Fetch brings the jars of a version to this machine, once, and returns their class path.
func Fetch(ctx context.Context, version string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, version)
	classPath := filepath.Join(dir, "lib", "*")
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return classPath, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(pom(version)), 0o644); err != nil {
		return "", err
	}
	maven := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib")
	maven.Dir = dir
	if out, err := maven.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Apache Kafka %s with Maven: %w\n%s", version, err, out)
	}
	return classPath, os.WriteFile(done, nil, 0o644)
}

func pom(version string) string {
	scala := "2.13"
	if strings.HasPrefix(version, "2.4.") {
		scala = "2.12"
	}
	var b strings.Builder
	b.WriteString("<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>" +
		"<groupId>oracle</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>")
	for _, artifact := range []string{"kafka_" + scala, "kafka-tools", "kafka-streams", "connect-runtime", "connect-file"} {
		fmt.Fprintf(&b, "<dependency><groupId>org.apache.kafka</groupId><artifactId>%s</artifactId><version>%s</version></dependency>",
			artifact, version)
	}
	b.WriteString("</dependencies></project>")
	return b.String()
}

// Start brings the broker up and returns when it listens. Overrides are "key=value" lines of server.properties.
func (c *Cluster) Start(ctx context.Context, overrides ...string) error {
	classPath, err := Fetch(ctx, c.Version)
	if err != nil {
		return err
	}
	if c.ClusterID == "" {
		c.ClusterID = RandomID()
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	if c.Mode == ZooKeeper {
		if err := c.startZooKeeper(ctx, classPath); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.Properties(), []byte(c.properties(overrides)), 0o644); err != nil {
		return err
	}
	if c.Mode == KRaft {
		if err := c.format(ctx, classPath); err != nil {
			return err
		}
	}
	return c.Launch(ctx)
}

// performanceFlags are those of Kafka's own scripts.
var performanceFlags = []string{"-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
	"-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true"}

// Launch starts the broker process on what Start prepared: again, after Stop or Kill.
func (c *Cluster) Launch(ctx context.Context) error {
	classPath, err := Fetch(ctx, c.Version)
	if err != nil {
		return err
	}
	heap := c.HeapOpts
	if heap == "" {
		heap = "-Xms1G -Xmx1G"
	}
	args := slices.Concat(strings.Fields(heap), performanceFlags, []string{"-cp", classPath, "kafka.Kafka", c.Properties()})
	if c.broker, err = c.spawn("broker.log", args...); err != nil {
		return err
	}
	return c.await(ctx, c.Port, c.broker, "broker.log")
}

// Properties is the path of the broker's server.properties.
func (c *Cluster) Properties() string { return filepath.Join(c.Dir, "server.properties") }

// DataDir is the broker's log directory.
func (c *Cluster) DataDir() string { return filepath.Join(c.Dir, "data") }

// Address is where clients reach the broker.
func (c *Cluster) Address() string { return fmt.Sprintf("127.0.0.1:%d", c.Port) }

// ZooKeeperAddress is where ZooKeeper's clients reach it.
func (c *Cluster) ZooKeeperAddress() string {
	if c.joined.zooKeeper != "" {
		return c.joined.zooKeeper
	}
	return fmt.Sprintf("127.0.0.1:%d", c.Port+20)
}

// PID is the broker's process id.
func (c *Cluster) PID() int { return c.broker.Process.Pid }

func (c *Cluster) properties(overrides []string) string {
	lines := []string{
		"log.dirs=" + c.DataDir(),
		"offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
	}
	if c.Mode == ZooKeeper {
		lines = append(lines, fmt.Sprintf("broker.id=%d", c.node()), "listeners=PLAINTEXT://"+c.Address(), "zookeeper.connect="+c.ZooKeeperAddress())
	} else {
		controller := c.controllerAddress()
		lines = append(lines, "process.roles=broker,controller", fmt.Sprintf("node.id=%d", c.node()), "controller.quorum.bootstrap.servers="+c.quorum(),
			"controller.listener.names=CONTROLLER", "listeners=PLAINTEXT://"+c.Address()+",CONTROLLER://"+controller,
			"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", "inter.broker.listener.name=PLAINTEXT")
	}
	return strings.Join(append(lines, overrides...), "\n") + "\n"
}

func (c *Cluster) format(ctx context.Context, classPath string) error {
	if _, err := os.Stat(filepath.Join(c.DataDir(), "meta.properties")); err == nil {
		return nil
	}
	args := append([]string{"-cp", classPath, "kafka.tools.StorageTool", "format", "-t", c.ClusterID, "-c", c.Properties()}, c.voters()...)
	out, err := exec.CommandContext(ctx, "java", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("format the storage of Apache Kafka %s: %w\n%s", c.Version, err, out)
	}
	return nil
}

func (c *Cluster) startZooKeeper(ctx context.Context, classPath string) error {
	if c.zookeeper != nil || c.joined.zooKeeper != "" {
		return nil
	}
	file := filepath.Join(c.Dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nadmin.enableServer=false\nmaxClientCnxns=0\n",
		filepath.Join(c.Dir, "zookeeper"), c.Port+20)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	var err error
	c.zookeeper, err = c.spawn("zookeeper.log", "-Xmx512M", "-cp", classPath,
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", file)
	if err != nil {
		return err
	}
	return c.await(ctx, c.Port+20, c.zookeeper, "zookeeper.log")
}

func (c *Cluster) spawn(logFile string, args ...string) (*exec.Cmd, error) {
	log, err := os.OpenFile(filepath.Join(c.Dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command("java", args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go cmd.Wait() //nolint:errcheck // reaped here; Stop looks at the process itself
	return cmd, nil
}

func (c *Cluster) await(ctx context.Context, port int, cmd *exec.Cmd, logFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := AwaitPort(ctx, port, func() bool { return alive(cmd) }); err != nil {
		log, _ := os.ReadFile(filepath.Join(c.Dir, logFile))
		if len(log) > 4000 {
			log = log[len(log)-4000:]
		}
		return fmt.Errorf("%w\n%s", err, log)
	}
	return nil
}

// AwaitPort returns when something listens on a loopback port, or with an error when ctx ends or alive is false.
func AwaitPort(ctx context.Context, port int, alive func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return conn.Close()
		}
		if !alive() {
			return fmt.Errorf("the process that should listen on port %d has ended", port)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on port %d: %w", port, ctx.Err())
		case <-tick.C:
		}
	}
}

func alive(cmd *exec.Cmd) bool { return cmd != nil && syscall.Kill(cmd.Process.Pid, 0) == nil }

// StopBroker ends the broker cleanly and leaves ZooKeeper running.
func (c *Cluster) StopBroker() error { return end(c.broker, syscall.SIGTERM) }

// KillBroker ends the broker by SIGKILL.
func (c *Cluster) KillBroker() error { return end(c.broker, syscall.SIGKILL) }

// Stop ends the broker cleanly, and ZooKeeper.
func (c *Cluster) Stop() error {
	return errors.Join(c.StopBroker(), end(c.zookeeper, syscall.SIGTERM))
}

func end(cmd *exec.Cmd, signal syscall.Signal) error {
	if !alive(cmd) {
		return nil
	}
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); alive(cmd); <-tick.C {
		if time.Now().After(deadline) {
			return cmd.Process.Kill()
		}
	}
	return nil
}

// Tool runs one of Kafka's command-line classes and returns its output; an exit code other than 0 is an *exec.ExitError. Its Java virtual machine is
// set up to start fast.
func Tool(ctx context.Context, version string, stdin io.Reader, class string, args ...string) (stdout, stderr string, err error) {
	return runClass(ctx, version, []string{"-Xmx256M", "-XX:TieredStopAtLevel=1"}, stdin, class, args)
}

// PerfTool is Tool for those that measure: with the flags that Kafka's scripts start them with.
func PerfTool(ctx context.Context, version, class string, args ...string) (stdout, stderr string, err error) {
	return runClass(ctx, version, append([]string{"-Xmx512M"}, performanceFlags...), nil, class, args)
}

func runClass(ctx context.Context, version string, flags []string, stdin io.Reader, class string, args []string) (stdout, stderr string, err error) {
	classPath, err := Fetch(ctx, version)
	if err != nil {
		return "", "", err
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(ctx, "java", slices.Concat(flags, []string{"-cp", classPath, class}, args)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// RandomID makes a Kafka uuid: 16 random bytes in base64url, without a leading dash.
func RandomID() string {
	for {
		var id [16]byte
		rand.Read(id[:]) //nolint:errcheck // crypto/rand never fails
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text
		}
	}
}
