package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

// launch is the start of a server.
type launch struct {
	dir     string
	quorum  *Quorum
	cluster []remoteMember // to be joined; nil for a new cluster, or one that is in the files
	front   *front         // nil without a quorum
	asker   *asker         // nil without a quorum
	force   bool           // leave all other members out (Recover)
	logger  *slog.Logger
	end     *giveUp
	started chan *Embedded
}

// startServer waits until the server is ready, for as long as that takes. When ctx ends before, the server is closed as soon as it can be, so
// that nothing of it uses the directory any more. Where it gives up, what it has begun is left behind: the caller is about to end the process.
func startServer(ctx context.Context, dir string, quorum *Quorum, logger *slog.Logger) (e *Embedded, err error) {
	l := &launch{dir: dir, quorum: quorum, logger: logger, end: &giveUp{reason: make(chan error, 1)}, started: make(chan *Embedded, 1)}
	if quorum != nil {
		l.front, l.asker = openFront(quorum, logger), newAsker(quorum, logger)
		defer func() {
			if err != nil {
				l.front.close()
			}
		}()
		if quorum.self() == nil {
			return nil, fmt.Errorf("voter %d is not among the voters", quorum.Self)
		}
		if len(quorum.Members) > 1 && !hasData(dir) {
			if l.cluster, err = l.asker.findPlace(ctx); err != nil {
				return nil, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.run(ctx)
}

// hasData tells whether a server has run in the directory before.
func hasData(dir string) bool { return wal.Exist(walDir(dir)) }

func (l *launch) run(ctx context.Context) (*Embedded, error) {
	l.end.starting.Store(true)
	warnings := new(slog.LevelVar)
	warnings.Set(slog.LevelDebug) // at the start they are about settings, which are ours, not the user's
	config, err := embeddedConfig(l.dir, l.quorum, l.cluster, zapLogger(l.logger, warnings, zap.WithFatalHook(l.end), zap.WithPanicHook(l.end)))
	if err != nil {
		return nil, err
	}
	config.ForceNewCluster = l.force
	go l.serve(config)
	if l.asker != nil {
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go l.asker.watch(watching)
	}
	select {
	case e := <-l.started:
		l.end.starting.Store(false)
		warnings.Set(slog.LevelInfo) // of a slow disk, mostly
		return e, nil
	case err := <-l.end.reason:
		return nil, err
	case <-ctx.Done():
		return nil, l.giveUp(ctx)
	}
}

// serve starts the server, lets the others in, and waits until it is ready.
func (l *launch) serve(config *embed.Config) {
	defer func() {
		if reason := recover(); reason != nil { // of a damaged log it makes nothing better
			l.end.tell(fmt.Errorf("its files are damaged: %v", reason))
		}
	}()
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		l.end.tell(err)
		return
	}
	if l.front != nil {
		l.front.serve(etcd)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		l.started <- &Embedded{etcd: etcd, front: l.front, others: l.asker}
	case <-etcd.Server.StopNotify():
		l.end.tell(whyStopped(etcd, l.asker))
	}
}

// watch says while it lasts that a majority is waited for.
func (a *asker) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(waitingAfter):
		}
		all := a.others(ctx)
		if ctx.Err() == nil {
			a.tell(a.majority(), all)
		}
	}
}

// abandonAfter bounds how long a start that is no longer wanted is waited for; a disk that hangs may never let it end.
const abandonAfter = 10 * time.Second

// giveUp closes a server that comes up all the same.
func (l *launch) giveUp(ctx context.Context) error {
	patience := time.NewTimer(abandonAfter)
	defer patience.Stop()
	select {
	case e := <-l.started:
		e.stop()
	case <-l.end.reason:
	case <-patience.C:
	}
	return ctx.Err()
}

// ErrRemoved ends a server whose member was taken out of the cluster, or replaced: what its directory holds is of no use any more.
var ErrRemoved = errors.New("this voter was removed from the cluster, or replaced: move its directory away to have it join anew")

// errStopped ends a server for a reason that is in its log.
var errStopped = errors.New("the server has stopped: its disk failed or is full")

// whyStopped says why a server has stopped by itself. A member that missed its removal learns of it from the others.
func whyStopped(etcd *embed.Etcd, others *asker) error {
	own := etcd.Server.MemberID()
	if etcd.Server.IsIDRemoved(uint64(own)) {
		return ErrRemoved
	}
	if others == nil {
		return errStopped
	}
	for _, s := range others.others(context.Background()) {
		if s.members != nil && !slices.ContainsFunc(s.members, func(m remoteMember) bool { return m.ID == uint64(own) }) {
			return ErrRemoved
		}
	}
	return errStopped
}
