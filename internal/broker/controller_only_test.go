package broker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coord/memcoord"
	"milena/internal/netio/simnet"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// controllersFrom is the id of the first controller that is no broker, so that those of brokers begin with 1 as elsewhere.
const controllersFrom = 11

// inOffices runs a test with controllers that are no brokers, and three brokers that are no controllers.
func inOffices(t *testing.T, controllers int, test func(t *testing.T, s *street)) {
	synctest.Test(t, func(t *testing.T) {
		s := &street{t: t, houses: map[int]*house{}, net: simnet.New(), store: memcoord.NewServer(), links: map[int]*memcoord.Client{}}
		var voters []string
		for id := controllersFrom; id < controllersFrom+controllers; id++ {
			voters = append(voters, fmt.Sprintf("%d@%s:9093", id, hostOf(id)))
		}
		roles := func(id int, static map[string]string) {
			static["controller.listener.names"], static["controller.quorum.voters"] = "CONTROLLER", strings.Join(voters, ",")
			if static["process.roles"] = "broker"; id >= controllersFrom {
				static["process.roles"], static["listeners"] = "controller", fmt.Sprintf("CONTROLLER://%s:9093", hostOf(id))
			} else { // of which no controller's file tells
				static["listeners"] = fmt.Sprintf("PLAINTEXT://%s:9092,INTERNAL://%[1]s:9094", hostOf(id))
				static["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
				static["inter.broker.listener.name"] = "INTERNAL"
			}
		}
		defer func() {
			for _, h := range s.houses {
				h.stop()
			}
			if t.Failed() {
				for id, h := range s.houses {
					t.Logf("node %d:\n%s", id, h.log)
				}
			}
		}()
		for id := controllersFrom; id < controllersFrom+controllers; id++ {
			s.build(id, 3, roles)
		}
		for id := 1; id <= 3; id++ {
			s.build(id, 3, roles)
		}
		for id := 1; id <= 3; id++ {
			s.knows(id, 3)
		}
		test(t, s)
	})
}

// elected is who the store says is controller.
func (s *street) elected() int {
	s.t.Helper()
	client := s.store.Open()
	defer client.Close()
	for range 1000 {
		node, err := client.Get(context.Background(), "/controller")
		if _, text, ok := strings.Cut(string(node.Data), `"brokerid":`); err == nil && ok {
			id, err := strconv.Atoi(text[:strings.IndexAny(text, ",}")])
			must(s.t, err)
			return id
		}
		s.wait(10 * time.Millisecond)
	}
	s.t.Fatal("nobody is elected")
	return 0
}

// TestControllerOnly: brokers of a controller that is none replicate, change ISRs, and hand their leaders over at a stop; clients are told of
// brokers alone, which pass on what is for the controller.
func TestControllerOnly(t *testing.T) {
	inOffices(t, 1, func(t *testing.T, s *street) {
		c := s.withTopic()
		defer c.Close()
		s.produce(c, 0, 20)
		p := s.isr(c, "t", 0, 3)
		m, err := kadm.NewClient(c).BrokerMetadata(context.Background())
		must(t, err)
		described, err := s.ask(2, kmsg.NewPtrDescribeClusterRequest())
		must(t, err)
		if id := described.(*kmsg.DescribeClusterResponse).ControllerID; id != 2 {
			t.Errorf("broker 2 tells that %d is the controller", id)
		}
		if len(m.Brokers) != 3 || m.Controller < 1 || m.Controller > 3 {
			t.Errorf("brokers %+v, controller %d", m.Brokers, m.Controller)
		}
		if id := s.elected(); id != controllersFrom {
			t.Errorf("%d is elected", id)
		}
		for id := range 3 {
			results, err := s.ask(id+1, electPreferred("t"))
			must(t, err)
			if code := results.(*kmsg.ElectLeadersResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.ElectionNotNeeded.Code {
				t.Errorf("an election by way of broker %d: %v", id+1, kerr.ErrorForCode(code))
			}
		}

		began := time.Now()
		must(t, s.houses[int(p.Leader)].tryStop())
		s.produce(c, 20, 40)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the leader's clean stop cost %v", took)
		}
		s.isr(c, "t", 0, 2)
		s.start(int(p.Leader))
		p = s.isr(c, "t", 0, 3)
		s.kill(int(p.Leader), 1)
		s.produce(c, 40, 60)
		s.isr(c, "t", 0, 2)
		s.start(int(p.Leader))
		s.isr(c, "t", 0, 3)
		read(t, s, 60)
	})
}

func electPreferred(topic string) *kmsg.ElectLeadersRequest {
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = 1000
	req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: topic, Partitions: []int32{0}}}
	return req
}

// ask sends a request to one broker, whoever should get it.
func (s *street) ask(id int, req kmsg.Request) (kmsg.Response, error) {
	c := s.client()
	defer c.Close()
	return c.Broker(id).Request(context.Background(), req)
}

// TestControllerOnlyFailsOver: the elected one of three controllers dies, and the next, while partitions are moved by way of brokers. What is
// acknowledged stays, and a broker that dies without the first controller costs no more than with it.
func TestControllerOnlyFailsOver(t *testing.T) {
	inOffices(t, 3, func(t *testing.T, s *street) {
		ctx := context.Background()
		c := s.client()
		defer c.Close()
		admin := kadm.NewClient(c)
		_, err := admin.CreateTopic(ctx, 1, 2, map[string]*string{"min.insync.replicas": kadm.StringPtr("1")}, "t")
		must(t, err)
		before := s.isr(c, "t", 0, 2).Replicas
		to := []int32{6 - before[0] - before[1], before[0]}
		first := s.elected()
		began := time.Now()
		s.kill(first, 1)
		second := s.elected()
		for second == first {
			s.wait(10 * time.Millisecond)
			second = s.elected()
		}
		if took := time.Since(began); second < controllersFrom || took > time.Second {
			t.Errorf("controller %d after %v", second, took)
		}
		for { // NOT_CONTROLLER is answered until the new one has told of itself
			moved, err := admin.AlterPartitionAssignments(ctx, func() (r kadm.AlterPartitionAssignmentsReq) {
				r.Assign("t", 0, to)
				return r
			}())
			if errors.Is(err, kerr.NotController) {
				s.wait(10 * time.Millisecond)
				continue
			}
			must(t, errors.Join(err, moved.Error()))
			break
		}
		s.produce(c, 0, 20)
		for {
			p := s.isr(c, "t", 0, 2)
			if fmt.Sprint(p.Replicas) == fmt.Sprint(to) {
				break
			}
			s.wait(100 * time.Millisecond)
		}
		moving, err := admin.ListPartitionReassignments(ctx, nil)
		must(t, err)
		if len(moving) != 0 {
			t.Errorf("still moving: %v", moving)
		}

		s.start(first)
		s.kill(second, 2)
		leader := s.isr(c, "t", 0, 2).Leader
		s.kill(int(leader), 3)
		s.produce(c, 20, 40)
		s.start(second)
		s.start(int(leader))
		s.isr(c, "t", 0, 2)
		read(t, s, 40)
	})
}

// TestControllerOnlyServesBrokers: it is no bootstrap server, and none of its keys is a client's.
func TestControllerOnlyServesBrokers(t *testing.T) {
	inOffices(t, 1, func(t *testing.T, s *street) {
		c, err := kgo.NewClient(kgo.SeedBrokers(hostOf(controllersFrom)+":9093"), kgo.DisableClientMetrics(),
			kgo.Dialer(func(ctx context.Context, _, addr string) (net.Conn, error) {
				return s.net.Host("client").Dial(ctx, addr)
			}))
		must(t, err)
		defer c.Close()
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1"
		versions, err := c.SeedBrokers()[0].Request(t.Context(), req)
		must(t, err)
		var keys []string
		for _, k := range versions.(*kmsg.ApiVersionsResponse).ApiKeys {
			keys = append(keys, kmsg.NameForKey(k.ApiKey))
		}
		want := "[ControlledShutdown ApiVersions ElectLeaders AlterPartitionAssignments ListPartitionReassignments AlterPartition AllocateProducerIDs]"
		if fmt.Sprint(keys) != want {
			t.Errorf("it serves %v", keys)
		}
		h := s.houses[controllersFrom]
		if names, err := h.fs.ReadDir("/data"); err != nil || len(names) != 2 {
			t.Errorf("its directory holds %v, %v", names, err)
		}
	})
}

// TestControllerOnlyKeepsNoData: a broker that has data does not become a controller alone.
func TestControllerOnlyKeepsNoData(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		h.createTopic("t", 1)
		h.stop()
		h.static["process.roles"], h.static["listeners"] = "controller", "CONTROLLER://broker:9093"
		h.static["controller.listener.names"], h.static["controller.quorum.voters"] = "CONTROLLER", "1@broker:9093"
		if err := h.tryStart(); err == nil || !strings.Contains(err.Error(), "t-0") {
			t.Errorf("it starts: %v", err)
		}
	})
}

// TestControllerOnlyComesBack: a controller alone whose session ends rules again, with another one, and is heeded.
func TestControllerOnlyComesBack(t *testing.T) {
	inOffices(t, 1, func(t *testing.T, s *street) {
		ctx := context.Background()
		c := s.client()
		defer c.Close()
		admin := kadm.NewClient(c)
		for n := range 3 {
			store := s.store.Open()
			node, err := store.Get(ctx, "/controller")
			must(t, err)
			s.store.ExpireSession(node.Stat.EphemeralOwner)
			must(t, store.Close())
			name := fmt.Sprint("t", n)
			_, err = admin.CreateTopic(ctx, 1, 3, nil, name)
			must(t, err)
			s.isr(c, name, 0, 3)
			must(t, c.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte("v")}).FirstErr())
		}
		if text := s.houses[controllersFrom].log.String(); strings.Count(text, "controller elected") != 4 {
			t.Error("it was not elected four times")
		}
	})
}
