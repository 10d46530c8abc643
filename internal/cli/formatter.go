package cli

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// formatter prints records: write returns errors of the output and of fields that cannot be read (*fieldError).
type formatter interface {
	write(out *bufio.Writer, r *kgo.Record) error
}

// fieldError is a key, value or header that its deserializer refuses.
type fieldError struct{ err error }

func (e *fieldError) Error() string { return e.err.Error() }

// oldFormatters are names that Kafka's formatters of internal topics had before they moved.
func oldFormatters() map[string]string {
	return map[string]string{
		"kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter":        "OffsetsMessageFormatter",
		"kafka.coordinator.group.GroupMetadataManager$GroupMetadataMessageFormatter":  "GroupMetadataMessageFormatter",
		"kafka.coordinator.transaction.TransactionLog$TransactionLogMessageFormatter": "TransactionLogMessageFormatter",
	}
}

// newFormatter finds a formatter by its Java class name.
func newFormatter(class string, p *Properties, log io.Writer) (formatter, error) {
	if name, old := oldFormatters()[class]; old {
		moved := "org.apache.kafka.tools.consumer." + name
		fmt.Fprintf(log, "WARNING: %s is deprecated. Please use %s instead\n", class, moved)
		class = moved
	}
	short := strings.TrimPrefix(class, "org.apache.kafka.tools.consumer.")
	if short == class {
		short = strings.TrimPrefix(class, "kafka.tools.")
	}
	if short == class {
		return nil, Usage(class)
	}
	switch short {
	case "NoOpMessageFormatter":
		return noFormatter{}, nil
	case "DefaultMessageFormatter":
		return newRecordFormatter(p, log), nil
	case "LoggingMessageFormatter":
		return loggingFormatter{newRecordFormatter(p, log), log}, nil
	}
	if f, ok := coordinatorFormatterNamed(short); ok {
		return f, nil
	}
	return nil, Usage(class)
}

// noFormatter prints nothing: for measuring.
type noFormatter struct{}

func (noFormatter) write(*bufio.Writer, *kgo.Record) error { return nil }

// loggingFormatter prints records and logs each of them, too.
type loggingFormatter struct {
	*recordFormatter
	log io.Writer
}

func (f loggingFormatter) write(out *bufio.Writer, r *kgo.Record) error {
	field := func(name string, b []byte) string {
		if b == nil {
			return name + ":null"
		}
		return name + ":" + string(b)
	}
	fmt.Fprintf(f.log, "INFO %s:%d, %s, %s\n", timestampType(r), r.Timestamp.UnixMilli(), field("key", r.Key),
		field("value", r.Value))
	return f.recordFormatter.write(out, r)
}

// recordFormatter is Kafka's DefaultMessageFormatter:
//
//	timestamp SEP Partition:P SEP Offset:O SEP Delivery: SEP Epoch: SEP headers SEP key SEP value LINE
//
// where each part is there if asked for, and the last one is followed by the line separator.
type recordFormatter struct {
	timestamp, partition, offset, delivery, epoch, headers, key, value bool

	keySeparator, lineSeparator, headersSeparator string
	null                                          []byte
	readKey, readValue, readHeader                deserializer // nil: as it is
}

func newRecordFormatter(p *Properties, log io.Writer) *recordFormatter {
	f := &recordFormatter{
		timestamp: p.True("print.timestamp", false), partition: p.True("print.partition", false),
		offset:   p.True("print.offset", false),
		delivery: p.True("print.delivery", false), epoch: p.True("print.epoch", false), headers: p.True("print.headers", false),
		key: p.True("print.key", false), value: p.True("print.value", true),
		keySeparator: p.Value("key.separator", "\t"), lineSeparator: p.Value("line.separator", "\n"),
		headersSeparator: p.Value("headers.separator", ","), null: []byte(p.Value("null.literal", "null")),
	}
	for key, target := range map[string]*deserializer{"key.deserializer": &f.readKey, "value.deserializer": &f.readValue,
		"headers.deserializer": &f.readHeader} {
		if class, ok := p.Get(key); ok {
			read, known := deserializerNamed(class)
			if !known {
				fmt.Fprintf(log, "ERROR Unable to instantiate a deserializer from %s\n", class)
			}
			*target = read
		}
	}
	return f
}

// part is one column of a line.
type part struct {
	on    bool
	print func(out *bufio.Writer, r *kgo.Record) error
}

func (f *recordFormatter) write(out *bufio.Writer, r *kgo.Record) error {
	parts := [...]part{{f.timestamp, writeTimestamp}, {f.partition, writePartition}, {f.offset, writeOffset},
		{f.delivery, writeDelivery}, {f.epoch, writeEpoch}, {f.headers, f.writeHeaders},
		{f.key, func(out *bufio.Writer, r *kgo.Record) error { return f.writeField(out, f.readKey, r.Key) }},
		{f.value, func(out *bufio.Writer, r *kgo.Record) error { return f.writeField(out, f.readValue, r.Value) }}}
	first := true
	for _, p := range parts {
		if !p.on {
			continue
		}
		if !first {
			out.WriteString(f.keySeparator)
		}
		first = false
		if err := p.print(out, r); err != nil {
			return err
		}
	}
	if first {
		return nil
	}
	_, err := out.WriteString(f.lineSeparator)
	return err
}

func (f *recordFormatter) writeField(out *bufio.Writer, read deserializer, data []byte) error {
	if data == nil {
		data = f.null
	}
	if read != nil {
		text, err := read(data)
		if err != nil {
			return &fieldError{err}
		}
		data = text
	}
	_, err := out.Write(data)
	return err
}

func (f *recordFormatter) writeHeaders(out *bufio.Writer, r *kgo.Record) error {
	if len(r.Headers) == 0 {
		out.WriteString("NO_HEADERS")
	}
	for i, header := range r.Headers {
		if i > 0 {
			out.WriteString(f.headersSeparator)
		}
		out.WriteString(header.Key)
		out.WriteByte(':')
		if err := f.writeField(out, f.readHeader, header.Value); err != nil {
			return err
		}
	}
	return nil
}

// timestampType is CreateTime, LogAppendTime, or NO_TIMESTAMP for records that have none.
func timestampType(r *kgo.Record) string {
	switch r.Attrs.TimestampType() {
	case 0:
		return "CreateTime"
	case 1:
		return "LogAppendTime"
	}
	return "NO_TIMESTAMP"
}

func writeTimestamp(out *bufio.Writer, r *kgo.Record) error {
	kind := timestampType(r)
	out.WriteString(kind)
	if kind != "NO_TIMESTAMP" {
		out.WriteByte(':')
		out.WriteString(strconv.FormatInt(r.Timestamp.UnixMilli(), 10))
	}
	return nil
}

func writePartition(out *bufio.Writer, r *kgo.Record) error {
	out.WriteString("Partition:")
	out.WriteString(strconv.Itoa(int(r.Partition)))
	return nil
}

func writeOffset(out *bufio.Writer, r *kgo.Record) error {
	out.WriteString("Offset:")
	out.WriteString(strconv.FormatInt(r.Offset, 10))
	return nil
}

// writeDelivery: only share groups count deliveries.
func writeDelivery(out *bufio.Writer, _ *kgo.Record) error {
	_, err := out.WriteString("Delivery:NOT_PRESENT")
	return err
}

// writeEpoch prints what Kafka's tool prints: it loses the epoch on the way to its formatter.
func writeEpoch(out *bufio.Writer, _ *kgo.Record) error {
	_, err := out.WriteString("Epoch:NOT_PRESENT")
	return err
}
