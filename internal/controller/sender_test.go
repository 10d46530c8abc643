package controller

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"milena/internal/clusterstore"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// deafLink takes requests and answers those alone that it may.
type deafLink struct {
	answers bool
	got     []int16
}

func (l *deafLink) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	l.got = append(l.got, req.Key())
	if l.answers {
		return req.ResponseKind(), nil
	}
	<-ctx.Done()
	return nil, errors.New("nobody answers")
}

func (l *deafLink) Close() {}

// TestChangedRegistrationLosesNothing: what a broker was to be told is sent to its new address, the request under way among it; a change of
// something else leaves the connection as it is; another registration begins with nothing.
func TestChangedRegistrationLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		links := map[string]*deafLink{"old:1": {}, "new:1": {answers: true}, "third:1": {answers: true}}
		dialled := map[string]int{}
		s := &senders{ctx: ctx, listener: "L", log: slog.New(slog.DiscardHandler), brokers: map[int32]*sender{}, dial: func(address string) Link {
			dialled[address]++
			return links[address]
		}}
		at := func(host string, epoch int64) *clusterstore.Broker {
			return &clusterstore.Broker{ID: 7, Epoch: epoch, Endpoints: []clusterstore.Endpoint{{Listener: "L", Host: host, Port: 1}}}
		}
		answers := 0
		answered := func(kmsg.Response) { answers++ }
		s.open(at("old", 1))
		s.send(7, kmsg.NewPtrUpdateMetadataRequest(), answered)
		s.send(7, kmsg.NewPtrLeaderAndISRRequest(), answered)
		synctest.Wait()
		s.open(at("old", 1))
		synctest.Wait()
		if answers != 0 || dialled["old:1"] != 1 {
			t.Errorf("%d answers, dialled %v", answers, dialled)
		}
		s.open(at("new", 1))
		synctest.Wait()
		if got := links["new:1"].got; answers != 2 || len(got) != 2 || got[0] != 6 || got[1] != 4 {
			t.Errorf("%d answers, sent to the new address: %v", answers, got)
		}
		s.open(at("old", 1))
		s.send(7, kmsg.NewPtrUpdateMetadataRequest(), answered)
		synctest.Wait()
		s.open(at("third", 2))
		synctest.Wait()
		if got := links["third:1"].got; answers != 2 || len(got) != 0 {
			t.Errorf("%d answers, sent to another life: %v", answers, got)
		}
		cancel()
		s.closeAll()
	})
}
