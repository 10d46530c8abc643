package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestLeaderElectionCommandLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "elections.json")
	twice := filepath.Join(t.TempDir(), "twice.json")
	one := `{"topic":"t","partition":1}`
	for name, text := range map[string]string{file: one, twice: one + "," + one} {
		if err := os.WriteFile(name, []byte(`{"partitions":[`+text+`]}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const server = "--bootstrap-server localhost:1 "
	for args, want := range map[string]string{ // the refusals are Kafka's
		"":                   "Missing required option(s): bootstrap-server, election-type",
		server + "--topic t": "Missing required option(s): election-type",
		server + "--election-type bogus --all-topic-partitions":                   "Cannot parse argument 'bogus' of option election-type",
		server + "--election-type preferred":                                      "One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file",
		server + "--election-type preferred --topic t":                            "Missing required option(s): partition",
		server + "--election-type preferred --partition 1 --all-topic-partitions": "Option partition is only allowed if topic is used",
		server + "--election-type preferred --path-to-json-file " + twice:         "Replica election data contains duplicate partitions: t-1",
		server + "--election-type preferred --path-to-json-file " + file:          "",
		server + "--election-type UNCLEAN --topic t --partition 1":                "",
		server + "--election-type unclean --all-topic-partitions":                 "",
	} {
		v, err := leaderElectionOptions().parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		req, kind, err := electionOf(v)
		switch {
		case want != "":
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v", args, err)
			}
		case err != nil:
			t.Errorf("%s: %v", args, err)
		case (req.ElectionType == 1) != (kind == "UNCLEAN"), strings.Contains(args, "all-") != (req.Topics == nil):
			t.Errorf("%s asks for %+v", args, req)
		}
	}
}

func TestLeaderElectionOutput(t *testing.T) {
	resp := kmsg.NewPtrElectLeadersResponse()
	for partition, code := range map[int32]int16{2: 0, 0: 0, 1: kerr.ElectionNotNeeded.Code, 9: kerr.UnknownTopicOrPartition.Code} {
		resp.Topics = append(resp.Topics, kmsg.ElectLeadersResponseTopic{
			Topic: "t", Partitions: []kmsg.ElectLeadersResponseTopicPartition{{Partition: partition, ErrorCode: code}},
		})
	}
	var out bytes.Buffer
	env := &Env{Stdout: &out}
	if err := env.printElections("PREFERRED", resp); err == nil || err.Error() != "1 replica(s) could not be elected" {
		t.Error(err)
	}
	want := "Successfully completed leader election (PREFERRED) for partitions t-0, t-2\n" +
		"Valid replica already elected for partitions t-1\n" +
		"Error completing leader election (PREFERRED) for partition: t-9: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: " +
		"This server does not host this topic-partition.\n"
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
