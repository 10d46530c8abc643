package etcdcoord

import (
	"context"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"

	"milena/internal/netio"
)

// A member that leads and falls silent is missed after an election's time. Where its process is gone the others know at once, and one of them
// stands for election without that wait, as if the leader had handed over to it. Who is wrong about that (something on the way refuses in the
// leader's name) takes the lead from a member that lives, which costs as much as any election, and once: it leads then itself.

// standApart is what those who may stand for election leave between them, in the order of their ids, so that they do not split the votes.
const standApart = 150 * time.Millisecond

// succeed stands for election whenever the leader's process is gone, until the store is closed.
func (e *Embedded) succeed() {
	for e.run.Err() == nil {
		changed := e.etcd.Server.LeaderChangedNotify()
		ctx, cancel := context.WithCancel(e.run)
		go func() {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			cancel()
		}()
		e.awaitSuccession(ctx, e.etcd.Server.Leader())
		<-ctx.Done()
	}
}

// awaitSuccession stands for election when the process of the member that leads now is gone, unless another leads before.
func (e *Embedded) awaitSuccession(ctx context.Context, leader types.ID) {
	own := e.etcd.Server.MemberID()
	address, turn := e.leaderAndTurn(leader)
	if address == "" || turn < 0 || !netio.AwaitDeath(ctx, netio.TCP{}.Dial, address) {
		return
	}
	select {
	case <-time.After(time.Duration(turn) * standApart):
	case <-ctx.Done():
		return
	}
	e.logger.Info("the process of the voter that leads is gone, standing for election", "address", address)
	if err := e.etcd.Server.Process(ctx, &raftpb.Message{
		Type: raftpb.MsgTimeoutNow.Enum(), From: new(uint64(leader)), To: new(uint64(own)),
	}); err != nil {
		e.logger.Debug("cannot stand for election", "error", err)
	}
}

// leaderAndTurn is where the leader is reached, "" where that is not known, and how many other voters stand for election before this one; -1: it is
// not this one's to do so.
func (e *Embedded) leaderAndTurn(leader types.ID) (address string, turn int) {
	var others []types.ID
	for _, m := range e.etcd.Server.Cluster().Members() {
		switch {
		case m.IsLearner:
		case m.ID != leader:
			others = append(others, m.ID)
		default:
			if urls, err := types.NewURLs(m.PeerURLs); err == nil {
				address = urls[0].Host
			}
		}
	}
	slices.Sort(others)
	return address, slices.Index(others, e.etcd.Server.MemberID())
}
