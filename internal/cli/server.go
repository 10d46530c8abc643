package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/netio"
	"milena/internal/vfs"

	"golang.org/x/net/netutil"
)

const serverExamples = `
milena server                                     a broker on localhost:9092, data in ./milena-data
milena server config/server.properties
milena server --override log.dirs=/var/milena --override num.partitions=3
milena server -daemon config/server.properties    in the background; it writes to logs/kafkaServer.out`

// server is one `milena server` or kafka-server-start.sh.
type server struct {
	file      string
	overrides []string
	daemon    bool
	script    bool // called by a script of Kafka's: say what Kafka says
	began     time.Time
	exit      func(code int) // ends the process at once
}

// runServer runs a broker until a signal or a failure ends it.
func runServer(ctx context.Context, env *Env, args []string) error {
	s := &server{began: time.Now(), script: !strings.HasPrefix(env.Program, "milena"), exit: os.Exit}
	if err := s.parse(env, args); err != nil {
		return err
	}
	if s.daemon {
		return s.detach(env)
	}
	cfg, warnings, err := config.Load(s.file, s.overrides)
	if err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	log := s.newLog(env, cfg)
	defer log.close()
	for _, w := range warnings {
		log.Warn(w)
	}
	allowSyncs()
	ctx, stop := log.untilSignal(ctx, s.exit)
	defer stop()
	scrapes, err := listenForScrapes(ctx, cfg)
	if err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	b, err := broker.Start(ctx, broker.Options{Config: cfg, Logger: log.Logger, LogLevel: log.level, Net: network(cfg), FS: vfs.OS{}})
	if err != nil {
		if ctx.Err() != nil { // asked for; whatever the start broke off with, nothing runs and nothing was promised
			log.Info("stopped while starting", "cause", err)
			return nil
		}
		return Exitf(1, "%s: %v", env.Program, err)
	}
	cfg = b.Config() // the id may be the one that the data directories know
	s.announce(env, log, cfg, b)
	go (&memoryAtRest{giveBack: collectTwice}).run(ctx)
	if scrapes != nil {
		go func() {
			if err := b.Metrics().Serve(ctx, scrapes); err != nil {
				log.Error("metrics are no longer served", "address", cfg.MetricsListen, "error", err)
			}
		}()
	}
	select {
	case <-ctx.Done():
	case err = <-b.Failed():
		log.Error("the broker cannot go on", "error", err)
	}
	if stopped := b.Stop(context.Background()); err == nil {
		err = stopped
	}
	if err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	log.kafkaStopped(cfg)
	return nil
}

// network is TCP with the socket buffers that the configuration names; Kafka's defaults (100 KiB) leave them to the system, which grows
// them: on long paths for the sake of throughput, and within a machine a sender that is woken less often costs a third less.
func network(cfg *config.Broker) netio.Net {
	t := netio.TCP{}
	const kafkaDefault = 102400
	if cfg.SocketSendBuffer != kafkaDefault {
		t.SendBufferBytes = cfg.SocketSendBuffer
	}
	if cfg.SocketReceiveBuffer != kafkaDefault {
		t.ReceiveBufferBytes = cfg.SocketReceiveBuffer
	}
	return t
}

// listenForScrapes takes the address of milena.metrics.listen before the broker starts, so that a bad one stops it; nil where none is set.
func listenForScrapes(ctx context.Context, cfg *config.Broker) (net.Listener, error) {
	if cfg.MetricsListen == "" {
		return nil, nil
	}
	l, err := netio.TCP{}.Listen(ctx, cfg.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("milena.metrics.listen=%s: %w", cfg.MetricsListen, err)
	}
	return netutil.LimitListener(l, mostScrapers), nil
}

// mostScrapers may be connected to milena.metrics.listen at once; others wait.
const mostScrapers = 16

// parse reads [-daemon] [FILE] [--override KEY=VALUE]… and our own --log-format and --log-level. What kafka-run-class.sh gives the
// JVM (-name X, -loggc, -D…, -X…) is passed over.
func (s *server) parse(env *Env, args []string) error {
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		next := func() (string, error) {
			if inline {
				return value, nil
			}
			if i++; i >= len(args) {
				return "", s.usage(env, "Option "+strings.TrimLeft(name, "-")+" requires an argument")
			}
			return args[i], nil
		}
		var err error
		switch {
		case name == "-daemon" || name == "--daemon":
			s.daemon = true
		case name == "--override":
			if value, err = next(); err == nil {
				s.overrides = append(s.overrides, value)
			}
		case name == "--log-format" || name == "--log-level":
			if value, err = next(); err == nil {
				s.overrides = append(s.overrides, "milena.log."+strings.TrimPrefix(name, "--log-")+"="+value)
			}
		case name == "--version":
			return runVersion(context.Background(), env, nil)
		case name == "--help" || name == "-help" || name == "-h":
			s.printUsage(env, env.Stdout)
			return Exit(0)
		case name == "-name":
			_, err = next()
		case name == "-loggc" || strings.HasPrefix(name, "-D") || strings.HasPrefix(name, "-X"):
		case strings.HasPrefix(name, "-"):
			return s.usage(env, strings.TrimLeft(name, "-")+" is not a recognized option")
		case s.file == "":
			s.file = args[i]
		default:
			return s.usage(env, "Found non argument parameters: "+args[i])
		}
		if err != nil {
			return err
		}
	}
	if s.script && s.file == "" {
		return s.usage(env, "")
	}
	return nil
}

func (s *server) usage(env *Env, message string) error {
	if message != "" {
		env.errorf("%s\n", message)
	}
	s.printUsage(env, env.Stderr)
	return Exit(1)
}

func (s *server) printUsage(env *Env, w io.Writer) {
	if s.script {
		fmt.Fprintf(w, "USAGE: %s [-daemon] server.properties [--override property=value]*\n", env.Argv0)
		return
	}
	fmt.Fprintf(w, "Usage: milena server [-daemon] [FILE] [--override KEY=VALUE]… [--log-format auto|text|json] [--log-level debug|info|warn|error]\n\n"+
		"Runs a broker with the configuration in FILE (Kafka's server.properties); without FILE on localhost:9092, data in ./milena-data.\n"+
		"SIGTERM or SIGINT stops it cleanly, a second one at once; SIGUSR1 switches debug logging on and off.\n")
	if env.Tool != nil {
		env.printHelp(w)
	}
}

// announce says what a user wants to know of a broker that has just started, and what Kafka says then where its script was called.
func (s *server) announce(env *Env, log *serverLog, cfg *config.Broker, b *broker.Broker) {
	if s.script {
		log.kafkaStarted(cfg)
		return
	}
	env.printf("Milena is ready after %.2f s.\n", time.Since(s.began).Seconds())
	if cfg.ControllerOnly {
		at := cfg.ControllerEndpoints[0].Name
		env.printf("  listens     %s://%s, for brokers and the other controllers\n", at, b.Addr(at))
		env.printf("  data        %s\n", cfg.LogDirs[0])
		return
	}
	var listens []string
	first := ""
	for _, l := range cfg.Listeners {
		addr := b.Addr(l.Name)
		if listens = append(listens, l.Name+"://"+addr); first == "" {
			first = reachable(l.Host, addr)
		}
	}
	env.printf("  listens     %s\n", strings.Join(listens, ", "))
	env.printf("  data        %s\n", strings.Join(cfg.LogDirs, ", "))
	env.printf("  durability  %s\n", durability(cfg))
	if cfg.MetricsListen != "" {
		env.printf("  metrics     http://%s/metrics\n", cfg.MetricsListen)
	}
	env.printf("  try         %s topics --bootstrap-server %s --create --topic greetings\n", programName(env.Argv0), first)
}

// reachable is an address of a listener that a client on this machine can use.
func reachable(host, addr string) string {
	i := strings.LastIndexByte(addr, ':')
	switch host {
	case "", "0.0.0.0", "::", "localhost":
		return "localhost" + addr[max(i, 0):]
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + addr[max(i, 0):]
}

// programName is how the user called us, so that the next command works as printed.
func programName(argv0 string) string {
	switch {
	case strings.Contains(argv0, "/go-build"):
		return "go run ./cmd/milena"
	case argv0 == "":
		return "milena"
	}
	return argv0
}

// durability says in one line what an acknowledgement promises.
func durability(cfg *config.Broker) string {
	topic, err := config.TopicOf(cfg, nil)
	const never = 1<<63 - 1
	switch {
	case err != nil:
		return err.Error()
	case topic.FlushMessages == 1:
		return "every batch is synced to disk before it is acknowledged (log.flush.interval.messages=1)"
	case topic.FlushMessages != never || topic.FlushMs != never:
		parts := []string{}
		if topic.FlushMessages != never {
			parts = append(parts, fmt.Sprintf("%d messages", topic.FlushMessages))
		}
		if topic.FlushMs != never {
			parts = append(parts, fmt.Sprintf("%d ms", topic.FlushMs))
		}
		return "page cache, synced to disk every " + strings.Join(parts, " or ")
	}
	return "page cache, as Kafka: survives a crash of the process, not of the machine (log.flush.interval.messages=1 syncs every batch)"
}
