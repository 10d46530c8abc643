package clusterstore

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What Kafka 3.9.2 wrote into ZooKeeper.
const (
	kafkaController = `{"version":2,"brokerid":1,"timestamp":"1795376059814","kraftControllerEpoch":-1}`
	kafkaBroker     = `{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:27001"],` +
		`"jmx_port":-1,"port":27001,"host":"127.0.0.1","version":5,"timestamp":"1795376059706"}`
	kafkaTopic = `{"partitions":{"0":[1],"1":[1]},"topic_id":"tSvbXiFCShmJU7SRiWCdvw","adding_replicas":{},"removing_replicas":{},"version":3}`
	// While partition 0 is being moved from 1 to 2.
	kafkaMoving = `{"removing_replicas":{"0":[1]},"partitions":{"0":[2,1],"1":[1]},"topic_id":"tSvbXiFCShmJU7SRiWCdvw",` +
		`"adding_replicas":{"0":[2]},"version":3}`
	kafkaState = `{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}`
	kafkaConf  = `{"version":1,"config":{"retention.ms":"100000"}}`
	kafkaEvent = `{"version":2,"entity_path":"brokers/<default>"}`
	kafkaID    = `{"version":"1","id":"l6W2jtl3SNGraowJYmjyVQ"}`
	kafkaBlock = `{"version":1,"broker":1,"block_start":"0","block_end":"999"}`
	kafkaISR   = `{"version":1,"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":1}]}`
)

// same compares JSON with the order of keys left out of account.
func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestBodiesAreKafkas(t *testing.T) {
	broker, err := decodeBroker(1, []byte(kafkaBroker))
	if err != nil {
		t.Fatal(err)
	}
	want := Endpoint{Listener: "PLAINTEXT", Host: "127.0.0.1", Port: 27001, Protocol: "PLAINTEXT"}
	if len(broker.Endpoints) != 1 || broker.Endpoints[0] != want || broker.Directory != "" || broker.TimestampMs != 1795376059706 {
		t.Errorf("broker %+v", broker)
	}
	same(t, "broker", encodeBroker(broker), kafkaBroker)

	topic, err := decodeTopic("t1", []byte(kafkaTopic))
	if err != nil {
		t.Fatal(err)
	}
	if FormatUUID(topic.ID) != "tSvbXiFCShmJU7SRiWCdvw" || len(topic.Partitions) != 2 || topic.Partitions[1].Replicas[0] != 1 {
		t.Errorf("topic %+v", topic)
	}
	same(t, "topic", encodeTopic(topic), kafkaTopic)
	topic.Partitions[0] = topic.Partitions[0].MoveTo([]int32{2})
	same(t, "topic being moved", encodeTopic(topic), kafkaMoving)
	if moving, err := decodeTopic("t1", []byte(kafkaMoving)); err != nil || !moving.Partitions[0].Equal(topic.Partitions[0]) {
		t.Errorf("%+v, %v", moving, err)
	}

	state, err := decodePartitionState("p", []byte(kafkaState))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "state", encodePartitionState(state), kafkaState)
	if got := string(encodePartitionState(state)); got != kafkaState {
		t.Errorf("state %s", got)
	}
	config, err := decodeConfig("c", []byte(kafkaConf))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "config", encodeConfig(config), kafkaConf)
	entity, err := decodeChange("c", []byte(kafkaEvent))
	if err != nil || entity != BrokerEntity("") {
		t.Fatalf("entity %q, %v", entity, err)
	}
	if got := string(encodeChange(entity)); got != kafkaEvent {
		t.Errorf("change %s", got)
	}
	id, err := decodeClusterID([]byte(kafkaID))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "cluster id", encode(clusterIDJSON{Version: "1", ID: id}), kafkaID)
	same(t, "controller", encode(controllerJSON{Version: 2, BrokerID: 1, Timestamp: 1795376059814, KRaftEpoch: -1}), kafkaController)
	if next, err := nextProducerID([]byte(kafkaBlock)); err != nil || next != 1000 {
		t.Errorf("next producer id %d, %v", next, err)
	}
	ids, err := decodePartitions("p", []byte(kafkaISR))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "partitions", encodePartitions(ids), kafkaISR)
}

func TestOlderBodies(t *testing.T) {
	for _, text := range []string{
		`{"jmx_port":-1,"timestamp":"1","host":"h","version":1,"port":9092}`,
		`{"jmx_port":-1,"timestamp":1,"endpoints":["PLAINTEXT://h:9092"],"host":"h","version":2,"port":9092}`,
		`{"endpoints":["PLAINTEXT://h:9092"],"rack":"r","jmx_port":-1,"host":"h","timestamp":"1","port":9092,"version":3}`,
		`{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://h:9092"],"host":null,"timestamp":"1","port":-1,"version":4}`,
	} {
		b, err := decodeBroker(1, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if e, ok := b.Endpoint("PLAINTEXT"); !ok || e.Host != "h" || e.Port != 9092 || e.Protocol != "PLAINTEXT" {
			t.Errorf("%s: %+v", text, b)
		}
	}
	b, err := decodeBroker(1, []byte(`{"listener_security_protocol_map":{"IN":"SASL_SSL"},"endpoints":["IN://[::1]:9"],"version":4}`))
	if err != nil || b.Endpoints[0] != (Endpoint{Listener: "IN", Host: "::1", Port: 9, Protocol: "SASL_SSL"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, text := range []string{`{"version":1,"partitions":{"0":[1]}}`,
		`{"version":2,"partitions":{"0":[1]},"adding_replicas":{"0":[1]},"removing_replicas":{}}`} {
		topic, err := decodeTopic("t", []byte(text))
		if err != nil || len(topic.Partitions) != 1 || topic.ID != ([16]byte{}) {
			t.Errorf("%s: %+v, %v", text, topic, err)
		}
	}
	if e, err := decodeChange("c", []byte(`{"version":1,"entity_type":"topics","entity_name":"t"}`)); err != nil || e != TopicEntity("t") {
		t.Errorf("change of version 1: %q, %v", e, err)
	}
	if id, err := decodeClusterID([]byte(`{"version":1,"id":"x"}`)); err != nil || id != "x" {
		t.Errorf("cluster id with a number as version: %q, %v", id, err)
	}
}

func TestDamagedBodiesAreRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{", `{"version":5,"endpoints":["x"]}`, `{"version":5,"endpoints":["A://h:x"]}`} {
		if _, err := decodeBroker(1, []byte(text)); err == nil {
			t.Errorf("broker %q was taken", text)
		}
	}
	for _, text := range []string{"", `{"partitions":{"-1":[1]}}`, `{"partitions":{"9999999999":[1]}}`, `{"partitions":{"7":[1]}}`,
		`{"partitions":{"0":[1]},"topic_id":"short"}`} {
		if _, err := decodeTopic("t", []byte(text)); err == nil {
			t.Errorf("topic %q was taken", text)
		}
	}
	if _, err := decodePartitionState("p", []byte("{}")); err == nil {
		t.Error("an empty state was taken")
	}
}

func TestSanitizeEntity(t *testing.T) {
	for name, want := range map[string]string{"plain-1_a.b~": "plain-1_a.b~", "a b": "a%20b", "a*b+c": "a%2Ab%2Bc", "é/ü": "%C3%A9%2F%C3%BC"} {
		if got := SanitizeEntity(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// again checks that what was understood is understood the same once written.
func again[T any](t *testing.T, decode func([]byte) (T, error), encode func(T) []byte, data []byte) {
	first, err := decode(data)
	if err != nil {
		return
	}
	second, err := decode(encode(first))
	if err != nil {
		t.Fatalf("written again it is refused: %v", err)
	}
	if one, two := encode(first), encode(second); string(one) != string(two) {
		t.Fatalf("%s became %s", one, two)
	}
}

func FuzzBroker(f *testing.F) {
	f.Add([]byte(kafkaBroker))
	f.Add([]byte(`{"version":1,"host":"h","port":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		again(t, func(b []byte) (*Broker, error) { return decodeBroker(1, b) }, encodeBroker, data)
	})
}

func FuzzTopic(f *testing.F) {
	f.Add([]byte(kafkaTopic))
	f.Fuzz(func(t *testing.T, data []byte) {
		again(t, func(b []byte) (*Topic, error) { return decodeTopic("t", b) }, encodeTopic, data)
	})
}

func FuzzPartitionState(f *testing.F) {
	f.Add([]byte(kafkaState))
	f.Fuzz(func(t *testing.T, data []byte) {
		again(t, func(b []byte) (*PartitionState, error) { return decodePartitionState("p", b) }, encodePartitionState, data)
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(kafkaConf))
	f.Fuzz(func(t *testing.T, data []byte) {
		again(t, func(b []byte) (map[string]string, error) { return decodeConfig("c", b) }, encodeConfig, data)
	})
}

func FuzzChange(f *testing.F) {
	f.Add([]byte(kafkaEvent))
	f.Fuzz(func(t *testing.T, data []byte) {
		again(t, func(b []byte) (Entity, error) { return decodeChange("c", b) }, encodeChange, data)
	})
}

func FuzzSmallBodies(f *testing.F) {
	for _, seed := range []string{kafkaController, kafkaBlock, kafkaID, kafkaISR} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = decodeController(data)
		_, _ = decodeClusterID(data)
		if next, err := nextProducerID(data); err == nil && next < 0 {
			t.Errorf("next producer id %d", next)
		}
		again(t, func(b []byte) ([]PartitionID, error) { return decodePartitions("p", b) }, encodePartitions, data)
	})
}

// TestELRs: what Milena adds to a partition's state is read again, and is not there where there is nothing to tell.
func TestELRs(t *testing.T) {
	for text, want := range map[string]PartitionState{
		kafkaState: {Leader: 1, ISR: []int32{1}, ControllerEpoch: 1, LastLeader: -1},
		`{"controller_epoch":1,"leader":-1,"version":1,"leader_epoch":3,"isr":[1],"milena":{"elr":[2,3],"lastKnownElr":[1],"lastLeader":0}}`: {
			Leader: -1, LeaderEpoch: 3, ISR: []int32{1}, ControllerEpoch: 1, ELR: []int32{2, 3}, LastKnownELR: []int32{1}},
	} {
		got, err := decodePartitionState("p", []byte(text))
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		if again := string(encodePartitionState(got)); again != text {
			t.Errorf("%s was %s", again, text)
		}
	}
	b := &Broker{ID: 1, Directory: "d", Unclean: true}
	if again, err := decodeBroker(1, encodeBroker(b)); err != nil || !again.Unclean {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestMarks: what Milena adds to registrations and to /controller is read again, and is not there where there is nothing to tell.
func TestMarks(t *testing.T) {
	for text, want := range map[string]ElectedController{
		kafkaController: {BrokerID: 1},
		`{"version":2,"brokerid":1,"timestamp":"5","kraftControllerEpoch":-1,"milena":{"directory":"d"}}`: {BrokerID: 1, Directory: "d"},
		`{"version":2,"brokerid":1,"timestamp":"5","kraftControllerEpoch":-1,"milena":{"directory":"d","endpoint":"h:1"}}`: {
			BrokerID: 1, Directory: "d", Endpoint: "h:1"},
	} {
		if got, err := decodeController([]byte(text)); err != nil || *got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	endpoints := []Endpoint{{Listener: "A", Host: "a", Port: 1, Protocol: "PLAINTEXT"}, {Listener: "B", Host: "b", Port: 2, Protocol: "PLAINTEXT"}}
	for said, want := range map[string]string{"": "a", "B": "b", "C": ""} {
		b, err := decodeBroker(1, encodeBroker(&Broker{ID: 1, Directory: "d", InterBroker: said, Endpoints: endpoints}))
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := b.EndpointForBrokers("A"); e.Host != want || ok != (want != "") {
			t.Errorf("%q: %+v", said, e)
		}
	}
}
