package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"milena/internal/config"
)

// serverLog is the broker's own log: one line for each event that matters.
type serverLog struct {
	*slog.Logger
	level  *slog.LevelVar
	start  slog.Level // the configured level, to which SIGUSR1 returns
	out    io.Writer
	script bool
	closer io.Closer // the log file, nil for none
}

// newLog writes to standard error; called by a script of Kafka's, to standard output and to LOG_DIR/server.log, as Kafka does.
func (s *server) newLog(env *Env, cfg *config.Broker) *serverLog {
	l := &serverLog{level: &slog.LevelVar{}, out: env.Stderr, script: s.script}
	if s.script {
		l.out = env.Stdout
		if f := openServerLog(logDir(env)); f != nil {
			l.out, l.closer = io.MultiWriter(env.Stdout, f), f
		}
	}
	_ = l.start.UnmarshalText([]byte(cfg.LogLevel)) // the key's validator has seen it
	l.level.Set(l.start)
	options := &slog.HandlerOptions{Level: l.level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey && cfg.LogFormat != "json" {
			return slog.String(slog.TimeKey, a.Value.Time().Format("2006-01-02T15:04:05.000"))
		}
		return a
	}}
	var handler slog.Handler = slog.NewTextHandler(l.out, options)
	if cfg.LogFormat == "json" {
		handler = slog.NewJSONHandler(l.out, options)
	}
	l.Logger = slog.New(handler)
	return l
}

func (l *serverLog) close() {
	if l.closer != nil {
		_ = l.closer.Close()
	}
}

// logDir is where Kafka's scripts write logs: $LOG_DIR, else logs in the home whose bin the script is in.
func logDir(env *Env) string {
	if dir := os.Getenv("LOG_DIR"); dir != "" {
		return dir
	}
	if strings.HasPrefix(env.Program, "milena") {
		return "logs"
	}
	return filepath.Join(filepath.Dir(env.Argv0), "..", "logs")
}

// openServerLog gives nil where the file cannot be written: the broker runs without it.
func openServerLog(dir string) *os.File {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil
	}
	return f
}

// kafkaLine writes one line as Kafka's log4j pattern has it: harnesses wait for some of them.
func (l *serverLog) kafkaLine(format string, args ...any) {
	fmt.Fprintf(l.out, "[%s] INFO %s\n", strings.Replace(time.Now().Format("2006-01-02 15:04:05.000"), ".", ",", 1), fmt.Sprintf(format, args...))
}

func (l *serverLog) kafkaStarted(cfg *config.Broker) {
	if !cfg.KRaft {
		l.kafkaLine("[KafkaServer id=%d] started (kafka.server.KafkaServer)", cfg.BrokerID)
		return
	}
	if !cfg.ControllerOnly {
		l.kafkaLine("[BrokerServer id=%d] Transition from STARTING to STARTED (kafka.server.BrokerServer)", cfg.BrokerID)
	}
	l.kafkaLine("[KafkaRaftServer nodeId=%d] Kafka Server started (kafka.server.KafkaRaftServer)", cfg.BrokerID)
}

func (l *serverLog) kafkaStopped(cfg *config.Broker) {
	switch {
	case !l.script || cfg.ControllerOnly:
	case cfg.KRaft:
		l.kafkaLine("[BrokerServer id=%d] shut down completed (kafka.server.BrokerServer)", cfg.BrokerID)
	default:
		l.kafkaLine("[KafkaServer id=%d] shut down completed (kafka.server.KafkaServer)", cfg.BrokerID)
	}
}

// sameSignal is how close a second signal may follow and still be the first one: some senders (timeout, a shell that ends its process group)
// signal a process twice in one go.
const sameSignal = 100 * time.Millisecond

// untilSignal ends the context at the first SIGTERM or SIGINT and the process at the second; SIGUSR1 switches debug logging.
func (l *serverLog) untilSignal(parent context.Context, exit func(int)) (ctx context.Context, stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	ctx, end := l.obey(parent, signals, exit)
	return ctx, func() { signal.Stop(signals); end() }
}

// obey does what signals ask for, as untilSignal says, until it is stopped.
func (l *serverLog) obey(parent context.Context, signals <-chan os.Signal, exit func(int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				switch {
				case s == syscall.SIGUSR1:
					l.toggleDebug()
				case ctx.Err() == nil:
					l.Info("stopping; a second signal stops at once", "signal", s.String())
					first = time.Now()
					cancel()
				case time.Since(first) < sameSignal:
				default:
					l.Warn("stopped at once: the next start recovers the logs", "signal", s.String())
					exit(128 + int(s.(syscall.Signal)))
				}
			}
		}
	}()
	return ctx, func() { close(done); cancel() }
}

func (l *serverLog) toggleDebug() {
	if l.level.Level() == slog.LevelDebug {
		l.level.Set(max(l.start, slog.LevelInfo))
	} else {
		l.level.Set(slog.LevelDebug)
	}
	l.Info("log level changed", "level", l.level.Level().String())
}
