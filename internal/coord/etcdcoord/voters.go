package etcdcoord

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Voters changes who the members of an embedded store are, through those that live.
type Voters struct {
	client *clientv3.Client
	scheme string
}

// Voter is a member as the cluster knows it.
type Voter struct {
	Member
	// Started tells whether it has ever run; its ID is -1 until then.
	Started bool
	// Learner tells that it does not vote yet: it has not caught up.
	Learner bool
	Leader  bool
	// Err is why it does not answer; nil where it does.
	Err error
	// Applied is how far it has come.
	Applied uint64

	memberID uint64
}

// changeTimeout bounds a change; etcd refuses one for some seconds after members have come and gone.
const (
	changeTimeout = 15 * time.Second
	changeAgain   = 500 * time.Millisecond
	// tryTimeout bounds one try: one that came in while nobody led is never answered.
	tryTimeout = 3 * time.Second
)

// OpenVoters connects to voters, host:port each; secured is nil where their listeners are plain.
func OpenVoters(addresses []string, secured *tls.Config) (*Voters, error) {
	v := &Voters{scheme: "http://"}
	if secured != nil {
		v.scheme = "https://"
	}
	var endpoints []string
	for _, a := range addresses {
		endpoints = append(endpoints, v.scheme+a)
	}
	var err error
	v.client, err = clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: secured, DialTimeout: dialTimeout, Logger: silent()})
	return v, err
}

// Close ends the connections.
func (v *Voters) Close() error { return v.client.Close() }

// List tells the members, as the first one that answers knows them, and how each is.
func (v *Voters) List(ctx context.Context) ([]Voter, error) {
	asking, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	response, err := v.client.MemberList(asking, clientv3.WithSerializable())
	if err != nil {
		return nil, fmt.Errorf("none of the voters at %s answers: %w", strings.Join(v.client.Endpoints(), ", "), err)
	}
	voters := make([]Voter, len(response.Members))
	var asked sync.WaitGroup
	for i, m := range response.Members {
		voters[i] = voterOf(m)
		asked.Go(func() { v.look(ctx, &voters[i]) })
	}
	asked.Wait()
	return voters, nil
}

func voterOf(m *etcdserverpb.Member) Voter {
	v := Voter{Member: Member{ID: -1}, Started: len(m.ClientURLs) > 0, Learner: m.IsLearner, memberID: m.ID}
	if text, ok := strings.CutPrefix(m.Name, memberPrefix); ok {
		if id, err := strconv.ParseInt(text, 10, 32); err == nil {
			v.ID = int32(id)
		}
	}
	if len(m.PeerURLs) > 0 {
		if at, err := url.Parse(m.PeerURLs[0]); err == nil {
			v.Host = at.Hostname()
			v.Port, _ = strconv.Atoi(at.Port())
		}
	}
	return v
}

// look asks one member how it is.
func (v *Voters) look(ctx context.Context, voter *Voter) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := v.client.Status(ctx, v.scheme+voter.address())
	if err != nil {
		voter.Err = err
		if errors.Is(err, context.DeadlineExceeded) {
			voter.Err = errors.New("it does not answer")
		}
		return
	}
	voter.Leader, voter.Applied = status.Leader == voter.memberID, status.RaftAppliedIndex
}

// Add lets a new voter in. It votes when it has started and caught up; so there is one new voter at a time.
func (v *Voters) Add(ctx context.Context, m Member) error {
	return v.change(ctx, func(ctx context.Context) error {
		_, err := v.client.MemberAddAsLearner(ctx, []string{v.scheme + net.JoinHostPort(m.Host, strconv.Itoa(m.Port))})
		return err
	})
}

// Remove takes a voter out, dead or alive. One that lives stops.
func (v *Voters) Remove(ctx context.Context, voter *Voter) error {
	return v.change(ctx, func(ctx context.Context) error {
		_, err := v.client.MemberRemove(ctx, voter.memberID)
		if errors.Is(err, rpctypes.ErrMemberNotFound) {
			return nil // an earlier try, whose answer was lost
		}
		return err
	})
}

func (v *Voters) change(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	for inDoubt := false; ; {
		try, done := context.WithTimeout(ctx, tryTimeout)
		err := do(try)
		done()
		switch {
		case err == nil, inDoubt && errors.Is(err, rpctypes.ErrPeerURLExist):
			return nil
		case errors.Is(err, rpctypes.ErrTooManyLearners):
			return errors.New("another new voter has not caught up yet: start it and wait, or remove it")
		case errors.Is(err, rpctypes.ErrPeerURLExist):
			return errors.New("there is a voter at that address already")
		}
		inDoubt = inDoubt || errors.Is(err, context.DeadlineExceeded)
		select {
		case <-time.After(changeAgain):
		case <-ctx.Done():
			if errors.Is(err, rpctypes.ErrUnhealthy) || errors.Is(err, rpctypes.ErrMemberNotEnoughStarted) {
				return fmt.Errorf("too few of the other voters are up and connected, without them the cluster would stand still: %w", err)
			}
			return fmt.Errorf("the voters do not take the change; a majority of them must be up: %w", err)
		}
	}
}

// Recover makes the member whose files are in a directory the only one of its cluster, when the others are lost for ever: what it has not
// heard of is lost too. No server may run on the directory.
func Recover(ctx context.Context, options EmbeddedOptions) error {
	if !hasData(options.Dir) {
		return fmt.Errorf("etcdcoord: %s holds no data of a voter", options.Dir)
	}
	set, err := settingsOf(options.Prefix, options.Logger, options.RequestTimeout, EmbeddedMaxTxnOps)
	if err != nil {
		return err
	}
	l := &launch{
		dir: options.Dir, force: true, logger: set.logger, end: &giveUp{reason: make(chan error, 1)}, started: make(chan *Embedded, 1),
	}
	e, err := l.run(ctx)
	if err != nil {
		return fmt.Errorf("etcdcoord: embedded etcd in %s: %w", options.Dir, err)
	}
	e.stop()
	return nil
}
