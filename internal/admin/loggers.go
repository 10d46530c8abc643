package admin

import (
	"log/slog"
	"slices"
	"strings"
)

// Loggers are the log levels that can be changed at run time: one logger, root, as its levels of Kafka's (log4j's) names.
type Loggers struct{ root *slog.LevelVar }

// NewLoggers serves a level.
func NewLoggers(root *slog.LevelVar) *Loggers { return &Loggers{root: root} }

const rootLogger = "root"

// level is a level with Kafka's name.
type level struct {
	name  string
	level slog.Level
}

// levels from quiet to loud.
func levels() []level {
	return []level{
		{"FATAL", slog.LevelError + 4}, {"ERROR", slog.LevelError}, {"WARN", slog.LevelWarn},
		{"INFO", slog.LevelInfo}, {"DEBUG", slog.LevelDebug}, {"TRACE", slog.LevelDebug - 4},
	}
}

// Levels gives each logger's level by name.
func (l *Loggers) Levels() map[string]string {
	now := l.root.Level()
	for _, v := range levels() {
		if now >= v.level {
			return map[string]string{rootLogger: v.name}
		}
	}
	return map[string]string{rootLogger: "TRACE"}
}

// Change is what IncrementalAlterConfigs asks of a logger.
func (l *Loggers) change(ops []ConfigOp, validateOnly bool) error {
	for _, op := range ops {
		if err := l.changeOne(op, true); err != nil {
			return err
		}
	}
	if validateOnly {
		return nil
	}
	for _, op := range ops {
		if err := l.changeOne(op, false); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loggers) changeOne(op ConfigOp, validateOnly bool) error {
	if op.Op == OpAppend || op.Op == OpSubtract {
		return refuse(InvalidRequest, "%s operation is not allowed for the BROKER_LOGGER resource", op.Op)
	}
	if op.Name != rootLogger {
		return refuse(InvalidConfig, "Logger %s does not exist!", op.Name)
	}
	if op.Op == OpDelete {
		return refuse(InvalidRequest, "Removing the log level of the root logger is not allowed")
	}
	value := ""
	if op.Value != nil {
		value = *op.Value
	}
	at := slices.IndexFunc(levels(), func(v level) bool { return v.name == strings.ToUpper(value) })
	if at < 0 {
		return refuse(InvalidConfig, "Cannot set the log level of %s to %s as it is not a supported log level. "+
			"Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN", op.Name, value)
	}
	if !validateOnly {
		l.root.Set(levels()[at].level)
	}
	return nil
}
