package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A frame is a size (int32, without itself) and that many bytes. A request's bytes are its header, then its body:
//
//	v0  key int16 | version int16 | correlation id int32                        ControlledShutdown v0 alone
//	v1  v0 | client id nullable string
//	v2  v1 | tags                                                               bodies that are flexible (KIP-482)
//
// A response's bytes are its header, then its body:
//
//	v0  correlation id int32
//	v1  v0 | tags                                                               flexible bodies, but never ApiVersions
//
// The client id is a nullable string of int16 length in every version, so that a broker can read the head of a request it does not know.

// SizeOfSize is the length of a frame's size field, in bytes.
const SizeOfSize = 4

// ErrMalformed is wrapped by every error that says that a frame or a request is not what it should be.
var ErrMalformed = errors.New("malformed request")

// noFlexible marks a key without flexible versions.
const noFlexible = int16(1<<15 - 1)

// flexibleFrom is the first flexible version of each key, taken from kmsg once; nothing changes it.
var flexibleFrom = firstFlexibleVersions()

func firstFlexibleVersions() []int16 {
	first := make([]int16, kmsg.MaxKey+1)
	for key := range first {
		first[key] = noFlexible
		req := kmsg.RequestForKey(int16(key))
		if req == nil {
			continue
		}
		for version := int16(0); version <= req.MaxVersion(); version++ {
			if req.SetVersion(version); req.IsFlexible() {
				first[key] = version
				break
			}
		}
	}
	return first
}

// Flexible tells whether a key's body at a version is flexible (KIP-482).
func Flexible(key, version int16) bool {
	return key >= 0 && int(key) < len(flexibleFrom) && version >= flexibleFrom[key]
}

// ParseRequestHeader splits a request (without its size) into header and body. A client id equal to lastClientID is not allocated anew:
// a connection's requests carry the same one.
func ParseRequestHeader(b []byte, lastClientID string) (RequestHeader, []byte, error) {
	var h RequestHeader
	if len(b) < 8 {
		return h, nil, fmt.Errorf("%w: %d bytes are too few for a header", ErrMalformed, len(b))
	}
	h.Key = int16(binary.BigEndian.Uint16(b))
	h.Version = int16(binary.BigEndian.Uint16(b[2:]))
	h.CorrelationID = int32(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	if h.Key == int16(kmsg.ControlledShutdown) && h.Version == 0 {
		return h, b, nil
	}
	if len(b) < 2 {
		return h, nil, fmt.Errorf("%w: the header ends before the client id", ErrMalformed)
	}
	size := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if size > len(b) {
		return h, nil, fmt.Errorf("%w: a client id of %d bytes where %d are left", ErrMalformed, size, len(b))
	}
	if size > 0 {
		if string(b[:size]) == lastClientID {
			h.ClientID = lastClientID
		} else {
			h.ClientID = string(b[:size])
		}
		b = b[size:]
	}
	if !Flexible(h.Key, h.Version) {
		return h, b, nil
	}
	b, ok := skipTags(b)
	if !ok {
		return h, nil, fmt.Errorf("%w: the header's tags are cut off", ErrMalformed)
	}
	return h, b, nil
}

// AppendRequestHeader appends a request's header, without a size. An empty client id is sent as null.
func AppendRequestHeader(dst []byte, h RequestHeader) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	if h.Key == int16(kmsg.ControlledShutdown) && h.Version == 0 {
		return dst
	}
	if h.ClientID == "" {
		dst = append(dst, 0xff, 0xff)
	} else {
		dst = appendString(dst, h.ClientID)
	}
	if Flexible(h.Key, h.Version) {
		dst = append(dst, 0)
	}
	return dst
}

// ReplyHeaderBytes is the most that AppendReplyHeader appends.
const ReplyHeaderBytes = SizeOfSize + 4 + 1

// AppendReplyHeader appends the size and the header of a response whose body has bodyBytes bytes.
func AppendReplyHeader(dst []byte, h RequestHeader, bodyBytes int) []byte {
	flexible := Flexible(h.Key, h.Version) && h.Key != int16(kmsg.ApiVersions)
	size := 4 + bodyBytes
	if flexible {
		size++
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}

// ParseReplyHeader splits a response (without its size) to a request of that key and version into correlation id and body.
func ParseReplyHeader(b []byte, key, version int16) (correlationID int32, body []byte, err error) {
	if len(b) < 4 {
		return 0, nil, fmt.Errorf("%w: %d bytes are too few for a response's header", ErrMalformed, len(b))
	}
	correlationID, b = int32(binary.BigEndian.Uint32(b)), b[4:]
	if Flexible(key, version) && key != int16(kmsg.ApiVersions) {
		var ok bool
		if b, ok = skipTags(b); !ok {
			return 0, nil, fmt.Errorf("%w: the response header's tags are cut off", ErrMalformed)
		}
	}
	return correlationID, b, nil
}
