package api

import (
	"errors"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ofAdmin maps admin.Reason.
func ofAdmin(r admin.Reason) *kerr.Error {
	switch r {
	case admin.InvalidRequest:
		return kerr.InvalidRequest
	case admin.InvalidTopic:
		return kerr.InvalidTopicException
	case admin.TopicExists:
		return kerr.TopicAlreadyExists
	case admin.UnknownTopic:
		return kerr.UnknownTopicOrPartition
	case admin.UnknownTopicID:
		return kerr.UnknownTopicID
	case admin.InvalidPartitions:
		return kerr.InvalidPartitions
	case admin.InvalidReplicationFactor:
		return kerr.InvalidReplicationFactor
	case admin.InvalidAssignment:
		return kerr.InvalidReplicaAssignment
	case admin.InvalidConfig:
		return kerr.InvalidConfig
	case admin.DeletionDisabled:
		return kerr.TopicDeletionDisabled
	case admin.ReassignmentInProgress:
		return kerr.ReassignmentInProgress
	case admin.TimedOut:
		return kerr.RequestTimedOut
	}
	return kerr.UnknownServerError
}

// adminError gives code and text of what admin answered; no text where there is none to give.
func (s *Services) adminError(err error) (code int16, text *string) {
	if err == nil {
		return 0, nil
	}
	code = s.code(err)
	var refusal *admin.Refusal
	if errors.As(err, &refusal) && refusal.Text != "" {
		text = &refusal.Text
	}
	return code, text
}

// repeated finds what a request names more than once.
func repeated[T any, K comparable](items []T, key func(*T) K) map[K]bool {
	seen, twice := map[K]bool{}, map[K]bool{}
	for i := range items {
		k := key(&items[i])
		if seen[k] {
			twice[k] = true
		}
		seen[k] = true
	}
	return twice
}
