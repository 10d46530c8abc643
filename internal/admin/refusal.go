package admin

import "fmt"

// Reason says why something is refused; api has Kafka's code for each.
type Reason int

// Reasons.
const (
	InvalidRequest Reason = iota + 1
	InvalidTopic
	TopicExists
	UnknownTopic
	UnknownTopicID
	InvalidPartitions
	InvalidReplicationFactor
	InvalidAssignment
	InvalidConfig
	DeletionDisabled
	ReassignmentInProgress
	// TimedOut: it was written, but is not in force yet.
	TimedOut
	// Unknown: Kafka's UNKNOWN_SERVER_ERROR, where Kafka itself answers that.
	Unknown
)

// Refusal is an expected error: the reason and Kafka's text for the client ("" none).
type Refusal struct {
	Reason Reason
	Text   string
}

func (r *Refusal) Error() string { return r.Text }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}
