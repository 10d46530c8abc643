package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapLogger hands etcd's log lines to slog. etcd is talkative: its information is our debugging, and its warnings are worth
// what the caller says.
func zapLogger(logger *slog.Logger, warnings slog.Leveler, options ...zap.Option) *zap.Logger {
	handler := logger.Handler().WithAttrs([]slog.Attr{slog.String("component", "etcd")})
	return zap.New(slogCore{handler: handler, warnings: warnings}, options...)
}

// silent is for clients whose errors say all that there is to say.
func silent() *zap.Logger { return zap.NewNop() }

// giveUp is what happens where etcd logs that it cannot go on, its files being damaged or its disk broken. While the server
// starts, the goroutine ends and the reason goes to StartEmbedded, which makes it an error. Later the process ends, with
// the reason as its panic: a store that cannot keep what it says must not go on.
type giveUp struct {
	starting atomic.Bool
	reason   chan error // has room for one
}

func (g *giveUp) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	var b strings.Builder
	b.WriteString(entry.Message)
	for _, attr := range attributes(fields) {
		fmt.Fprintf(&b, ", %s", attr)
	}
	if !g.starting.Load() {
		panic("etcd: " + b.String())
	}
	g.tell(errors.New(b.String()))
	runtime.Goexit()
}

func (g *giveUp) tell(reason error) {
	select {
	case g.reason <- reason:
	default: // the first is the one
	}
}

type slogCore struct {
	handler  slog.Handler
	warnings slog.Leveler
}

func (c slogCore) level(level zapcore.Level) slog.Level {
	switch {
	case level <= zapcore.InfoLevel:
		return slog.LevelDebug
	case level == zapcore.WarnLevel:
		return c.warnings.Level()
	}
	return slog.LevelError
}

func (c slogCore) Enabled(level zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), c.level(level))
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{handler: c.handler.WithAttrs(attributes(fields)), warnings: c.warnings}
}

// isHarmless knows what a new server says when it looks at its storage version before the first changes are on disk. It
// looks again.
func isHarmless(message string) bool {
	return message == "Failed to detect schema version" || message == "failed to update storage version"
}

// isRepeated knows what a member says every few seconds of another one that is down. That it is, it says once besides.
func isRepeated(message string) bool {
	return message == "prober detected unhealthy status" || message == "failed to reach the peer URL" || message == "failed to get version"
}

func (c slogCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if isHarmless(entry.Message) {
		return checked
	}
	if isRepeated(entry.Message) {
		entry.Level = zapcore.DebugLevel
	}
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c slogCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(entry.Time, c.level(entry.Level), entry.Message, 0)
	record.AddAttrs(attributes(fields)...)
	return c.handler.Handle(context.Background(), record)
}

func (slogCore) Sync() error { return nil }

func attributes(fields []zapcore.Field) []slog.Attr {
	encoded := zapcore.NewMapObjectEncoder()
	attrs := make([]slog.Attr, 0, len(fields))
	for _, field := range fields {
		field.AddTo(encoded)
		if v, ok := encoded.Fields[field.Key]; ok {
			attrs = append(attrs, slog.Any(field.Key, v))
		}
	}
	return attrs
}
