package admin

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/metadata"
)

// Options is what an Admin needs. All fields but the last two must be set.
type Options struct {
	Store    *clusterstore.Store
	Metadata *metadata.Cache
	Config   *config.Live
	Logger   *slog.Logger
	// NewID draws a topic's id.
	NewID func() [16]byte
	// Random draws from 0 to n-1 where the first replica of a topic goes; nil: at random.
	Random func(n int) int
	// Loggers are the levels that AlterConfigs may change; nil: none.
	Loggers *Loggers
}

// Admin changes topics and configurations.
type Admin struct {
	Options

	mu       sync.Mutex // guards creating
	creating map[string]bool
	running  sync.WaitGroup
	ctx      context.Context
	stop     context.CancelFunc
}

// New makes an Admin. It starts nothing.
func New(o Options) *Admin {
	if o.Random == nil {
		o.Random = rand.IntN
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Admin{Options: o, creating: map[string]bool{}, ctx: ctx, stop: stop}
}

// Close ends what waits and what runs in the background.
func (a *Admin) Close() {
	a.stop()
	a.running.Wait()
}

// Go runs an operation on a goroutine of its own, so that a connection need not wait; ctx ends when Close is called or cancel.
func (a *Admin) Go(f func(ctx context.Context)) (cancel func()) {
	ctx, cancel := context.WithCancel(a.ctx)
	a.running.Go(func() {
		defer cancel()
		f(ctx)
	})
	return cancel
}

// await waits until the metadata satisfies done, or the time is over (false).
func (a *Admin) await(ctx context.Context, timeoutMs int32, done func(*metadata.Image) bool) bool {
	return a.awaitEither(ctx, timeoutMs, nil, func(image *metadata.Image) bool { return done(image) })
}

// awaitEither looks again at each change of the metadata and each signal.
func (a *Admin) awaitEither(ctx context.Context, timeoutMs int32, signal <-chan struct{}, done func(*metadata.Image) bool) bool {
	over := time.NewTimer(time.Duration(max(0, timeoutMs)) * time.Millisecond)
	defer over.Stop()
	for {
		changed := a.Metadata.Changed()
		if done(a.Metadata.Image()) {
			return true
		}
		select {
		case <-changed:
		case _, open := <-signal:
			if !open {
				signal = nil
			}
		case <-over.C:
			return done(a.Metadata.Image())
		case <-ctx.Done():
			return false
		}
	}
}

// gone tells whether the store has no such topic any more.
func (a *Admin) gone(ctx context.Context, topic string) bool {
	_, err := a.Store.Topic(ctx, topic)
	return errors.Is(err, coord.ErrNoNode)
}
