package broker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"milena/internal/api"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestClientsWaitUntilTheBrokerHasJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var handled []int16
		handle := func(c *api.Call, _ kmsg.Request) { handled = append(handled, c.Header.Key) }
		table := func() []api.Row {
			return []api.Row{{Key: int16(kmsg.Metadata), Handle: handle}, {Key: int16(kmsg.UpdateMetadata), Handle: handle}}
		}
		ask := func(row api.Row) (dropped error) {
			call := &api.Call{Drop: func(err error) { dropped = err }}
			call.Header.Key = row.Key
			go row.Handle(call, nil)
			synctest.Wait()
			return dropped
		}
		g := newGate(ctx)
		rows := g.guard(table())
		ask(rows[0])
		ask(rows[1])
		if len(handled) != 1 || handled[0] != int16(kmsg.UpdateMetadata) {
			t.Fatalf("before it joined it handled %v", handled)
		}
		g.open()
		synctest.Wait()
		ask(rows[0])
		if len(handled) != 3 || handled[1] != int16(kmsg.Metadata) || handled[2] != int16(kmsg.Metadata) {
			t.Fatalf("then it handled %v", handled)
		}

		rows = newGate(ctx).guard(table())
		var dropped error
		call := &api.Call{Drop: func(err error) { dropped = err }}
		go rows[0].Handle(call, nil)
		stop()
		synctest.Wait()
		if !errors.Is(dropped, errNotJoined) {
			t.Fatalf("a broker that stopped before it joined said %v", dropped)
		}
	})
}

// TestRequestsOfAConnectionKeepTheirOrderAtTheGate: a producer that was waiting sends several batches in a row.
func TestRequestsOfAConnectionKeepTheirOrderAtTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t.Context())
		var mu sync.Mutex
		var handled []int32
		rows := g.guard([]api.Row{{Key: int16(kmsg.Produce), Handle: func(c *api.Call, _ kmsg.Request) {
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, c.Header.CorrelationID)
		}}})
		const requests = 100
		go func() { // as a connection does
			for i := range int32(requests) {
				call := &api.Call{}
				call.Header.Key, call.Header.CorrelationID = rows[0].Key, i
				rows[0].Handle(call, nil)
			}
		}()
		synctest.Wait()
		g.open()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(handled) != requests || !slices.IsSorted(handled) {
			t.Errorf("handled in the order %v", handled)
		}
	})
}
