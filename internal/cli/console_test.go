package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestLineReader(t *testing.T) {
	for _, c := range []struct{ props, input, want string }{
		{"", "a\nb\r\n\nlast", `<nil>="a" | <nil>="b" | <nil>="" | <nil>="last"`},
		{"", "", ""},
		{"parse.key=true", "k\tv\nk2\tv\t2\n", `"k"="v" | "k2"="v\t2"`},
		{"parse.key=true", "none\n", `error No key separator found on line number 1: 'none'`},
		{"parse.key=true ignore.error=true", "none\n", `<nil>="none"`},
		{"parse.key=true key.separator=::", "a::b", `"a"="b"`},
		{"parse.key=true key.separator=", "ab", `""="ab"`},
		{"parse.key=true null.marker=NULL key.separator=:", "NULL:NULL\nx:NULL\n", `<nil>=<nil> | "x"=<nil>`},
		{"parse.headers=true", "h1:v1,h2:v2\tvalue\n", `<nil>="value" h1="v1" h2="v2"`},
		{"parse.headers=true parse.key=true", "h:v\tk\tvalue\n", `"k"="value" h="v"`},
		{"parse.headers=true parse.key=true", "\tk\tv\n", `error No header key separator found in pair '' on line number 1`},
		{"parse.headers=true null.marker=N", "N\tvalue\nh:N\tv\n", `<nil>="value" | <nil>="v" h=<nil>`},
		{"parse.headers=true null.marker=N", "N:x\tv\n", `error Header keys should not be equal to the null marker 'N' as they can't be null`},
		{"parse.headers=true ignore.error=true", "h\tv\n", `<nil>="v" h=<nil>`},
		{"headers.delimiter=,", "", `error headers.delimiter and headers.separator may not be equal`},
		{"null.marker=,", "", `error null.marker and headers.separator may not be equal`},
	} {
		p := newProperties()
		p.SetPairs(strings.Fields(c.props))
		if got := readAll(c.input, p); got != c.want {
			t.Errorf("%s of %q:\n got %s\nwant %s", c.props, c.input, got, c.want)
		}
	}
}

func readAll(input string, p *Properties) string {
	show := func(b []byte) string {
		if b == nil {
			return "<nil>"
		}
		return fmt.Sprintf("%q", b)
	}
	failed := func(err error) string { return "error " + err.(*lineError).message }
	reader, err := newLineReader(strings.NewReader(input), "t", p)
	if err != nil {
		return failed(err)
	}
	var records []string
	for {
		record, err := reader.next()
		if err == io.EOF {
			return strings.Join(records, " | ")
		}
		if err != nil {
			return failed(err)
		}
		text := show(record.Key) + "=" + show(record.Value)
		for _, header := range record.Headers {
			text += " " + header.Key + "=" + show(header.Value)
		}
		records = append(records, text)
	}
}

// A line longer than any buffer stays one record.
func TestLineReaderLongLine(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	reader, err := newLineReader(strings.NewReader(long+"\nshort\n"), "t", newProperties())
	if err != nil {
		t.Fatal(err)
	}
	first, err := reader.next()
	if err != nil || len(first.Value) != len(long) {
		t.Fatalf("first: %d bytes, %v", len(first.Value), err)
	}
	if second, err := reader.next(); err != nil || string(second.Value) != "short" {
		t.Errorf("second: %q %v", second.Value, err)
	}
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("h1:v1,h2:v2\tkey\tvalue\n"), true, true, true)
	f.Add([]byte("\t\t\n\r\n"), true, true, false)
	f.Fuzz(func(t *testing.T, input []byte, key, headers, lenient bool) {
		p := newProperties()
		p.Set("parse.key", fmt.Sprint(key))
		p.Set("parse.headers", fmt.Sprint(headers))
		p.Set("ignore.error", fmt.Sprint(lenient))
		reader, err := newLineReader(bytes.NewReader(input), "t", p)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			if _, err := reader.next(); err != nil {
				if lenient && err != io.EOF {
					t.Fatalf("ignoring errors, it gave %v", err)
				}
				return
			}
			if n > len(input) {
				t.Fatal("more records than bytes")
			}
		}
	})
}

func TestRecordFormatter(t *testing.T) {
	record := &kgo.Record{Partition: 3, Offset: 42, LeaderEpoch: 7, Key: []byte("k"), Value: []byte("v"),
		Timestamp: time.UnixMilli(1700000000123), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "n"}}}
	for _, c := range []struct{ props, want string }{
		{"", "v\n"},
		{"print.key=true", "k\tv\n"},
		{"print.key=true print.value=false", "k\n"},
		{"print.value=false", ""},
		{"print.timestamp=true print.key=true", "CreateTime:1700000000123\tk\tv\n"},
		{"print.partition=true print.offset=true print.epoch=true print.delivery=true print.headers=true print.key=true",
			"Partition:3\tOffset:42\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\th:1,n:null\tk\tv\n"},
		{"print.headers=true headers.separator=; null.literal=NIL key.separator=- line.separator=|", "h:1;n:NIL-v|"},
		{"print.key=true key.deserializer=org.apache.kafka.common.serialization.StringDeserializer", "k\tv\n"},
	} {
		p := newProperties()
		p.SetPairs(strings.Fields(c.props))
		if got := format(t, newRecordFormatter(p, io.Discard), record); got != c.want {
			t.Errorf("%s: %q, want %q", c.props, got, c.want)
		}
	}
	p := newProperties()
	p.SetPairs([]string{"print.headers=true", "print.key=true"})
	if got := format(t, newRecordFormatter(p, io.Discard), &kgo.Record{}); got != "NO_HEADERS\tnull\tnull\n" {
		t.Errorf("an empty record: %q", got)
	}
}

func format(t *testing.T, f formatter, record *kgo.Record) string {
	t.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	if err := f.write(w, record); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return out.String()
}

func TestFormatterNames(t *testing.T) {
	for class, known := range map[string]bool{"org.apache.kafka.tools.consumer.DefaultMessageFormatter": true,
		"kafka.tools.DefaultMessageFormatter": true, "org.apache.kafka.tools.consumer.NoOpMessageFormatter": true,
		"LoggingMessageFormatter": false, "nosuch.Formatter": false} {
		if _, err := newFormatter(class, newProperties(), io.Discard); (err == nil) != known {
			t.Errorf("%s: %v", class, err)
		}
	}
}

func TestDeserializers(t *testing.T) {
	double := math.Float64bits(2)
	for _, c := range []struct {
		class string
		data  []byte
		want  string
	}{
		{"Long", []byte{255, 255, 255, 255, 255, 255, 255, 254}, "-2"},
		{"Long", []byte("null"), "error Size of data received by LongDeserializer is not 8"},
		{"Integer", []byte{0, 0, 1, 0}, "256"},
		{"Short", []byte{255, 255}, "-1"},
		{"Double", []byte{byte(double >> 56), byte(double >> 48), 0, 0, 0, 0, 0, 0}, "2.0"},
		{"Float", []byte{0x3d, 0xcc, 0xcc, 0xcd}, "0.1"},
		{"Boolean", []byte{1}, "true"},
		{"UUID", []byte("123e4567-e89b-12d3-a456-426614174000"), "123e4567-e89b-12d3-a456-426614174000"},
		{"UUID", []byte("no"), "error Error parsing data into UUID"},
		{"String", []byte("é"), "é"},
	} {
		read, ok := deserializerNamed("org.apache.kafka.common.serialization." + c.class + "Deserializer")
		if !ok {
			t.Fatalf("no deserializer %s", c.class)
		}
		text, err := read(c.data)
		got := string(text)
		if err != nil {
			got = "error " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s of %v: %q, want %q", c.class, c.data, got, c.want)
		}
	}
	if _, ok := deserializerNamed("nosuch"); ok {
		t.Error("a deserializer nosuch")
	}
}
