package api

import (
	"testing"

	"milena/internal/admin"
	"milena/internal/group"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaRanges is what Kafka 3.9.2 (with ZooKeeper) or 4.3.1 serve of the keys in the table, as their ApiVersions tell: the lower least and the
// higher greatest version of both.
var kafkaRanges = map[kmsg.Key][2]int16{
	kmsg.Produce:                    {0, 13},
	kmsg.Fetch:                      {0, 18},
	kmsg.ListOffsets:                {0, 11},
	kmsg.Metadata:                   {0, 13},
	kmsg.LeaderAndISR:               {0, 7},
	kmsg.StopReplica:                {0, 4},
	kmsg.UpdateMetadata:             {0, 8},
	kmsg.ControlledShutdown:         {0, 3},
	kmsg.ApiVersions:                {0, 4},
	kmsg.CreateTopics:               {0, 7},
	kmsg.DeleteTopics:               {0, 6},
	kmsg.DeleteRecords:              {0, 2},
	kmsg.InitProducerID:             {0, 5},
	kmsg.OffsetForLeaderEpoch:       {0, 4},
	kmsg.DescribeConfigs:            {0, 4},
	kmsg.AlterConfigs:               {0, 2},
	kmsg.DescribeLogDirs:            {0, 5},
	kmsg.CreatePartitions:           {0, 3},
	kmsg.IncrementalAlterConfigs:    {0, 1},
	kmsg.ElectLeaders:               {0, 2},
	kmsg.AlterPartitionAssignments:  {0, 1},
	kmsg.ListPartitionReassignments: {0, 0},
	kmsg.AlterPartition:             {0, 3},
	kmsg.DescribeCluster:            {0, 2},
	kmsg.DescribeProducers:          {0, 0},
	kmsg.AllocateProducerIDs:        {0, 0},
	kmsg.DescribeTopicPartitions:    {0, 0},
	kmsg.OffsetCommit:               {0, 10},
	kmsg.OffsetFetch:                {0, 10},
	kmsg.FindCoordinator:            {0, 6},
	kmsg.JoinGroup:                  {0, 9},
	kmsg.Heartbeat:                  {0, 4},
	kmsg.LeaveGroup:                 {0, 5},
	kmsg.SyncGroup:                  {0, 5},
	kmsg.DescribeGroups:             {0, 6},
	kmsg.ListGroups:                 {0, 5},
	kmsg.DeleteGroups:               {0, 2},
	kmsg.OffsetDelete:               {0, 0},
	kmsg.ConsumerGroupHeartbeat:     {0, 1},
	kmsg.ConsumerGroupDescribe:      {0, 1},
}

// raised are the least versions that are higher here than in Kafka 3.9: message sets of the formats before v2 are not taken or given.
var raised = map[kmsg.Key]int16{kmsg.Produce: 3, kmsg.Fetch: 4}

// wholeTable is the table of a broker that has everything.
func wholeTable(t *testing.T) []Row {
	b := newBench(t)
	b.services.Admin = &admin.Admin{}
	b.services.Controller = struct{ Controller }{}
	b.services.Groups = &group.Coordinator{}
	return b.services.Table()
}

func TestEveryKeyIsServedOrRefusedForAReason(t *testing.T) {
	table := wholeTable(t)
	served := map[kmsg.Key]bool{}
	for i, row := range table {
		key := kmsg.Key(row.Key)
		if served[key] || i > 0 && table[i-1].Key > row.Key {
			t.Errorf("%s stands in the table twice, or out of order", key.Name())
		}
		served[key] = true
	}
	for n := range int16(kmsg.MaxKey + 1) {
		key := kmsg.Key(n)
		if kmsg.RequestForKey(n) == nil {
			continue
		}
		switch {
		case served[key] && whyUnsupported(key) != "":
			t.Errorf("%s is served: take it off the list of the unsupported", key.Name())
		case !served[key] && whyUnsupported(key) == "":
			t.Errorf("%s is neither in the table nor on the list of the unsupported", key.Name())
		}
	}
}

func TestVersionsAreKafkas(t *testing.T) {
	for _, row := range wholeTable(t) {
		key := kmsg.Key(row.Key)
		want, ok := kafkaRanges[key]
		if least, here := raised[key]; here {
			want[0] = least
		}
		if !ok || row.Min != want[0] || row.Max != want[1] {
			t.Errorf("%s is served from %d to %d, by Kafka from %d to %d", key.Name(), row.Min, row.Max, want[0], want[1])
		}
		if most := kmsg.RequestForKey(row.Key).MaxVersion(); row.Max > most {
			t.Errorf("%s: kmsg knows versions to %d", key.Name(), most)
		}
	}
}

func TestApiVersions(t *testing.T) {
	b := newBench(t)
	for version := int16(0); version <= 4; version++ {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = version, "apache-kafka-java", "4.3.1"
		resp := do[*kmsg.ApiVersionsResponse](b, req)
		told := map[int16][2]int16{}
		for _, k := range resp.ApiKeys {
			told[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		if resp.ErrorCode != 0 || told[0] != [2]int16{0, 13} || told[1] != [2]int16{4, 18} || told[18] != [2]int16{0, 4} {
			t.Fatalf("version %d: %+v", version, resp)
		}
	}
	if b.client.Software != "apache-kafka-java" || b.client.SoftwareVersion != "4.3.1" {
		t.Errorf("the client is %q %q", b.client.Software, b.client.SoftwareVersion)
	}
	req := kmsg.NewPtrApiVersionsRequest()
	req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = 3, "-bad name", "1"
	if resp := do[*kmsg.ApiVersionsResponse](b, req); resp.ErrorCode != 42 || len(resp.ApiKeys) != 0 {
		t.Errorf("a bad name: %+v", resp)
	}
}

func FuzzDispatch(f *testing.F) {
	f.Add(int16(3), int16(9), []byte{2, 3, 'a', 'b', 0, 1, 0, 0, 0})
	f.Add(int16(1), int16(12), fetchRequest(12, 0).AppendTo(nil))
	f.Add(int16(0), int16(9), []byte{0, 0, 1, 0, 0, 0, 0, 1, 0})
	f.Add(int16(75), int16(0), []byte{1, 0, 0, 0, 10, 0xff, 0})
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		b := newBench(t)
		b.data.append = appends
		var n int
		b.serve(nil, &n)
		ended := 0
		call := &Call{Header: wire.RequestHeader{Key: key, Version: version}, Client: b.client, Body: body}
		call.Answer = func(r wire.Reply) {
			ended++
			for _, release := range r.Release {
				release()
			}
		}
		call.Drop = func(error) { ended++ }
		call.NoAnswer = func() { ended++ }
		call.BodyDone = func() {}
		if b.dispatch.Serve(call); ended != 1 {
			t.Fatalf("ended %d times", ended)
		}
	})
}
