package replica

import (
	"errors"
	"testing"
	"testing/synctest"

	"milena/internal/commitlog"
	"milena/internal/logdir"
	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// What the log of one that leads no more lacks is told to no client. Who leads in the same epoch as the store says is believed.
func TestJudgementIsTheLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		asked, leads := 0, true
		b.options.Cluster.Leads = func(tp logdir.TopicPartition, leaderEpoch int32) bool {
			if tp != (logdir.TopicPartition{Topic: "t"}) || leaderEpoch != 7 {
				t.Errorf("asked for %v in epoch %d", tp, leaderEpoch)
			}
			asked++
			return leads
		}
		b.lead("t", idT, 1, 7)
		sequence := func(n int32) error {
			data, err := record.Builder{ProducerID: 5, BaseSequence: n}.Build([]record.Record{{Value: []byte("v")}})
			if err != nil {
				t.Fatal(err)
			}
			var result AppendResult
			b.Append(&AppendRequest{Acks: 1, Partitions: []AppendPartition{{Topic: "t", Records: data}}}, func(r []AppendResult) { result = r[0] })
			return result.Err
		}
		consume := func(replica int32) error {
			req := fetchOf("t", 9)
			req.ReplicaID = replica
			done, _ := b.fetch(req)
			return (<-done)[0].Err
		}
		deletion := func() error {
			_, err := b.DeleteRecords("t", 0, 9)
			return err
		}
		if err := sequence(0); err != nil || consume(2) == nil || asked != 0 {
			t.Fatalf("%v, asked %d times: for no judgement, or for a follower's", err, asked)
		}
		for name, c := range map[string]struct {
			ask  func() error
			want error
		}{
			"produce":       {func() error { return sequence(5) }, commitlog.ErrOutOfOrderSequence},
			"consume":       {func() error { return consume(-1) }, partition.ErrOffsetOutOfRange},
			"deleteRecords": {deletion, partition.ErrOffsetOutOfRange},
		} {
			for _, leads = range []bool{true, false} {
				asked = 0
				want := c.want
				if !leads {
					want = partition.ErrNotLeaderOrFollower
				}
				if err := c.ask(); !errors.Is(err, want) || asked != 1 {
					t.Errorf("%s, leads %v: %v, asked %d times", name, leads, err, asked)
				}
			}
		}
		leads = false
		if err := sequence(1); err != nil {
			t.Errorf("what fits was refused: %v", err)
		}
	})
}
