package cli

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The JSON that Kafka's generated converters make of the records in __transaction_state.

type transactionKeyJSON struct {
	TransactionalID string `json:"transactionalId"`
}

type transactionValueJSON struct {
	ProducerID               int64                       `json:"producerId"`
	PreviousProducerID       *int64                      `json:"previousProducerId,omitempty"`
	NextProducerID           *int64                      `json:"nextProducerId,omitempty"`
	ProducerEpoch            int16                       `json:"producerEpoch"`
	NextProducerEpoch        *int16                      `json:"nextProducerEpoch,omitempty"`
	TimeoutMs                int32                       `json:"transactionTimeoutMs"`
	Status                   int8                        `json:"transactionStatus"`
	Partitions               []transactionPartitionsJSON `json:"transactionPartitions"`
	LastUpdateTimestampMs    int64                       `json:"transactionLastUpdateTimestampMs"`
	StartTimestampMs         int64                       `json:"transactionStartTimestampMs"`
	ClientTransactionVersion *int16                      `json:"clientTransactionVersion,omitempty"`
}

type transactionPartitionsJSON struct {
	Topic        string  `json:"topic"`
	PartitionIDs []int32 `json:"partitionIds"`
}

func decodeTransactionRecord(kind int16, key, value []byte) (k, v any, version int16, err error) {
	if kind != 0 {
		return nil, nil, 0, unknownType(kind)
	}
	var tk kmsg.TxnMetadataKey
	if err := readKey(kind, key, tk.ReadFrom); err != nil {
		return nil, nil, 0, err
	}
	k = transactionKeyJSON{tk.TransactionalID}
	if value == nil {
		return k, nil, 0, nil
	}
	var m kmsg.TxnMetadataValue
	if err := readValue(value, 1, m.ReadFrom); err != nil {
		return nil, nil, 0, err
	}
	t := transactionValueJSON{
		ProducerID: m.ProducerID, ProducerEpoch: m.ProducerEpoch, TimeoutMs: m.TimeoutMillis, Status: int8(m.State),
		LastUpdateTimestampMs: m.LastUpdateTimestamp, StartTimestampMs: m.StartTimestamp,
		PreviousProducerID: unless(m.PreviousProducerID, -1), NextProducerID: unless(m.NextProducerID, -1),
		NextProducerEpoch: unless(m.NextProducerEpoch, -1), ClientTransactionVersion: unless(m.ClientTransactionVersion, 0),
	}
	if m.Topics != nil {
		t.Partitions = []transactionPartitionsJSON{}
	}
	for _, topic := range m.Topics {
		t.Partitions = append(t.Partitions, transactionPartitionsJSON{topic.Topic, append([]int32{}, topic.Partitions...)})
	}
	return k, t, m.Version, nil
}

// unless is nil where a tagged field has its default.
func unless[T comparable](v, def T) *T {
	if v == def {
		return nil
	}
	return &v
}

// readValue decodes a value of a version up to newest.
func readValue(b []byte, newest int16, read func([]byte) error) error {
	if len(b) < 2 {
		return errors.New("Could not read version from value's buffer.")
	}
	version := int16(binary.BigEndian.Uint16(b))
	if version < 0 || version > newest {
		return fmt.Errorf("Can't read version %d of the value: %d is the newest known", version, newest)
	}
	if read(b) != nil {
		return fmt.Errorf("Could not read record with version %d from value's buffer due to: null.", version)
	}
	return nil
}

func readKey(kind int16, b []byte, read func([]byte) error) error {
	if read(b) != nil {
		return fmt.Errorf("Could not read record with version %d from key's buffer due to: null.", kind)
	}
	return nil
}
