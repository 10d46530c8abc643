package etcdcoord

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
)

// A member whose directory is empty must not act as if it had been there all along: what it promised is lost with its disk, and raft counts
// on such promises. So it looks for its place first. Members say at /members who is in their cluster, and whether each has ever been there
// (then it has told a client's address); one that waits itself says so (waitingVoter).

const (
	askTimeout = 2 * time.Second
	askAgain   = 50 * time.Millisecond
	askSlowest = time.Second
	// maxAnswer bounds what another member may answer.
	maxAnswer = 1 << 20
)

// Waiting is told after waitingAfter, then each waitingEvery, and when something is new about it.
const (
	waitingAfter = 2 * time.Second
	waitingEvery = 30 * time.Second
)

// waitingVoter is what a member says before its server runs.
type waitingVoter struct {
	Voter int32    `json:"voter"`
	URLs  []string `json:"voters"`
}

// remoteMember is a member as another one knows it.
type remoteMember struct {
	ID         uint64   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
	IsLearner  bool     `json:"isLearner"`
}

func (m *remoteMember) isAt(address string) bool { return slices.Contains(m.PeerURLs, address) }

// hasBeenThere tells whether the member ever ran.
func (m *remoteMember) hasBeenThere() bool { return len(m.ClientURLs) > 0 }

// standing is what one of the other voters answers: members where its server runs, waiting where it waits, or an error.
type standing struct {
	voter   *Member
	members []remoteMember
	waiting *waitingVoter
	err     error
}

// asker asks other members who they are.
type asker struct {
	quorum *Quorum
	client *http.Client
	logger *slog.Logger
	begun  time.Time
	next   time.Time // when the wait is told again
	told   string    // what was told last
}

func newAsker(q *Quorum, logger *slog.Logger) *asker {
	transport := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: askTimeout}
	if q.TLS != nil {
		transport.TLSClientConfig = q.TLS.Client
	}
	now := time.Now()
	return &asker{
		quorum: q, client: &http.Client{Transport: transport, Timeout: askTimeout}, logger: logger, begun: now, next: now.Add(waitingAfter),
	}
}

// others asks all other voters at the same time.
func (a *asker) others(ctx context.Context) []standing {
	var all []standing
	for i := range a.quorum.Members {
		if m := &a.quorum.Members[i]; m != a.quorum.self() {
			all = append(all, standing{voter: m})
		}
	}
	var asked sync.WaitGroup
	for i := range all {
		asked.Go(func() { a.ask(ctx, &all[i]) })
	}
	asked.Wait()
	return all
}

func (a *asker) ask(ctx context.Context, s *standing) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.quorum.url(s.voter)+"/members", nil)
	if err != nil {
		s.err = err
		return
	}
	response, err := a.client.Do(request)
	if err != nil {
		s.err = reasonOf(err)
		return
	}
	defer response.Body.Close()
	body := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	switch response.StatusCode {
	case http.StatusOK:
		s.err = body.Decode(&s.members)
	case http.StatusServiceUnavailable:
		s.err = body.Decode(&s.waiting)
	default:
		s.err = errors.New("it is no voter: " + response.Status)
	}
}

// reasonOf leaves out which request failed: the voter is named beside it.
func reasonOf(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it does not answer")
	}
	return err
}

// findPlace waits until it is known what a member with an empty directory is to be: a founder of a new cluster (nil), or one that joins the
// cluster of the members it returns. A new cluster is founded when a majority of the voters wait with empty directories: of those, no former
// cluster can have kept anything.
func (a *asker) findPlace(ctx context.Context) ([]remoteMember, error) {
	pause := askAgain
	for {
		all := a.others(ctx)
		members, founds, why := a.judge(all)
		if members != nil || founds {
			return members, nil
		}
		a.tell(why, all)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, askSlowest)
	}
}

// judge tells from the answers which of it is so; where nothing is known yet, why says what is waited for.
func (a *asker) judge(all []standing) (join []remoteMember, found bool, why string) {
	q := a.quorum
	own, urls := q.url(q.self()), slices.Sorted(slices.Values(q.urls()))
	alike, barred := 1, false
	for _, s := range all {
		switch {
		case s.members != nil:
			i := slices.IndexFunc(s.members, func(m remoteMember) bool { return m.isAt(own) })
			barred = true
			switch {
			case i < 0:
				why = fmt.Sprintf("to be let into the cluster of voter %d, which does not have it at %s: milena voters add %s", s.voter.ID, own, q.self())
			case s.members[i].hasBeenThere():
				why = fmt.Sprintf("to be replaced: the cluster knows this voter, but the directory here is empty: milena voters replace %d", q.Self)
			case isFounding(s.members, urls):
				return nil, true, ""
			default:
				return s.members, false, ""
			}
		case s.waiting != nil && slices.Equal(slices.Sorted(slices.Values(s.waiting.URLs)), urls):
			alike++
		}
	}
	if !barred {
		why = a.majority()
	}
	return nil, !barred && alike > len(q.Members)/2, why
}

// majority is what a voter waits for, if nothing else.
func (a *asker) majority() string {
	voters := len(a.quorum.Members)
	return fmt.Sprintf("a majority of the voters: %d of %d", voters/2+1, voters)
}

// isFounding tells whether a cluster's members are still those that founded it, at the addresses that are configured here: their ids are
// derived from addresses alone then.
func isFounding(members []remoteMember, urls []string) bool {
	var at []string
	for _, m := range members {
		peers, err := types.NewURLs(m.PeerURLs)
		if err != nil || membership.NewMember("", peers, embed.NewConfig().InitialClusterToken, nil).ID != types.ID(m.ID) {
			return false
		}
		at = append(at, m.PeerURLs...)
	}
	slices.Sort(at)
	return slices.Equal(at, urls)
}

// tell says what is waited for, who answers and who does not; more than once only now and then, or when it has changed.
func (a *asker) tell(what string, all []standing) {
	now := time.Now()
	if now.Before(a.begun.Add(waitingAfter)) {
		return
	}
	var answering, missing, differing []string
	for _, s := range all {
		switch {
		case s.err != nil:
			missing = append(missing, fmt.Sprintf("%s (%v)", s.voter, s.err))
			continue
		case a.quorum.self() == nil: // a client need not know all of them
		case s.waiting != nil && !sameURLs(s.waiting.URLs, a.quorum.urls()):
			differing = append(differing, fmt.Sprintf("%s names %s", s.voter, strings.Join(s.waiting.URLs, ",")))
		case s.waiting != nil && s.voter.ID >= 0 && s.waiting.Voter != s.voter.ID:
			differing = append(differing, fmt.Sprintf("%s says that it is voter %d", s.voter, s.waiting.Voter))
		}
		answering = append(answering, s.voter.String())
	}
	state := fmt.Sprint(what, answering, missing, differing)
	if state == a.told && now.Before(a.next) {
		return
	}
	a.told, a.next = state, now.Add(waitingEvery)
	attrs := []any{
		"for", what, "answering", cmp.Or(strings.Join(answering, ", "), "none"),
		"missing", cmp.Or(strings.Join(missing, ", "), "none"), "since", now.Sub(a.begun).Round(time.Second),
	}
	if len(differing) > 0 {
		a.logger.Warn("waiting: controller.quorum.voters must be the same on all voters, but it is not",
			append(attrs, "differing", strings.Join(differing, "; "), "here", strings.Join(a.quorum.urls(), ","))...)
		return
	}
	a.logger.Info("waiting for the other voters", attrs...)
}

func sameURLs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
