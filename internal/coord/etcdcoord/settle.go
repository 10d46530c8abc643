package etcdcoord

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
)

// settleAgain is waited after a change of the membership was refused: for want of a leader, or because a new member has not caught up yet.
const settleAgain = 500 * time.Millisecond

// settle brings the membership in line with what this voter knows of itself: where it has moved, the others are told the address; where it
// has joined, it votes as soon as it has caught up. Where the members are others than those configured, that is said.
func (e *Embedded) settle(q *Quorum) {
	own := q.url(q.self())
	e.persist("tell the other voters this one's address", func() (done bool, err error) {
		m := e.member()
		if m == nil || slices.Equal(m.PeerURLs, []string{own}) {
			return true, nil
		}
		moved := membership.Member{ID: m.ID, RaftAttributes: membership.RaftAttributes{PeerURLs: []string{own}, IsLearner: m.IsLearner}}
		_, err = e.etcd.Server.UpdateMember(e.run, moved)
		return false, err
	})
	e.persist("become a voter", func() (done bool, err error) {
		m := e.member()
		if m == nil || !m.IsLearner {
			return true, nil
		}
		if _, err = e.etcd.Server.PromoteMember(e.run, uint64(m.ID)); err == nil {
			e.logger.Info("this voter has caught up with the others, and votes from now on", "voter", q.Self)
		}
		return false, err
	})
	e.compare(q)
}

// member is this server's, as it knows it itself; nil once it has been removed.
func (e *Embedded) member() *membership.Member {
	return e.etcd.Server.Cluster().Member(e.etcd.Server.MemberID())
}

// persist repeats a step until it is done or the store is closed.
func (e *Embedded) persist(what string, step func() (done bool, err error)) {
	for told := false; e.run.Err() == nil; {
		done, err := step()
		if done {
			return
		}
		if err != nil && !told {
			e.logger.Debug("cannot "+what+" yet", "reason", err)
			told = true
		}
		select {
		case <-time.After(settleAgain):
		case <-e.run.Done():
		}
	}
}

// compare says where the configured voters are not the members.
func (e *Embedded) compare(q *Quorum) {
	var at, missing, unknown []string
	for _, m := range e.etcd.Server.Cluster().Members() {
		at = append(at, m.PeerURLs...)
		if !slices.ContainsFunc(m.PeerURLs, func(u string) bool { return slices.Contains(q.urls(), u) }) {
			unknown = append(unknown, describe(m))
		}
	}
	for i := range q.Members {
		if m := &q.Members[i]; !slices.Contains(at, q.url(m)) {
			missing = append(missing, m.String())
		}
	}
	if len(missing)+len(unknown) == 0 {
		return
	}
	e.logger.Warn("controller.quorum.voters differs from the cluster's voters: bring it in line, or change them (milena voters)",
		"configuredOnly", strings.Join(missing, ", "), "clusterOnly", strings.Join(unknown, ", "))
}

// describe is ID@host:port for a member; its address alone while it has no name yet.
func describe(m *membership.Member) string {
	urls, err := types.NewURLs(m.PeerURLs)
	if err != nil || len(urls) == 0 {
		return m.ID.String()
	}
	if id, ok := strings.CutPrefix(m.Name, memberPrefix); ok {
		return fmt.Sprintf("%s@%s", id, urls[0].Host)
	}
	return urls[0].Host
}
