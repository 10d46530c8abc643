package record

// Rules is what a topic demands of the batches that a client appends.
type Rules struct {
	MaxMessageBytes   int
	Codec             Codec // ProducerCodec keeps what the producer chose
	Level             int
	TimestampType     TimestampType
	TimestampBeforeMs int64 // how far a record's time may lie before now
	TimestampAfterMs  int64 // and after it
	KeysRequired      bool  // compacted topic
	// Partition is "topic-0", for messages only. A topic's rules leave it empty; the partition sets it in its copy.
	Partition string
}

// ProducerCodec in Rules.Codec keeps the producer's codec.
const ProducerCodec Codec = -1

// Origin is who appends: what a coordinator or a marker may do, a client may not.
type Origin int

const (
	FromClient Origin = iota
	FromCoordinator
	FromReplication
)

// RecordError is one record of a batch that was refused, by its index in the batch.
type RecordError struct {
	Index   int32
	Message string
}

// Refusal is a batch that a topic does not take. It is an expected error; api maps Reason to Kafka's code.
type Refusal struct {
	Reason  Reason
	Message string // for logs; what the client is told is ClientMessage
	Records []RecordError
	// Unframed tells that the data was not one whole batch: Kafka refuses that before it looks at the partition.
	Unframed bool
	told     bool
}

// ClientMessage is the message that Kafka puts into the produce response: mostly none, the code stands alone.
func (r *Refusal) ClientMessage() *string {
	if r.told || len(r.Records) > 0 {
		return &r.Message
	}
	return nil
}

// Reason is why a batch was refused.
type Reason int

const (
	Corrupt              Reason = iota // CORRUPT_MESSAGE
	InvalidRecord                      // INVALID_RECORD
	TooLarge                           // MESSAGE_TOO_LARGE
	InvalidTimestamp                   // INVALID_TIMESTAMP
	UnsupportedCodec                   // UNSUPPORTED_COMPRESSION_TYPE
	UnsupportedForFormat               // UNSUPPORTED_FOR_MESSAGE_FORMAT
)

func (r *Refusal) Error() string { return r.Message }

// Checked is a partition's data of a produce request after validation: all that is left is SetBaseOffset and SetLeaderEpoch.
type Checked struct {
	Batch Batch // the request's own bytes where nothing had to change
	// MaxTimestamp is the largest of the batch; MaxTimestampOffsetDelta the first record that has it, relative to the base.
	MaxTimestamp            int64
	MaxTimestampOffsetDelta int32
	// AppendTimeMs is nowMs with LogAppendTime, else -1.
	AppendTimeMs int64
}
