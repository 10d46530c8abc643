package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	placing "milena/internal/admin"
)

const rackAdvice = "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information."

// generate proposes where the partitions of topics could be, spread over brokers.
func (r *reassigner) generate(ctx context.Context, text []byte, list string, racks bool) error {
	brokers, err := brokersToReassign(list)
	if err != nil {
		return err
	}
	topics, err := parseTopicsToMove(text)
	if err != nil {
		return err
	}
	current, err := r.assignments(ctx, topics)
	if err != nil {
		return err
	}
	dirs, err := r.directories(ctx, current)
	if err != nil {
		return err
	}
	cluster, err := r.metadata(ctx, "describeCluster", []string{})
	if err != nil {
		return err
	}
	var candidates []placing.Candidate
	for _, b := range cluster.Brokers {
		if slices.Contains(brokers, b.NodeID) {
			candidates = append(candidates, placing.Candidate{ID: b.NodeID, Rack: nullable(b.Rack)})
		}
	}
	proposed, err := propose(current, candidates, racks)
	if err != nil {
		return err
	}
	r.env.printf("Current partition replica assignment\n%s\n\n", formatReassignment(current, dirs))
	r.env.printf("Proposed partition reassignment configuration\n%s\n", formatReassignment(proposed, nil))
	return nil
}

// brokersToReassign reads --broker-list.
func brokersToReassign(list string) ([]int32, error) {
	var brokers []int32
	for _, word := range strings.Split(list, ",") {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("For input string: \"%s\"", word)
		}
		brokers = append(brokers, int32(id))
	}
	if twice := repeated(brokers); len(twice) > 0 {
		return nil, fmt.Errorf("Broker list contains duplicate entries: %s", javaList(twice))
	}
	return brokers, nil
}

// propose spreads each topic over the brokers, with as many replicas as it has.
func propose(current map[topicPartition][]int32, brokers []placing.Candidate, racks bool) (map[topicPartition][]int32, error) {
	slices.SortFunc(brokers, func(a, b placing.Candidate) int { return int(a.ID) - int(b.ID) })
	without := 0
	for i := range brokers {
		if !racks {
			brokers[i].Rack = ""
		}
		if brokers[i].Rack == "" {
			without++
		}
	}
	if racks && without != 0 && without != len(brokers) {
		return nil, errors.New(rackAdvice)
	}
	partitions := map[string]int{}
	factors := map[string]int{}
	for _, tp := range sortedPartitions(current) {
		if partitions[tp.topic]++; partitions[tp.topic] == 1 {
			factors[tp.topic] = len(current[tp])
		}
	}
	proposed := map[topicPartition][]int32{}
	for topic, count := range partitions {
		if factors[topic] > len(brokers) {
			return nil, &tooFewBrokers{factors[topic], len(brokers)}
		}
		for p, a := range placing.Spread(brokers, 0, count, factors[topic], rand.IntN(len(brokers)), rand.IntN(len(brokers))) {
			proposed[topicPartition{topic, int32(p)}] = a.Replicas
		}
	}
	return proposed, nil
}

// tooFewBrokers is a proposal that cannot be made.
type tooFewBrokers struct{ replicas, brokers int }

func (e *tooFewBrokers) Error() string {
	return fmt.Sprintf("The target replication factor of %d cannot be reached because only %d broker(s) are registered or some brokers "+
		"have all their log directories cordoned.", e.replicas, e.brokers)
}
