package admin

import (
	"context"
	"errors"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/coord"
	"milena/internal/metadata"
)

// Growth is a topic that is to have more partitions.
type Growth struct {
	Topic string
	Count int32 // partitions afterwards
	// Assignment has the replicas of each new partition; nil: spread over the brokers.
	Assignment [][]int32
}

// CreatePartitions grows topics, and waits until the new partitions have leaders or the time is over. Errors are at the indexes.
func (a *Admin) CreatePartitions(ctx context.Context, topics []Growth, timeoutMs int32, validateOnly bool) []error {
	errs := make([]error, len(topics))
	var waiting []int
	for i := range topics {
		errs[i] = a.grow(ctx, &topics[i], validateOnly)
		if errs[i] == nil && !validateOnly {
			waiting = append(waiting, i)
		}
	}
	if len(waiting) == 0 {
		return errs
	}
	a.await(ctx, timeoutMs, func(image *metadata.Image) bool {
		waiting = slices.DeleteFunc(waiting, func(i int) bool { return image.HasLeaders(topics[i].Topic, int(topics[i].Count)) })
		return len(waiting) == 0
	})
	for _, i := range waiting {
		errs[i] = &Refusal{Reason: TimedOut}
	}
	return errs
}

// grow writes one topic's new assignment, again if another wrote meanwhile.
func (a *Admin) grow(ctx context.Context, g *Growth, validateOnly bool) error {
	for {
		t, err := a.Store.Topic(ctx, g.Topic)
		if errors.Is(err, coord.ErrNoNode) || ValidateTopicName(g.Topic) != nil {
			return &Refusal{Reason: UnknownTopic}
		}
		if err != nil {
			return err
		}
		added, err := a.newPartitions(t, g)
		if err != nil {
			return err
		}
		if deleting, err := a.Store.TopicDeletions(ctx); err != nil || slices.Contains(deleting, g.Topic) {
			return errors.Join(err, &Refusal{Reason: UnknownTopic})
		}
		if validateOnly {
			return nil
		}
		t.Partitions = append(t.Partitions, added...)
		err = a.Store.GrowTopic(ctx, t)
		if !errors.Is(err, coord.ErrBadVersion) && !errors.Is(err, coord.ErrNoNode) {
			return err
		}
	}
}

// newPartitions validates a growth and places the new partitions.
func (a *Admin) newPartitions(t *clusterstore.Topic, g *Growth) ([]clusterstore.Assignment, error) {
	now := len(t.Partitions)
	for _, p := range t.Partitions {
		if p.Moving() {
			return nil, refuse(ReassignmentInProgress, "A partition reassignment is in progress for the topic %s.", t.Name)
		}
	}
	switch {
	case now == 0:
		return nil, refuse(InvalidAssignment, "The topic %s has no partitions.", t.Name)
	case int(g.Count) == now:
		return nil, refuse(InvalidPartitions, "Topic already has %d partition(s).", now)
	case int(g.Count) < now:
		return nil, refuse(InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", t.Name, now, g.Count)
	case g.Count > MaxPartitionsPerTopic:
		return nil, refuse(InvalidPartitions, "Number of partitions must not be larger than %d.", MaxPartitionsPerTopic)
	}
	image, additional := a.Metadata.Image(), int(g.Count)-now
	replicas := len(t.Partitions[0].Replicas)
	if g.Assignment != nil {
		if len(g.Assignment) != additional {
			return nil, refuse(InvalidAssignment, "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
				additional, len(g.Assignment))
		}
		if err := checkManual(image, g.Assignment, replicas); err != nil {
			return nil, err
		}
		added := make([]clusterstore.Assignment, additional)
		for n := range added {
			added[n].Replicas = g.Assignment[n]
		}
		return added, nil
	}
	brokers := candidates(image)
	if replicas > len(brokers) {
		return nil, tooFewBrokers(replicas, len(brokers))
	}
	// The new leaders go on where the old ones began.
	start := slices.IndexFunc(rackOrder(brokers), func(c Candidate) bool { return c.ID == t.Partitions[0].Replicas[0] })
	return Spread(brokers, now, additional, replicas, max(0, start), max(0, start)), nil
}
