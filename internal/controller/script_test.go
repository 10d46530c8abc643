package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/metadata"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestScripts plays the files of testdata/cluster: each drives a cluster of fake brokers under virtual time.
//
//	start 1 2          brokers start           stop 1      a broker leaves          kill 1      a broker dies, its session stays
//	start-unclean 1    it may have lost what it had acknowledged                    settled 1   how often it heard that this was taken in
//	start-kafka 2      a broker of Kafka's
//	min-isr 2          min.insync.replicas of all topics                            elect a-0   unclean election, by an operator
//	wait 10s           time passes             fail 1 a-0  broker 1's log directory with a-0 fails
//	create a 1,2 2,1   topic a, the replicas of each partition                      delete a    its deletion is requested
//	requests 1 2       what the brokers took since they were last asked             state a     leaders and ISRs in the store
//	leaders a          the same without the controller's epoch, where it is open who that is
//	shutdown 1         controlled shutdown     preferred a-0   election of the preferred leader
//	alter 1 a-0 leader-epoch=0 epoch=0 isr=1,2 [member-epoch=9] [min-isr=1]     AlterPartition by broker 1
//	controller         who rules               join 4 a-0  the leader takes broker 4 into the ISR
//	move a-0=4,5 a-1=  AlterPartitionReassignments (nothing after =: given up)      moves       ListPartitionReassignments
//	tool a-0=4,5       a tool asks for it through the store                         asked       what is left of that
//	full 1 a-0         its disk has no room for a-0                                 mend 1 a-0  and a-0 can be served again
//	assigned a         replicas in the topic's node                                 topics      which there are
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/cluster", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{cluster: newCluster(t)}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
			for _, id := range slices.Sorted(maps.Keys(s.cluster.brokers)) {
				if b := s.cluster.brokers[id]; !b.down {
					b.stop()
				}
			}
		})
	})
}

type script struct{ cluster *cluster }

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	out := ""
	for line := range strings.Lines(d.Cmd + " " + argsOf(d) + "\n" + d.Input) {
		if words := strings.Fields(line); len(words) > 0 {
			out += s.step(t, words[0], words[1:])
		}
	}
	synctest.Wait()
	if out == "" {
		return "ok\n"
	}
	return out
}

func argsOf(d *datadriven.TestData) string {
	var words []string
	for _, a := range d.CmdArgs {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

func (s *script) step(t *testing.T, verb string, args []string) string {
	t.Helper()
	switch verb {
	case "start":
		for _, a := range args {
			s.cluster.start(number(t, a))
		}
	case "start-unclean":
		for _, a := range args {
			s.cluster.startAs(clusterstore.Broker{ID: number(t, a), Unclean: true})
		}
	case "start-kafka":
		for _, a := range args {
			s.cluster.kafka[number(t, a)] = true
			s.cluster.start(number(t, a))
		}
	case "min-isr":
		s.cluster.minInsync = int(number(t, args[0]))
	case "elect":
		return s.elect(partitionID(t, args[0]))
	case "stop":
		s.broker(t, args[0]).stop()
	case "kill":
		s.broker(t, args[0]).kill()
	case "wait":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			t.Fatal(err)
		}
		pass(d)
	case "create":
		var replicas [][]int32
		for _, a := range args[1:] {
			replicas = append(replicas, numbers(t, a))
		}
		s.any(t).createTopic(args[0], replicas...)
	case "delete":
		if err := s.any(t).store.RequestTopicDeletion(ctx, args[0]); err != nil {
			t.Fatal(err)
		}
	case "preferred":
		if err := s.any(t).store.RequestPreferredElection(ctx, []PartitionID{partitionID(t, args[0])}); err != nil {
			t.Fatal(err)
		}
	case "fail", "full", "mend":
		return s.directory(t, verb, args)
	case "requests", "state", "leaders", "controller", "settled":
		synctest.Wait()
		return s.show(t, verb, args)
	case "shutdown":
		return s.shutdown(t, args[0])
	case "move", "moves", "tool", "asked", "assigned", "topics", "join":
		return s.reassign(t, verb, args)
	case "alter":
		return s.alter(t, args)
	default:
		t.Fatalf("unknown verb %q", verb)
	}
	synctest.Wait()
	return ""
}

func (s *script) show(t *testing.T, verb string, args []string) string {
	var out strings.Builder
	switch verb {
	case "requests":
		for _, a := range args {
			for _, r := range s.broker(t, a).taken() {
				fmt.Fprintf(&out, "%s: %s\n", a, r)
			}
		}
	case "state", "leaders":
		topic, err := s.any(t).store.Topic(ctx, args[0])
		if err != nil {
			return err.Error() + "\n"
		}
		for n := range topic.Partitions {
			p, err := s.any(t).store.PartitionState(ctx, PartitionID{Topic: args[0], Partition: int32(n)})
			if err != nil {
				fmt.Fprintf(&out, "%s-%d: %v\n", args[0], n, err)
				continue
			}
			fmt.Fprintf(&out, "%s-%d: leader=%d epoch=%d isr=%v", args[0], n, p.Leader, p.LeaderEpoch, p.ISR)
			if verb == "state" {
				fmt.Fprintf(&out, " controller=%d", p.ControllerEpoch)
			}
			if len(p.ELR)+len(p.LastKnownELR) > 0 {
				fmt.Fprintf(&out, " elr=%v last-known=%v", p.ELR, p.LastKnownELR)
			}
			if p.Recovering {
				out.WriteString(" recovering")
			}
			out.WriteString("\n")
		}
	case "settled":
		fmt.Fprintf(&out, "%d\n", s.broker(t, args[0]).settled)
	case "controller":
		b := s.cluster.active()
		if b == nil {
			return "nobody\n"
		}
		epoch, _ := b.controller.Active()
		fmt.Fprintf(&out, "broker %d, epoch %d\n", b.id, epoch)
	}
	return out.String()
}

// directory: the broker tells that something is the matter with a directory, or no longer.
func (s *script) directory(t *testing.T, verb string, args []string) string {
	b, id := s.broker(t, args[0]), partitionID(t, args[1])
	b.mu.Lock()
	b.failed[id], b.full[id] = verb == "fail", verb == "full"
	b.mu.Unlock()
	if err := b.store.NotifyLogDirFailure(ctx, b.id); err != nil {
		t.Fatal(err)
	}
	return ""
}

func (s *script) shutdown(t *testing.T, id string) string {
	b := s.broker(t, id)
	answer := make(chan *kmsg.ControlledShutdownResponse, 1)
	req := &kmsg.ControlledShutdownRequest{Version: 3, BrokerID: b.id, BrokerEpoch: b.membership.Epoch()}
	s.cluster.active().controller.ControlledShutdown(req, func(r *kmsg.ControlledShutdownResponse) { answer <- r })
	r := <-answer
	out := errorName(r.ErrorCode)
	for _, p := range r.PartitionsRemaining {
		out += fmt.Sprintf(" %s-%d", p.Topic, p.Partition)
	}
	return out + "\n"
}

func (s *script) elect(id PartitionID) string {
	answer := make(chan *kmsg.ElectLeadersResponse, 1)
	req := &kmsg.ElectLeadersRequest{Version: 2, ElectionType: uncleanElection}
	req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: id.Topic, Partitions: []int32{id.Partition}}}
	s.cluster.active().controller.ElectLeaders(req, func(r *kmsg.ElectLeadersResponse) { answer <- r })
	p := (<-answer).Topics[0].Partitions[0]
	if p.ErrorMessage == nil {
		return errorName(p.ErrorCode) + "\n"
	}
	return errorName(p.ErrorCode) + " (" + *p.ErrorMessage + ")\n"
}

func (s *script) alter(t *testing.T, args []string) string {
	b, id := s.broker(t, args[0]), partitionID(t, args[1])
	req := &kmsg.AlterPartitionRequest{Version: 3, BrokerID: b.id, BrokerEpoch: b.membership.Epoch()}
	wish := kmsg.AlterPartitionRequestTopicPartition{Partition: id.Partition}
	memberEpoch := int64(-1)
	var isr []int32
	for _, a := range args[2:] {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "leader-epoch":
			wish.LeaderEpoch = number(t, value)
		case "epoch":
			wish.PartitionEpoch = number(t, value)
		case "isr":
			isr = numbers(t, value)
		case "min-isr":
			metadata.SetMinInsync(&wish.UnknownTags, int(number(t, value)))
		case "member-epoch":
			memberEpoch = int64(number(t, value))
		}
	}
	for _, member := range isr {
		wish.NewEpochISR = append(wish.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: member, BrokerEpoch: memberEpoch})
	}
	topic, err := s.any(t).store.Topic(ctx, id.Topic)
	if err != nil {
		topic = &clusterstore.Topic{ID: [16]byte{9}}
	}
	req.Topics = []kmsg.AlterPartitionRequestTopic{{TopicID: topic.ID, Partitions: []kmsg.AlterPartitionRequestTopicPartition{wish}}}
	answer := make(chan *kmsg.AlterPartitionResponse, 1)
	s.cluster.active().controller.AlterPartition(req, func(r *kmsg.AlterPartitionResponse) { answer <- r })
	r := <-answer
	if r.ErrorCode != 0 {
		return errorName(r.ErrorCode) + "\n"
	}
	p := r.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return errorName(p.ErrorCode) + "\n"
	}
	out := fmt.Sprintf("leader=%d leader-epoch=%d isr=%v epoch=%d", p.LeaderID, p.LeaderEpoch, p.ISR, p.PartitionEpoch)
	if elr, _ := metadata.ELR(&p.UnknownTags); len(elr) > 0 {
		out += fmt.Sprintf(" elr=%v", elr)
	}
	return out + "\n"
}

func errorName(code int16) string {
	if code == 0 {
		return "NONE"
	}
	return kerr.TypedErrorForCode(code).Message
}

func (s *script) broker(t *testing.T, id string) *fakeBroker {
	b := s.cluster.brokers[number(t, id)]
	if b == nil {
		t.Fatalf("no broker %s", id)
	}
	return b
}

// any is some broker that reaches the store.
func (s *script) any(t *testing.T) *fakeBroker {
	for _, id := range slices.Sorted(maps.Keys(s.cluster.brokers)) {
		if b := s.cluster.brokers[id]; !b.down {
			return b
		}
	}
	t.Fatal("no broker is up")
	return nil
}

func number(t *testing.T, text string) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

func numbers(t *testing.T, text string) []int32 {
	var all []int32
	for part := range strings.SplitSeq(strings.Trim(text, "()"), ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, number(t, part))
		}
	}
	return all
}

func partitionID(t *testing.T, text string) PartitionID {
	at := strings.LastIndexByte(text, '-')
	return PartitionID{Topic: text[:at], Partition: number(t, text[at+1:])}
}

// TestElections plays testdata/elections.txt: one election in a line.
func TestElections(t *testing.T) {
	datadriven.RunTest(t, "testdata/elections.txt", func(t *testing.T, d *datadriven.TestData) string {
		sets := map[string][]int32{}
		unclean, leader := false, int32(-1)
		for _, a := range d.CmdArgs {
			if a.Key == "unclean" {
				unclean = true
				continue
			}
			if a.Key == "leader" {
				leader = number(t, a.Vals[0])
				continue
			}
			sets[a.Key] = numbers(t, strings.Join(a.Vals, ","))
		}
		in := func(key string) func(int32) bool {
			return func(id int32) bool {
				for _, member := range sets[key] {
					if member == id {
						return true
					}
				}
				return false
			}
		}
		var c choice
		var ok bool
		switch d.Cmd {
		case "offline":
			c, ok = electOffline(sets["assigned"], sets["isr"], in("live"), unclean)
		case "reassigned":
			c, ok = electReassigned(sets["target"], sets["isr"], leader, in("live"))
		case "preferred":
			c, ok = electPreferred(sets["assigned"], sets["isr"], in("live"))
		case "shutdown":
			c, ok = electShutdown(sets["assigned"], sets["isr"], in("live"), in("stopping"))
		default:
			t.Fatalf("unknown election %q", d.Cmd)
		}
		if !ok {
			return "none\n"
		}
		return fmt.Sprintf("leader=%d isr=%v unclean=%v\n", c.Leader, c.ISR, c.Unclean)
	})
}

// TestPhases shows every transition that is allowed.
func TestPhases(t *testing.T) {
	datadriven.RunTest(t, "testdata/phases.txt", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		switch d.Cmd {
		case "partition":
			for from := partitionNonExistent; from <= partitionOffline; from++ {
				fmt.Fprintf(&out, "%s:", from)
				for to := partitionNonExistent; to <= partitionOffline; to++ {
					if from.mayBecome(to) {
						fmt.Fprintf(&out, " %s", to)
					}
				}
				out.WriteString("\n")
			}
		case "replica":
			for from := replicaNonExistent; from <= replicaDeletionIneligible; from++ {
				fmt.Fprintf(&out, "%s:", from)
				for to := replicaNonExistent; to <= replicaDeletionIneligible; to++ {
					if from.mayBecome(to) {
						fmt.Fprintf(&out, " %s", to)
					}
				}
				out.WriteString("\n")
			}
		}
		return out.String()
	})
}

// TestWhoAsksIsAlwaysAnswered: a request that waits when the reign ends is sent to the next controller.
func TestWhoAsksIsAlwaysAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b := c.start(1)
		answers := make(chan int16, 2)
		b.client.Cut()
		b.client.LoseReplies(0)
		b.controller.AllocateProducerIDs(&kmsg.AllocateProducerIDsRequest{BrokerID: 1, BrokerEpoch: b.membership.Epoch()},
			func(r *kmsg.AllocateProducerIDsResponse) { answers <- r.ErrorCode })
		b.controller.AllocateProducerIDs(&kmsg.AllocateProducerIDsRequest{BrokerID: 1, BrokerEpoch: b.membership.Epoch()},
			func(r *kmsg.AllocateProducerIDsResponse) { answers <- r.ErrorCode })
		pass(30 * time.Second)
		for range 2 {
			if code := <-answers; code == 0 {
				t.Error("answered without the store")
			}
		}
		b.controller.AllocateProducerIDs(&kmsg.AllocateProducerIDsRequest{}, func(r *kmsg.AllocateProducerIDsResponse) { answers <- r.ErrorCode })
		if code := <-answers; code != kerr.NotController.Code {
			t.Errorf("a broker that does not rule answered %s", errorName(code))
		}
		b.client.Restore()
		pass(10 * time.Second)
		synctest.Wait()
		if c.active() != b {
			t.Error("not elected again once the store was back")
		}
		b.stop()
	})
}
