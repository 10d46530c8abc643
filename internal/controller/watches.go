package controller

import (
	"context"
	"sync"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// treeDelay is how long further changes below /brokers/topics gather after a look at them: a topic's node is changed seldom (partitions added by
// another broker), the states below it often, by this controller itself.
const treeDelay = 50 * time.Millisecond

// watches turn the store's signals into events.
type watches struct {
	open    []coord.Watch
	running sync.WaitGroup
}

func watchStore(ctx context.Context, store coord.Store, post func(event)) (*watches, error) {
	w := &watches{}
	for _, watched := range []struct {
		path  string
		kind  coord.WatchKind
		event event
		delay time.Duration
	}{
		{clusterstore.BrokerIDsPath, coord.WatchTree, brokersChanged{}, 0},
		{clusterstore.TopicsPath, coord.WatchChildren, topicsChanged{}, 0},
		{clusterstore.TopicsPath, coord.WatchTree, topicsChanged{}, treeDelay},
		{clusterstore.DeleteTopicsPath, coord.WatchChildren, deletionsChanged{}, 0},
		{clusterstore.ISRChangePath, coord.WatchChildren, isrsChanged{}, 0},
		{clusterstore.LogDirEventPath, coord.WatchChildren, logDirsFailed{}, 0},
		{clusterstore.ReassignPath, coord.WatchNode, movesWanted{}, 0},
		{clusterstore.PreferredElectionPath, coord.WatchNode, preferredWanted{}, 0},
	} {
		watch, err := store.Watch(watched.path, watched.kind)
		if err != nil {
			w.close()
			return nil, err
		}
		w.open = append(w.open, watch)
		w.running.Go(func() {
			for range watch.C() {
				post(watched.event)
				if watched.delay > 0 {
					sleep(ctx, watched.delay)
				}
			}
		})
	}
	return w, nil
}

func (w *watches) close() {
	for _, watch := range w.open {
		watch.Close()
	}
	w.running.Wait()
}
