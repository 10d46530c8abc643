package clusterstore

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// flexibleInt is a number that Kafka writes as a JSON string; plain numbers are read too.
type flexibleInt int64

func (f flexibleInt) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatInt(int64(f), 10) + `"`), nil
}

func (f *flexibleInt) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	*f = flexibleInt(n)
	return err
}

// flexibleString is a string where old versions wrote numbers.
type flexibleString string

func (f *flexibleString) UnmarshalJSON(data []byte) error {
	*f = flexibleString(strings.Trim(string(data), `"`))
	return nil
}

// FormatUUID writes an id as Kafka's Uuid does: URL-safe base64 without padding, 22 characters.
func FormatUUID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseUUID reads Kafka's text of an id.
func ParseUUID(text string) (id [16]byte, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("%q is not an id of 16 bytes in URL-safe base64", text)
	}
	return [16]byte(raw), nil
}
