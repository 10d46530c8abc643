package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Produce is a produce load.
type Produce struct {
	Topic       string
	Partitions  int32
	RecordBytes int // size of a record's value
	BatchBytes  int // size of a batch, about
	TotalBytes  int64
	InFlight    int  // of each connection
	Connections int  // 0: one
	Keyed       bool // each record of a batch has a key, the same in each batch
	// Some are the partitions to write to, where those are not all.
	Some []int32
	// Floor: the other side is the floor program, whose replies say nothing.
	Floor bool
}

// Produced is what a produce load came to.
type Produced struct {
	Bytes   int64
	Records int64
	Took    time.Duration
}

// frames makes one finished request for each partition.
func (p Produce) frames() (frames [][]byte, records int) {
	batch, records := buildBatch(p.RecordBytes, p.BatchBytes, p.Keyed)
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
	some := p.Some
	for i := range p.Partitions {
		if p.Some == nil {
			some = append(some, i)
		}
	}
	for _, i := range some {
		req := kmsg.NewPtrProduceRequest()
		req.SetVersion(9)
		req.Acks, req.TimeoutMillis = -1, 30_000
		t := kmsg.NewProduceRequestTopic()
		t.Topic = p.Topic
		part := kmsg.NewProduceRequestTopicPartition()
		part.Partition, part.Records = i, batch
		t.Partitions = append(t.Partitions, part)
		req.Topics = append(req.Topics, t)
		frames = append(frames, format.AppendRequest(nil, req, 0))
	}
	return frames, records
}

// Run connects and sends until TotalBytes are acknowledged.
func (p Produce) Run(address string) (Produced, error) {
	n := max(1, p.Connections)
	conns := make([]*Conn, 0, n)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range n {
		c, err := p.connect(address)
		if err != nil {
			return Produced{}, err
		}
		conns = append(conns, c)
	}
	p.TotalBytes /= int64(n)
	all, errs := make([]Produced, n), make([]error, n)
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range conns {
		wait.Go(func() { all[i], errs[i] = p.runOne(c) })
	}
	wait.Wait()
	total := Produced{Took: time.Since(start)}
	for _, one := range all {
		total.Bytes += one.Bytes
		total.Records += one.Records
	}
	return total, errors.Join(errs...)
}

// connect gives a connection that was accepted: many at once are more than Kafka's listen backlog (50) takes.
func (p Produce) connect(address string) (*Conn, error) {
	c, err := Dial(address)
	if err != nil || p.Floor {
		return c, err
	}
	if _, err := c.metadata(p.Topic); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// runOne is the load of one connection.
func (p Produce) runOne(c *Conn) (Produced, error) {
	frames, records := p.frames()
	count := max(1, int(p.TotalBytes/int64(len(frames[0]))))
	window := make(chan struct{}, p.InFlight)
	sent := make(chan error, 1)
	go func() {
		for i := range count {
			window <- struct{}{}
			frame := frames[i%len(frames)]
			binary.BigEndian.PutUint32(frame[8:], uint32(i))
			if _, err := c.Write(frame); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range count {
		body, err := c.readFrame()
		if err != nil {
			return Produced{}, err
		}
		if err := p.check(body, uint32(i)); err != nil {
			return Produced{}, err
		}
		<-window
	}
	return Produced{Bytes: int64(count) * int64(len(frames[0])), Records: int64(count) * int64(records)}, <-sent
}

func (p Produce) check(body []byte, id uint32) error {
	if p.Floor {
		return nil
	}
	if got := binary.BigEndian.Uint32(body); got != id {
		return fmt.Errorf("reply %d where %d was due", got, id)
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(9)
	if err := resp.ReadFrom(body[5:]); err != nil {
		return err
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return fmt.Errorf("produce: error code %d", code)
	}
	return nil
}

// buildBatch makes one uncompressed v2 batch of random values, about batchBytes long.
func buildBatch(recordBytes, batchBytes int, keyed bool) ([]byte, int) {
	random := rand.NewChaCha8([32]byte{1})
	var records []byte
	n := 0
	for n == 0 || len(records)+recordBytes+96 <= batchBytes {
		value := make([]byte, recordBytes)
		random.Read(value) //nolint:errcheck // never fails
		r := kmsg.NewRecord()
		r.OffsetDelta, r.Value = int32(n), value
		if keyed {
			r.Key = fmt.Append(nil, n)
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // all but the length itself, which is one byte while 0
		records = r.AppendTo(records)
		n++
	}
	b := kmsg.NewRecordBatch()
	b.Magic, b.PartitionLeaderEpoch = 2, -1
	b.FirstTimestamp = time.Now().UnixMilli()
	b.MaxTimestamp = b.FirstTimestamp
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = -1, -1, -1
	b.LastOffsetDelta, b.NumRecords = int32(n-1), int32(n)
	b.Records = records
	b.Length = int32(49 + len(records))
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw, n
}
