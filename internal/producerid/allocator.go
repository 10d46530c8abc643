// Package producerid gives out producer ids from blocks that the cluster's store hands to this broker. It imports nothing of Milena.
package producerid

import "context"

// Allocator gives each id once. An id is lost, never given twice, where the broker stops in the middle of a block.
type Allocator struct {
	// block takes the next block from the store.
	block func(ctx context.Context) (first int64, count int32, err error)

	turn      chan struct{} // guards what follows; held while a block is fetched: whoever needs an id then needs that block
	next, end int64
}

// New makes an allocator without a block; the first id fetches one.
func New(block func(ctx context.Context) (first int64, count int32, err error)) *Allocator {
	return &Allocator{block: block, turn: make(chan struct{}, 1)}
}

// Next is a new producer id; the error is the store's, or that of ctx, which bounds the wait for others that fetch a block too.
func (a *Allocator) Next(ctx context.Context) (int64, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return -1, ctx.Err()
	}
	if a.next == a.end {
		first, count, err := a.block(ctx)
		if err != nil {
			return -1, err
		}
		a.next, a.end = first, first+int64(count)
	}
	id := a.next
	a.next++
	return id, nil
}
