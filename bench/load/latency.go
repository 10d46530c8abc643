package load

import (
	"encoding/binary"
	"slices"
	"time"
)

// Latency is a paced load: one record a request, sent on time whether the last was answered or not.
type Latency struct {
	Topic       string
	RecordBytes int
	PerSecond   int
	For         time.Duration
}

// Acked is the time from a send to its acknowledgement.
type Acked struct {
	P50, P99 time.Duration
	Took     time.Duration
}

// Run sends at the pace and measures each acknowledgement.
func (l Latency) Run(address string) (Acked, error) {
	c, err := Dial(address)
	if err != nil {
		return Acked{}, err
	}
	defer c.Close()
	p := Produce{Topic: l.Topic, Partitions: 1, RecordBytes: l.RecordBytes, BatchBytes: l.RecordBytes}
	frames, _ := p.frames()
	count := int(l.For.Seconds() * float64(l.PerSecond))
	gap := time.Second / time.Duration(l.PerSecond)
	start := time.Now()
	begun := make([]time.Time, count) // each is set before its request is sent, and read after its reply came
	sent := make(chan error, 1)
	go func() {
		for i := range count {
			// A sender that comes late because it was held up counts from when it was due; one that slept too long does not.
			begun[i] = start.Add(time.Duration(i) * gap)
			if early := time.Until(begun[i]); early > 0 {
				time.Sleep(early)
				begun[i] = time.Now()
			}
			binary.BigEndian.PutUint32(frames[0][8:], uint32(i))
			if _, err := c.Write(frames[0]); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	times := make([]time.Duration, 0, count)
	for i := range count {
		body, err := c.readFrame()
		if err != nil {
			return Acked{}, err
		}
		times = append(times, time.Since(begun[i]))
		if err := p.check(body, uint32(i)); err != nil {
			return Acked{}, err
		}
	}
	slices.Sort(times)
	return Acked{P50: times[count/2], P99: times[count*99/100], Took: time.Since(start)}, <-sent
}
