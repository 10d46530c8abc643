package producerid

import (
	"context"
	"errors"
	"testing"
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
