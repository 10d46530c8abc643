package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/record"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func partitionID(topic string, partition int) clusterstore.PartitionID {
	return clusterstore.PartitionID{Topic: topic, Partition: int32(partition)}
}

// settle waits until every replica is in sync and every broker knows what the store holds.
func (w *world) settle() {
	why := ""
	for range 600 {
		time.Sleep(500 * time.Millisecond)
		if why = w.unsettled(); why == "" {
			return
		}
	}
	w.stuck("five minutes after the faults: %s", why)
}

func (w *world) unsettled() string {
	ctx := context.Background()
	topics, err := w.look.Topics(ctx)
	must(w.t, err)
	states, err := w.look.PartitionStates(ctx, topics)
	must(w.t, err)
	deletions, err := w.look.TopicDeletions(ctx)
	must(w.t, err)
	if len(deletions) > 0 {
		return fmt.Sprintf("topics %v are still being deleted", deletions)
	}
	if p := moving(topics); p != "" {
		return p + " is still being moved"
	}
	for _, t := range topics {
		for i, p := range t.Partitions {
			id := partitionID(t.Name, i)
			if st := states[id]; st == nil || len(st.ISR) != len(p.Replicas) || st.Leader < 0 {
				return fmt.Sprintf("%s of replicas %v: %+v", id, p.Replicas, st)
			}
		}
	}
	for _, n := range w.nodes {
		if why := w.differs(n, topics, states); why != "" {
			return fmt.Sprintf("broker %d: %s", n.id, why)
		}
	}
	return ""
}

// differs tells where a broker's metadata are not what the store holds.
func (w *world) differs(n *node, topics []*clusterstore.Topic, states map[clusterstore.PartitionID]*clusterstore.PartitionState) string {
	c := w.client(kgo.SeedBrokers(hostOf(n.id) + ":9092"))
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	resp, err := c.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return err.Error()
	}
	m := resp.(*kmsg.MetadataResponse)
	if len(m.Brokers) != len(w.nodes) || len(m.Topics) != len(topics) {
		return fmt.Sprintf("%d brokers and %d topics, in the store %d and %d", len(m.Brokers), len(m.Topics), len(w.nodes), len(topics))
	}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			st := states[partitionID(*t.Topic, int(p.Partition))]
			if st == nil || p.Leader != st.Leader || p.LeaderEpoch != st.LeaderEpoch || !slices.Equal(p.ISR, st.ISR) {
				return fmt.Sprintf("%s-%d is led by %d in epoch %d with ISR %v, in the store %+v", *t.Topic, p.Partition, p.Leader, p.LeaderEpoch, p.ISR, st)
			}
		}
	}
	return ""
}

// checkRecords holds what is there against what producers and consumers were told.
func (w *world) checkRecords(producers []*producer, shown map[int32]int64, consumers []*seen) {
	c := w.client()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	listed, err := kadm.NewClient(c).ListEndOffsets(ctx, topicName)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		w.stuck("ends of the partitions: %v", err)
		return
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	all := w.consume(ctx, "the last consumer", ends)
	for p := range int32(partitions) {
		if int64(len(all[p])) < ends[p] || ends[p] < shown[p] {
			w.violation("partition %d: %d records can be read, the high watermark is %d and was %d", p, len(all[p]), ends[p], shown[p])
		}
		for i, consumer := range consumers {
			for offset, value := range consumer[p] {
				if offset >= len(all[p]) || all[p][offset] != value {
					w.violation("consumer %d was shown at %d of partition %d what is gone: %.20s", i, offset, p, value)
					break
				}
			}
		}
		w.checkProducers(p, all[p], producers)
	}
}

// checkProducers: every record once, in order, at the offset that was told.
func (w *world) checkProducers(partition int32, values []string, producers []*producer) {
	found := map[string]int64{}
	last := map[string]int{}
	for offset, value := range values {
		parts := strings.SplitN(value, " ", 3)
		key := parts[0] + " " + parts[1]
		if at, ok := found[key]; ok {
			w.violation("partition %d: record %s stands at %d and again at %d", partition, key, at, offset)
		}
		found[key] = int64(offset)
		number, _ := strconv.Atoi(parts[1])
		if before, ok := last[parts[0]]; ok && number < before {
			w.violation("partition %d: record %d of producer %s stands at %d after its record %d", partition, number, parts[0], offset, before)
		}
		last[parts[0]] = number
	}
	for _, p := range producers {
		p.mu.Lock()
		for number, offset := range p.acked[partition] {
			at, ok := found[fmt.Sprint(p.name, " ", number)]
			switch {
			case !ok:
				w.violation("partition %d: record %d of producer %d, acknowledged at %d, is lost", partition, number, p.name, offset)
			case offset >= 0 && at != offset:
				w.violation("partition %d: record %d of producer %d, acknowledged at %d, stands at %d", partition, number, p.name, offset, at)
			}
		}
		p.mu.Unlock()
	}
}

// checkGroup: the group stands where its last acknowledged commit was, or beyond.
func (w *world) checkGroup(m *member) {
	c := w.client()
	defer c.Close()
	var err error
	for range 20 {
		var offsets kadm.OffsetResponses
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		offsets, err = kadm.NewClient(c).FetchOffsets(ctx, "g")
		cancel()
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		for p, at := range m.committed {
			if o, ok := offsets.Lookup(topicName, p); !ok || o.At < at {
				w.violation("the group stands at %d of partition %d, though %d was committed", o.At, p, at)
			}
		}
		return
	}
	w.stuck("the group's offsets cannot be read: %v", err)
}

// checkReplicas: the bytes of the logs are the same on every replica. Of a compacted one each has cleaned what is before its active segment, or has
// not yet.
func (w *world) checkReplicas() {
	topics, err := w.look.Topics(context.Background())
	must(w.t, err)
	for _, t := range topics {
		for i, p := range t.Partitions {
			dir, from := fmt.Sprintf("/data/%s-%d", t.Name, i), int64(0)
			if t.Name == "__consumer_offsets" {
				for _, id := range p.Replicas {
					from = max(from, w.activeBase(w.nodes[id-1].fs, dir))
				}
			}
			var first []byte
			for at, id := range p.Replicas {
				log := since(from, w.logBytes(w.nodes[id-1].fs, dir))
				if at == 0 {
					first = log
				}
				size := min(len(first), len(log))
				if !bytes.Equal(first[:size], log[:size]) || t.Name == topicName && len(first) != len(log) {
					w.violation("%s-%d: the log on broker %d (%d bytes) is not that on broker %d (%d bytes)",
						t.Name, i, id, len(log), p.Replicas[0], len(first))
				}
			}
		}
	}
}

// activeBase is the first offset of a log's active segment.
func (w *world) activeBase(fs *memfs.FS, dir string) (base int64) {
	entries, err := fs.ReadDir(dir)
	if err != nil {
		w.violation("%s: %v", dir, err)
	}
	for _, e := range entries {
		if number, isLog := strings.CutSuffix(e.Name(), ".log"); isLog {
			if base, err = strconv.ParseInt(number, 10, 64); err != nil {
				w.violation("%s: %v", dir, err)
			}
		}
	}
	return base
}

// since leaves out of a log the batches before an offset.
func since(from int64, log []byte) []byte {
	for len(log) >= record.HeaderSize && record.Batch(log).BaseOffset() < from {
		log = log[min(len(log), record.Batch(log).SizeBytes()):]
	}
	return log
}

func (w *world) logBytes(fs *memfs.FS, dir string) []byte {
	entries, err := fs.ReadDir(dir)
	if err != nil {
		w.violation("%s: %v", dir, err)
	}
	var all []byte
	for _, e := range entries { // sorted by name, so by offset
		if !strings.HasSuffix(e.Name(), ".log") {
			continue
		}
		f, err := fs.Open(dir + "/" + e.Name())
		must(w.t, err)
		size, err := f.Size()
		must(w.t, err)
		raw, err := io.ReadAll(io.NewSectionReader(f, 0, size))
		must(w.t, err)
		must(w.t, f.Close())
		all = append(all, raw...)
	}
	return all
}

// checkTopics: what was made is there, what was deleted is not, in the store and on the disks.
func (w *world) checkTopics(exists map[string]*bool) {
	topics, err := w.look.Topics(context.Background())
	must(w.t, err)
	there := map[string]bool{}
	for _, t := range topics {
		there[t.Name] = true
	}
	for name, want := range exists {
		if want != nil && there[name] != *want {
			w.violation("topic %s: in the store %v, told %v", name, there[name], *want)
		}
	}
	for _, n := range w.nodes {
		entries, err := n.fs.ReadDir("/data")
		must(w.t, err)
		for _, e := range entries {
			if at := strings.LastIndexByte(e.Name(), '-'); e.IsDir() && at > 0 && !there[e.Name()[:at]] {
				w.violation("broker %d still has %s", n.id, e.Name())
			}
		}
	}
}
