package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Commit is a load of offset commits, each of all partitions of a topic, by groups that have no members.
type Commit struct {
	Topic       string
	Partitions  int32
	Groups      int
	Commits     int // in total; each group has its turn
	Connections int
	InFlight    int // of each connection
}

// Committed is what a load of commits came to.
type Committed struct {
	Commits int
	Took    time.Duration
}

// GroupName is the name of one of the groups.
func GroupName(i int) string { return fmt.Sprintf("group-%d", i) }

// Run commits until all is acknowledged.
func (l Commit) Run(address string) (Committed, error) {
	errs := make([]error, l.Connections)
	var wait sync.WaitGroup
	start := time.Now()
	for i := range l.Connections {
		wait.Go(func() { errs[i] = l.runOne(address, i) })
	}
	wait.Wait()
	return Committed{l.Commits / l.Connections * l.Connections, time.Since(start)}, errors.Join(errs...)
}

func (l Commit) frame(format *kmsg.RequestFormatter, group int) []byte {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(8)
	req.Group = GroupName(group)
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = l.Topic
	for p := range l.Partitions {
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset = p, int64(group)
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	return format.AppendRequest(nil, req, 0)
}

// runOne is the load of one connection: the groups with its number, modulo the connections.
func (l Commit) runOne(address string, number int) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	var frames [][]byte
	for group := number; group < l.Groups; group += l.Connections {
		frames = append(frames, l.frame(c.format, group))
	}
	count := l.Commits / l.Connections
	window, sent := make(chan struct{}, l.InFlight), make(chan error, 1)
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
	resp := kmsg.NewPtrOffsetCommitResponse()
	for i := range count {
		body, err := c.readFrame()
		if err != nil {
			return err
		}
		resp.SetVersion(8)
		if err := resp.ReadFrom(body[5:]); err != nil {
			return err
		}
		if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 || binary.BigEndian.Uint32(body) != uint32(i) {
			return fmt.Errorf("commit: error code %d in reply %d where %d was due", code, binary.BigEndian.Uint32(body), i)
		}
		<-window
	}
	return <-sent
}

// AwaitOffsets waits until the broker serves the offsets of all groups, loaded or not long ago created.
func AwaitOffsets(address string, groups int) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	next := 0
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); <-tick.C {
		for ; next < groups; next++ {
			if served, err := c.serves(GroupName(next)); err != nil {
				return err
			} else if !served {
				break
			}
		}
		if next == groups {
			return nil
		}
	}
	return fmt.Errorf("the offsets of %s are not served after five minutes", GroupName(next))
}

// serves tells whether the broker coordinates a group and has loaded its partition; that it does not yet is no error.
func (c *Conn) serves(group string) (bool, error) {
	const loading, unavailable, elsewhere = 14, 15, 16
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.SetVersion(2)
	find.CoordinatorKey = group
	resp, err := c.Do(find)
	if err != nil || resp.(*kmsg.FindCoordinatorResponse).ErrorCode != 0 {
		return false, err
	}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.SetVersion(5)
	fetch.Group = group
	fetch.Topics = []kmsg.OffsetFetchRequestTopic{}
	if resp, err = c.Do(fetch); err != nil {
		return false, err
	}
	switch code := resp.(*kmsg.OffsetFetchResponse).ErrorCode; code {
	case 0:
		return true, nil
	case loading, unavailable, elsewhere:
		return false, nil
	default:
		return false, fmt.Errorf("fetch of the offsets of %s: error code %d", group, code)
	}
}
