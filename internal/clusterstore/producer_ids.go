package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"milena/internal/coord"
)

// ProducerIDBlock is a block of producer ids given to one broker.
type ProducerIDBlock struct {
	BrokerID int32
	First    int64
	Count    int32
}

// ProducerIDBlockSize is how many producer ids a block holds.
const ProducerIDBlockSize = 1000

// /latest_producer_id_block: {"version":1,"broker":1,"block_start":"0","block_end":"999"}
type producerIDBlockJSON struct {
	Version int         `json:"version"`
	Broker  int32       `json:"broker"`
	Start   flexibleInt `json:"block_start"`
	End     flexibleInt `json:"block_end"`
}

// ErrProducerIDsExhausted tells that all 2^63 producer ids have been given out.
var ErrProducerIDsExhausted = errors.New("clusterstore: no producer ids are left")

// AllocateProducerIDs gives the broker the next block, by compare-and-set.
func (s *Store) AllocateProducerIDs(ctx context.Context, brokerID int32) (ProducerIDBlock, error) {
	for {
		node, err := s.coord.Get(ctx, ProducerIDBlockPath)
		if err != nil {
			return ProducerIDBlock{}, fmt.Errorf("clusterstore: allocating producer ids: %w", err)
		}
		first, err := nextProducerID(node.Data)
		if err != nil {
			return ProducerIDBlock{}, err
		}
		body := encode(producerIDBlockJSON{
			Version: 1, Broker: brokerID, Start: flexibleInt(first), End: flexibleInt(first + ProducerIDBlockSize - 1),
		})
		_, err = s.coord.Set(ctx, ProducerIDBlockPath, body, node.Stat.Version)
		if errors.Is(err, coord.ErrBadVersion) {
			continue
		}
		if err != nil {
			// A block may be lost; ids are never given twice.
			return ProducerIDBlock{}, fmt.Errorf("clusterstore: allocating producer ids: %w", err)
		}
		return ProducerIDBlock{BrokerID: brokerID, First: first, Count: ProducerIDBlockSize}, nil
	}
}

func nextProducerID(data []byte) (int64, error) {
	if len(data) == 0 {
		return 0, nil
	}
	var last producerIDBlockJSON
	if err := decode(ProducerIDBlockPath, data, &last); err != nil {
		return 0, err
	}
	if last.End < last.Start || last.Start < 0 {
		return 0, corrupt(ProducerIDBlockPath, fmt.Sprintf("block from %d to %d", last.Start, last.End))
	}
	if last.End > math.MaxInt64-ProducerIDBlockSize {
		return 0, ErrProducerIDsExhausted
	}
	return int64(last.End) + 1, nil
}
