package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Consume reads a topic from the start over one connection.
type Consume struct {
	Topic      string
	Partitions int32
	TotalBytes int64
}

// Consumed is what was read.
type Consumed struct {
	Bytes int64
	Took  time.Duration
}

// Run reads until TotalBytes have come, again from the start where the end is reached.
func (l Consume) Run(address string) (Consumed, error) {
	c, err := Dial(address)
	if err != nil {
		return Consumed{}, err
	}
	defer c.Close()
	offsets := make([]int64, l.Partitions)
	start := time.Now()
	var total int64
	for total < l.TotalBytes {
		if _, err := c.Write(c.format.AppendRequest(nil, l.request(offsets), 0)); err != nil {
			return Consumed{}, err
		}
		body, err := c.readFrame()
		if err != nil {
			return Consumed{}, err
		}
		resp := kmsg.NewPtrFetchResponse()
		resp.SetVersion(12)
		if err := resp.ReadFrom(body[5:]); err != nil {
			return Consumed{}, err
		}
		n, err := advance(resp, offsets)
		if err != nil {
			return Consumed{}, err
		}
		if n == 0 {
			clear(offsets)
		}
		total += int64(n)
	}
	return Consumed{Bytes: total, Took: time.Since(start)}, nil
}

func (l Consume) request(offsets []int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 100, 1, 50<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = l.Topic
	for i, offset := range offsets {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = int32(i), offset, 1<<20, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

func advance(resp *kmsg.FetchResponse, offsets []int64) (int, error) {
	n := 0
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return 0, fmt.Errorf("fetch: error code %d", p.ErrorCode)
			}
			n += len(p.RecordBatches)
			_, offsets[p.Partition] = WholeBatches(p.RecordBatches, offsets[p.Partition])
		}
	}
	return n, nil
}

// WholeBatches cuts off the batch at the end that is not whole, and tells the offset after the last whole one (offset where there is none).
func WholeBatches(b []byte, offset int64) (whole []byte, next int64) {
	n := 0
	for len(b)-n >= 61 {
		size := 12 + int(binary.BigEndian.Uint32(b[n+8:]))
		if size > len(b)-n {
			break
		}
		offset = int64(binary.BigEndian.Uint64(b[n:])) + int64(binary.BigEndian.Uint32(b[n+23:])) + 1
		n += size
	}
	return b[:n], offset
}

// ConsumeFloor asks the floor program for bytes and throws them away.
func ConsumeFloor(address string, totalBytes int64) (Consumed, error) {
	c, err := Dial(address)
	if err != nil {
		return Consumed{}, err
	}
	defer c.Close()
	start := time.Now()
	var total int64
	for total < totalBytes {
		if _, err := c.Write([]byte{0, 0, 0, 4, 'r', 'e', 'a', 'd'}); err != nil {
			return Consumed{}, err
		}
		body, err := c.readFrame()
		if err != nil && !errors.Is(err, io.EOF) {
			return Consumed{}, err
		}
		total += int64(len(body))
	}
	return Consumed{Bytes: total, Took: time.Since(start)}, nil
}
