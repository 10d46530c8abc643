package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// apiError is an error code that a broker answered, with the words that Kafka's tools print for it.
type apiError struct {
	code    int16
	message string // the broker's own words; empty: the code's usual ones
}

// codeError is nil for code 0, else the code's error with the broker's message where there is one.
func codeError(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	e := &apiError{code: code}
	if message != nil {
		e.message = *message
	}
	return e
}

// isCode tells whether err is the answer err says.
func isCode(err error, want *kerr.Error) bool {
	var e *apiError
	return errors.As(err, &e) && e.code == want.Code
}

func (e *apiError) Error() string {
	if e.message != "" {
		return e.message
	}
	if text, ok := javaMessage(e.code); ok {
		return text
	}
	return kerr.TypedErrorForCode(e.code).Description
}

// javaMessage gives the words of Kafka's Java client where they are not the library's.
func javaMessage(code int16) (string, bool) {
	switch code {
	case kerr.NotLeaderForPartition.Code:
		return "For requests intended only for the leader, this error indicates that the broker is not the current leader. " +
			"For requests intended for any replica, this error indicates that the broker is not a replica of " +
			"the topic partition.", true
	case kerr.InvalidGroupID.Code:
		return "The group id is invalid.", true
	case kerr.TopicAuthorizationFailed.Code:
		return "Topic authorization failed.", true
	case kerr.GroupAuthorizationFailed.Code:
		return "Group authorization failed.", true
	case kerr.InvalidProducerEpoch.Code:
		return "Producer attempted to produce with an old epoch.", true
	case kerr.InvalidRecord.Code:
		return "This record has failed the validation on broker and hence will be rejected.", true
	}
	description := kerr.TypedErrorForCode(code).Description
	if !strings.HasSuffix(description, ".") {
		return description + ".", true
	}
	return "", false
}

// javaClass names the exception of Kafka's Java client for a code, which some tools print.
func javaClass(code int16) string {
	name := kerr.TypedErrorForCode(code).Message
	switch name {
	case "UNKNOWN_SERVER_ERROR":
		name = "UNKNOWN_SERVER"
	case "CORRUPT_MESSAGE":
		name = "CORRUPT_RECORD"
	case "REQUEST_TIMED_OUT":
		name = "TIMEOUT"
	case "MESSAGE_TOO_LARGE":
		name = "RECORD_TOO_LARGE"
	case "STALE_CONTROLLER_EPOCH":
		name = "CONTROLLER_MOVED"
	case "RECORD_LIST_TOO_LARGE":
		name = "RECORD_BATCH_TOO_LARGE"
	case "TOPIC_ALREADY_EXISTS":
		name = "TOPIC_EXISTS"
	case "INVALID_CONFIG":
		name = "INVALID_CONFIGURATION"
	case "INVALID_PRODUCER_ID_MAPPING":
		name = "INVALID_PID_MAPPING"
	case "OUT_OF_ORDER_SEQUENCE_NUMBER":
		name = "OUT_OF_ORDER_SEQUENCE"
	case "DUPLICATE_SEQUENCE_NUMBER":
		name = "DUPLICATE_SEQUENCE"
	case "NON_EMPTY_GROUP":
		name = "GROUP_NOT_EMPTY"
	default:
		for _, ending := range []string{"_AUTHORIZATION_FAILED", "_AUTHENTICATION_FAILED"} {
			if stem, ok := strings.CutSuffix(name, ending); ok {
				name = stem + strings.TrimSuffix(ending, "_FAILED")
			}
		}
		name = strings.TrimSuffix(strings.TrimSuffix(name, "_EXCEPTION"), "_STORAGE_ERROR")
		if name == "KAFKA" {
			name = "KAFKA_STORAGE"
		}
	}
	var class strings.Builder
	class.WriteString("org.apache.kafka.common.errors.")
	for _, word := range strings.Split(name, "_") {
		class.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return class.String() + "Exception"
}

// javaError is an error with its exception's name before it, as Java prints one: "class: message".
func javaError(err error) string {
	var answered *apiError
	var late *timeoutError
	var config *configError
	switch {
	case errors.As(err, &config):
		return "org.apache.kafka.common.config.ConfigException: " + config.Error()
	case errors.As(err, &answered):
		return javaClass(answered.code) + ": " + answered.Error()
	case errors.As(err, &late):
		return "org.apache.kafka.common.errors.TimeoutException: " + late.Error()
	}
	return err.Error()
}

// exceptionOf is the name of the exception alone.
func exceptionOf(err error) string {
	var answered *apiError
	var late *timeoutError
	switch {
	case errors.As(err, &answered):
		return javaClass(answered.code)
	case errors.As(err, &late):
		return "org.apache.kafka.common.errors.TimeoutException"
	}
	return "org.apache.kafka.common.KafkaException"
}

// timeoutError is a request that found no broker in its time.
type timeoutError struct{ message string }

func (e *timeoutError) Error() string { return e.message }

// unsupportedRequest tells whether the broker does not know this kind of request. The client library has no exported
// error for it.
func unsupportedRequest(err error) bool {
	return isCode(err, kerr.UnsupportedVersion) || strings.Contains(err.Error(), "request key is unknown") ||
		strings.Contains(err.Error(), "broker is too old")
}

// namedUnsupported gives an error of unsupportedRequest the words of Kafka's client: LIST_CONFIG_RESOURCES is not known.
func namedUnsupported(err error, request kmsg.Request) error {
	if err == nil || !unsupportedRequest(err) {
		return err
	}
	var name strings.Builder
	for i, letter := range kmsg.NameForKey(request.Key()) {
		if i > 0 && unicode.IsUpper(letter) {
			name.WriteByte('_')
		}
		name.WriteRune(unicode.ToUpper(letter))
	}
	return &apiError{code: kerr.UnsupportedVersion.Code, message: "The node does not support " + name.String()}
}

// dialReason is the part of a failed dial that says something to a user: "connection refused", "no such host".
func dialReason(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		text := op.Err.Error()
		return strings.TrimPrefix(text, "connect: ")
	}
	return fmt.Sprint(err)
}
