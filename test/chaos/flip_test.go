//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// flipped is the partition whose replicas are damaged.
const flipped = 0

// TestFlippedBit flips single bits in the files of replicas while the cluster is used. Nobody takes the damage for something good: not who reads
// it, not another replica. The damaged one is made anew out of the others.
func TestFlippedBit(t *testing.T) {
	s := startStory(startCluster(t, false))
	first := s.leader(flipped)
	damaged, other := (first+1)%copies, (first+2)%copies

	// In what is long written. Nobody notices while it follows; when it leads, those who read there do.
	s.awaitBytes(damaged, 100_000)
	s.flip(damaged, 0, 50_000)
	s.reads("")
	s.lead(damaged)
	s.reads("crc")
	s.goesOn("a damaged replica leads")

	// A follower that begins anew does not take it over, and is in sync as soon as another one leads.
	must(t, s.stop(other))
	s.remove(other)
	s.launch(other)
	s.refuses(other, first)
	s.goesOn("another replica refuses what the damaged one has")
	s.lead(first)
	s.whole()

	must(t, s.stop(damaged))
	s.remove(damaged)
	s.launch(damaged)
	s.whole()
	s.reads("")
	s.lead(damaged)
	s.reads("")

	// In what is not synced yet, on a broker that was killed: recovery cuts it off, and the leader has the rest.
	must(t, s.kill(first))
	s.goesOn("without one that was killed")
	s.flip(first, -1, 0)
	s.launch(first)
	s.whole()
	if log, err := os.ReadFile(s.brokers[first].LogFile()); err != nil || !bytes.Contains(log, []byte("the tail of a segment is cut off")) {
		t.Errorf("recovery has not told of a damaged tail: %v", err)
	}
	s.goesOn("a damaged tail was cut off")
	s.end(topic)
}

// files are a replica's segments of the partition, the oldest first.
func (s *story) files(i int) []string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.brokers[i].DataDir(), fmt.Sprintf("%s-%d", topic, flipped), "*.log"))
	must(s.t, err)
	return files
}

// awaitBytes waits until the first segment has grown.
func (s *story) awaitBytes(i int, size int64) {
	s.t.Helper()
	await(s.t, "segment that is large enough", patience, func() bool {
		info, err := os.Stat(s.files(i)[0])
		return err == nil && info.Size() >= size
	})
}

// flip changes one bit of a record: in the first batch after a position of the first segment, or (-1) in the last batch of the last one.
func (s *story) flip(i, segment int, after int) {
	s.t.Helper()
	files := s.files(i)
	name := files[(segment+len(files))%len(files)]
	data, err := os.ReadFile(name)
	must(s.t, err)
	last := -1
	for at := 0; at+12 <= len(data); {
		end := at + 12 + int(binary.BigEndian.Uint32(data[at+8:]))
		if end > len(data) {
			break
		}
		if last = end - 3; segment >= 0 && at >= after { // what the CRC is of
			break
		}
		at = end
	}
	if last < 0 {
		s.t.Fatalf("no batch in %s, %d bytes", name, len(data))
	}
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(s.t, err)
	defer file.Close()
	_, err = file.WriteAt([]byte{data[last] ^ 0x10}, int64(last))
	must(s.t, err)
	s.t.Logf("a bit is flipped at %d of %d bytes of %s, broker %d", last, len(data), filepath.Base(name), i+1)
}

// lead makes a broker the leader.
func (s *story) lead(i int) {
	s.t.Helper()
	await(s.t, fmt.Sprintf("broker %d in sync", i+1), patience, func() bool { return slices.Contains(s.isr(), int32(i+1)) })
	admin := kadm.NewClient(s.client())
	replicas := []int32{int32(i + 1), int32((i+1)%copies + 1), int32((i+2)%copies + 1)}
	request := kadm.AlterPartitionAssignmentsReq{}
	request.Assign(topic, flipped, replicas)
	replies, err := admin.AlterPartitionAssignments(s.t.Context(), request)
	must(s.t, err)
	must(s.t, replies.Error())
	set := kadm.TopicsSet{}
	set.Add(topic, flipped)
	await(s.t, fmt.Sprintf("leadership of broker %d", i+1), patience, func() bool {
		_, err := admin.ElectLeaders(s.t.Context(), kadm.ElectPreferredReplica, set)
		must(s.t, err)
		return s.leader(flipped) == i
	})
}

// isr is the partition's, as some broker knows it.
func (s *story) isr() (isr []int32) {
	eachPartition(s.metadata(), func(name string, p *kmsg.MetadataResponseTopicPartition) {
		if name == topic && p.Partition == flipped {
			isr = p.ISR
		}
	})
	return isr
}

// reads reads the partition from its start up to where it ends now. It comes to the end, or to an error with such words.
func (s *story) reads(want string) {
	s.t.Helper()
	consumer := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {flipped: kgo.NewOffset().At(0)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	end := s.to.Ends(s.t)[flipped]
	for next := int64(0); next < end; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				s.t.Fatalf("reading, at %d: %v, want %q", next, err, want)
			}
			s.t.Logf("who reads is told at %d: %v", next, err)
			return
		}
		fetches.EachRecord(func(r *kgo.Record) { next = r.Offset + 1 })
	}
	if want != "" {
		s.t.Fatalf("what is damaged was read up to %d", end)
	}
}

// remove takes a stopped broker's replica away.
func (s *story) remove(i int) {
	s.t.Helper()
	must(s.t, os.RemoveAll(filepath.Dir(s.files(i)[0])))
}

// refuses waits until a broker says that it takes nothing more from its leader: what it has is what a good replica has, and it is not in sync.
func (s *story) refuses(i, good int) {
	s.t.Helper()
	await(s.t, fmt.Sprintf("refusal of broker %d", i+1), patience, func() bool {
		log, err := os.ReadFile(s.brokers[i].LogFile())
		must(s.t, err)
		for line := range bytes.Lines(log) {
			if bytes.Contains(line, []byte("cannot be fetched from its leader")) && bytes.Contains(line, []byte("corrupt")) &&
				bytes.Contains(line, fmt.Appendf(nil, "topic=%s partition=%d ", topic, flipped)) {
				return true
			}
		}
		return false
	})
	if slices.Contains(s.isr(), int32(i+1)) {
		s.t.Errorf("broker %d, which lacks what is damaged, is in sync", i+1)
	}
	mine, err := os.ReadFile(s.files(i)[0])
	must(s.t, err)
	whole, err := os.ReadFile(s.files(good)[0])
	must(s.t, err)
	if !bytes.HasPrefix(whole, mine) {
		s.t.Errorf("broker %d has %d bytes that are not the beginning of the %d of broker %d", i+1, len(mine), len(whole), good+1)
	}
}
