package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxLineBytes bounds one line of console-producer's input: no broker takes a larger record.
const maxLineBytes = 1 << 30

// lineReader makes records of lines, as Kafka's LineMessageReader:
//
//	[headers <headers.delimiter>] [key <key.separator>] value
//	headers = name <headers.key.separator> value { <headers.separator> name <headers.key.separator> value }
//
// Bytes are kept as they are. A line ends with \n or \r\n.
type lineReader struct {
	in         *bufio.Reader
	topic      string
	parseKey   bool
	headers    bool
	lenient    bool // ignore.error
	keySep     []byte
	headersEnd []byte // headers.delimiter
	headerSep  []byte // headers.separator
	headerKey  []byte // headers.key.separator
	null       []byte // null.marker
	hasNull    bool
	line       int // number of the line last read
}

// lineError is a line that cannot be parsed, or reader properties that contradict each other.
type lineError struct{ message string }

func (e *lineError) Error() string { return "org.apache.kafka.common.KafkaException: " + e.message }

// newLineReader reads from in by the properties p.
func newLineReader(in io.Reader, topic string, p *Properties) (*lineReader, error) {
	r := &lineReader{
		in: bufio.NewReaderSize(in, 256<<10), topic: topic,
		parseKey: p.True("parse.key", false), headers: p.True("parse.headers", false), lenient: p.True("ignore.error", false),
		keySep: []byte(p.Value("key.separator", "\t")), headersEnd: []byte(p.Value("headers.delimiter", "\t")),
		headerSep: []byte(p.Value("headers.separator", ",")), headerKey: []byte(p.Value("headers.key.separator", ":")),
	}
	null, hasNull := p.Get("null.marker")
	r.null, r.hasNull = []byte(null), hasNull
	same := func(a, b []byte, names string) error {
		if bytes.Equal(a, b) {
			return &lineError{names + " may not be equal"}
		}
		return nil
	}
	checks := []error{
		same(r.headersEnd, r.headerSep, "headers.delimiter and headers.separator"),
		same(r.headersEnd, r.headerKey, "headers.delimiter and headers.key.separator"),
		same(r.headerSep, r.headerKey, "headers.separator and headers.key.separator"),
	}
	if hasNull {
		checks = append(checks, same(r.keySep, r.null, "null.marker and key.separator"),
			same(r.headerSep, r.null, "null.marker and headers.separator"),
			same(r.headersEnd, r.null, "null.marker and headers.delimiter"),
			same(r.headerKey, r.null, "null.marker and headers.key.separator"))
	}
	for _, err := range checks {
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// next gives the next record; io.EOF after the last line. The record keeps its bytes.
func (r *lineReader) next() (*kgo.Record, error) {
	line, err := r.readLine()
	if err != nil {
		return nil, err
	}
	r.line++
	headers, rest, err := r.cut(r.headers, line, line, r.headersEnd, "headers delimiter")
	if err != nil {
		return nil, err
	}
	key, value, err := r.cut(r.parseKey, line, rest, r.keySep, "key separator")
	if err != nil {
		return nil, err
	}
	record := &kgo.Record{Topic: r.topic, Key: r.nullable(key), Value: r.nullable(value)}
	if headers != nil && !r.isNull(headers) {
		if record.Headers, err = r.splitHeaders(headers); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// readLine reads one line into memory of its own.
func (r *lineReader) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLineBytes {
			return nil, fmt.Errorf("line %d is longer than %d bytes", r.line+1, maxLineBytes)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(line) == 0) {
			return nil, err
		}
		return append([]byte{}, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))...), nil
	}
}

// cut takes what stands before separator off rest; nil where this part is not read, or, leniently, is not there.
func (r *lineReader) cut(enabled bool, line, rest, separator []byte, name string) (part, remainder []byte, err error) {
	if !enabled {
		return nil, rest, nil
	}
	i := bytes.Index(rest, separator)
	if i < 0 && r.lenient {
		return nil, rest, nil
	}
	if i < 0 {
		return nil, nil, &lineError{fmt.Sprintf("No %s found on line number %d: '%s'", name, r.line, line)}
	}
	return rest[:i:i], rest[i+len(separator):], nil
}

func (r *lineReader) isNull(b []byte) bool { return r.hasNull && bytes.Equal(b, r.null) }

func (r *lineReader) nullable(b []byte) []byte {
	if r.isNull(b) {
		return nil
	}
	return b
}

// splitHeaders splits headers; empty ones at the end do not count, as in Java's split.
func (r *lineReader) splitHeaders(text []byte) ([]kgo.RecordHeader, error) {
	pairs := strings.Split(string(text), string(r.headerSep))
	for len(pairs) > 1 && pairs[len(pairs)-1] == "" {
		pairs = pairs[:len(pairs)-1]
	}
	var headers []kgo.RecordHeader
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, string(r.headerKey))
		switch {
		case !ok && r.lenient:
			headers = append(headers, kgo.RecordHeader{Key: pair})
			continue
		case !ok:
			return nil, &lineError{fmt.Sprintf("No header key separator found in pair '%s' on line number %d", pair, r.line)}
		case r.isNull([]byte(name)):
			return nil, &lineError{fmt.Sprintf("Header keys should not be equal to the null marker '%s' as they "+
				"can't be null", r.null)}
		}
		headers = append(headers, kgo.RecordHeader{Key: name, Value: r.nullable([]byte(value))})
	}
	return headers, nil
}
