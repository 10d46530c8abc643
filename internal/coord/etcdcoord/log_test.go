package etcdcoord

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"milena/internal/coord"

	"go.uber.org/zap"
)

// TestQuietStart: at the default level, neither start nor stop of the embedded etcd is worth a line.
func TestQuietStart(t *testing.T) {
	var out bytes.Buffer
	e, err := StartEmbedded(t.Context(), EmbeddedOptions{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&out, nil))})
	must(t, err)
	_, err = e.Create(t.Context(), coord.Create{Path: "/n"})
	must(t, err)
	must(t, e.Close())
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "slow") && !strings.Contains(line, "too long") { // which a busy machine may be
			t.Errorf("logged: %s", line)
		}
	}
}

func TestLevels(t *testing.T) {
	var out bytes.Buffer
	logger := zapLogger(slog.New(slog.NewTextHandler(&out, nil)), slog.LevelInfo).With(zap.String("member", "m1"))
	logger.Info("hidden")
	logger.Warn("a warning", zap.Int("n", 3))
	logger.Error("an error", zap.Error(errors.New("why")))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `level=INFO msg="a warning" component=etcd member=m1 n=3`) ||
		!strings.Contains(lines[1], `level=ERROR msg="an error" component=etcd member=m1 error=why`) {
		t.Errorf("logged:\n%s", out.String())
	}
}
