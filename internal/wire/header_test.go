package wire

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRequestHeadersAreKmsgs takes the head off what kmsg formats, for every key and version.
func TestRequestHeadersAreKmsgs(t *testing.T) {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("someone"))
	for key := range int16(kmsg.MaxKey + 1) {
		req := kmsg.RequestForKey(key)
		for version := int16(0); req != nil && version <= req.MaxVersion(); version++ {
			if key == int16(kmsg.ControlledShutdown) && version == 0 {
				continue // kmsg formats no body here; see TestControlledShutdownV0
			}
			req.SetVersion(version)
			frame := formatter.AppendRequest(nil, req, 77)
			h, body, err := ParseRequestHeader(frame[SizeOfSize:], "")
			if err != nil {
				t.Fatalf("key %d version %d: %v", key, version, err)
			}
			want := RequestHeader{Key: key, Version: version, CorrelationID: 77, ClientID: "someone"}
			if h != want || string(body) != string(req.AppendTo(nil)) {
				t.Fatalf("key %d version %d: got %+v and a body of %d bytes", key, version, h, len(body))
			}
			if again := AppendRequestHeader(nil, h); string(again) != string(frame[SizeOfSize:len(frame)-len(body)]) {
				t.Fatalf("key %d version %d: encoded as %x", key, version, again)
			}
		}
	}
}

func TestControlledShutdownV0HasNoClientID(t *testing.T) {
	frame := AppendRequestHeader(nil, RequestHeader{Key: int16(kmsg.ControlledShutdown), CorrelationID: 3, ClientID: "unsent"})
	h, body, err := ParseRequestHeader(append(frame, 0, 0, 0, 9), "")
	if err != nil || h.CorrelationID != 3 || h.ClientID != "" || string(body) != "\x00\x00\x00\x09" {
		t.Fatalf("%+v %x %v", h, body, err)
	}
}

func TestReplyHeaders(t *testing.T) {
	for _, c := range []struct {
		key     kmsg.Key
		version int16
		want    string
	}{
		{kmsg.Metadata, 8, "\x00\x00\x00\x0e\x00\x00\x00\x05"},
		{kmsg.Metadata, 9, "\x00\x00\x00\x0f\x00\x00\x00\x05\x00"},
		{kmsg.ApiVersions, 3, "\x00\x00\x00\x0e\x00\x00\x00\x05"}, // a client does not know yet what the broker knows
	} {
		h := RequestHeader{Key: int16(c.key), Version: c.version, CorrelationID: 5}
		got := AppendReplyHeader(nil, h, 10)
		if string(got) != c.want {
			t.Errorf("%v version %d: %x, want %x", c.key, c.version, got, c.want)
		}
		id, body, err := ParseReplyHeader(append(got[SizeOfSize:], "body"...), h.Key, h.Version)
		if err != nil || id != 5 || string(body) != "body" {
			t.Errorf("%v version %d: parsed %d %q %v", c.key, c.version, id, body, err)
		}
	}
}

func TestKnownClientIDIsNotAllocated(t *testing.T) {
	frame := AppendRequestHeader(nil, RequestHeader{Key: 0, Version: 3, ClientID: "a client whose name is long"})
	h, _, err := ParseRequestHeader(frame, "")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = ParseRequestHeader(frame, h.ClientID) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzRequestHeader(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add(AppendRequestHeader(nil, RequestHeader{Key: 18, Version: 4, CorrelationID: 1, ClientID: "x"}))
	f.Add(AppendRequestHeader(nil, RequestHeader{Key: 7}))
	f.Add([]byte{0, 18, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := ParseRequestHeader(b, "")
		if err == nil && len(body) > len(b) {
			t.Fatalf("%+v: a body of %d bytes in %d", h, len(body), len(b))
		}
	})
}
