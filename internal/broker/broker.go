// Package broker joins the rooms to a running broker: configuration and environment in, running parts out, started from the bottom up and
// stopped from the top down. Only this package knows all others.
package broker

import (
	"context"
	"log/slog"

	"milena/internal/config"
	"milena/internal/netio"
	"milena/internal/vfs"
)

// Options is what a broker needs from outside.
type Options struct {
	Config *config.Broker
	Logger *slog.Logger
	Net    netio.Net
	FS     vfs.FS
}

// Broker is a running broker.
type Broker struct{}

// Start brings a broker up; when it returns, every listener answers.
func Start(ctx context.Context, o Options) (*Broker, error) { panic("unwritten") }

// Stop shuts down cleanly: controlled shutdown, answers out, logs flushed, checkpoints and the clean-shutdown marker written.
// When ctx ends before that, it stops at once.
func (b *Broker) Stop(ctx context.Context) error { panic("unwritten") }

// Addr is the address that a listener is bound to, "host:port"; "" where there is no such listener.
func (b *Broker) Addr(listener string) string { panic("unwritten") }

// Failed gets the error that made the broker unable to go on (all log directories offline, for example).
func (b *Broker) Failed() <-chan error { panic("unwritten") }
