package admin

import (
	"context"
	"errors"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/coord"
	"milena/internal/metadata"
)

// DeleteTopics requests the deletion of topics, and waits until they are gone from the metadata and the store, so that they can be made
// again, or until the time is over. Errors are at the topics' indexes.
func (a *Admin) DeleteTopics(ctx context.Context, topics []string, timeoutMs int32) []error {
	errs := make([]error, len(topics))
	var waiting []int
	signal := make(chan struct{}, 1)
	for i, name := range topics {
		if a.Metadata.Image().Topics[name] == nil {
			if _, err := a.Store.Topic(ctx, name); errors.Is(err, coord.ErrNoNode) || ValidateTopicName(name) != nil {
				errs[i] = refuse(UnknownTopic, "This server does not host this topic-partition.")
				continue
			}
		}
		watch, err := a.Store.Coord().Watch(clusterstore.TopicPath(name), coord.WatchNode)
		if err != nil {
			errs[i] = err
			continue
		}
		defer watch.Close()
		a.running.Go(func() { forward(watch, signal) })
		if errs[i] = a.Store.RequestTopicDeletion(ctx, name); errs[i] == nil {
			waiting = append(waiting, i)
		}
	}
	a.awaitEither(ctx, timeoutMs, signal, func(image *metadata.Image) bool {
		waiting = slices.DeleteFunc(waiting, func(i int) bool {
			return image.Topics[topics[i]] == nil && a.gone(ctx, topics[i])
		})
		return len(waiting) == 0
	})
	for _, i := range waiting {
		errs[i] = &Refusal{Reason: TimedOut}
	}
	return errs
}

// forward passes a watch's signals on until it is closed.
func forward(watch coord.Watch, signal chan<- struct{}) {
	for range watch.C() {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}
