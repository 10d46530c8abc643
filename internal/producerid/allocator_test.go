package producerid

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestIDsComeFromBlocksAndNoneTwice(t *testing.T) {
	blocks := []int64{5000, 9000}
	down := errors.New("store is down")
	a := New(func(context.Context) (int64, int32, error) {
		if len(blocks) == 0 {
			return 0, 0, down
		}
		first := blocks[0]
		blocks = blocks[1:]
		return first, 2, nil
	})
	for _, want := range []int64{5000, 5001, 9000, 9001} {
		if got, err := a.Next(t.Context()); got != want || err != nil {
			t.Fatalf("got %d, %v; want %d", got, err, want)
		}
	}
	if _, err := a.Next(t.Context()); !errors.Is(err, down) {
		t.Fatalf("got %v, want the store's error", err)
	}
	blocks = []int64{20}
	if got, err := a.Next(t.Context()); got != 20 || err != nil {
		t.Fatalf("got %d, %v after the store came back", got, err)
	}
}

// TestWaitIsBounded: who waits for the block that another fetches gives up with its own context, and a frozen store does not keep it.
func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(func(ctx context.Context) (int64, int32, error) {
			<-ctx.Done()
			return 0, 0, ctx.Err()
		})
		patient, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var done sync.WaitGroup
		done.Go(func() { _, _ = a.Next(patient) })
		synctest.Wait()
		hasty, cancelHasty := context.WithTimeout(t.Context(), time.Second)
		defer cancelHasty()
		began := time.Now()
		if _, err := a.Next(hasty); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		done.Wait()
	})
}
