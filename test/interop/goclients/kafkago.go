package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// segment is segmentio's kafka-go.
type segment struct{}

func (segment) codecs() string { return "none gzip snappy lz4 zstd" }

func (segment) create(address, topic string) error {
	c, err := kafka.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
}

func (segment) writer(address, topic string) *kafka.Writer {
	return &kafka.Writer{Addr: kafka.TCP(address), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: 20 * time.Millisecond,
		MaxAttempts: 2, BatchBytes: 10_000_000}
}

func (s segment) produce(address, topic, codec string, first, count int) error {
	w := s.writer(address, topic)
	w.Compression = map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}[codec]
	var messages []kafka.Message
	for i := first; i < first+count; i++ {
		messages = append(messages, kafka.Message{Key: key(i), Value: value(i), Time: time.UnixMilli(base + int64(i)),
			Headers: []kafka.Header{{Key: "n", Value: []byte(strconv.Itoa(i))}}})
	}
	return errors.Join(w.WriteMessages(context.Background(), messages...), w.Close())
}

func (segment) reader(address, topic string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address}, Topic: topic, MaxWait: 200 * time.Millisecond, MaxBytes: 10_000_000})
}

func (s segment) consume(address, topic string, at start, count int) error {
	r := s.reader(address, topic)
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := r.SetOffset(at.offset)
	if at.ms > 0 {
		err = r.SetOffsetAt(ctx, time.UnixMilli(at.ms))
	}
	if err != nil {
		return err
	}
	for range count {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return err
		}
		var headers []string
		for _, h := range m.Headers {
			headers = append(headers, h.Key+"="+string(h.Value))
		}
		line(m.Offset, m.Time, m.Key, m.Value, headers...)
	}
	return nil
}

func (s segment) errors(address, topic string) error {
	for name, to := range map[string]string{"too-large": topic, "unknown-topic": "no-such-topic"} {
		w := s.writer(address, to)
		size := 1
		if name == "too-large" {
			size = 2_000_000
		}
		if err := w.WriteMessages(context.Background(), kafka.Message{Value: make([]byte, size)}); err != nil {
			fmt.Println(name)
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	c, err := kafka.DialLeader(context.Background(), "tcp", address, topic, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Seek(1_000_000, kafka.SeekAbsolute); errors.Is(err, kafka.OffsetOutOfRange) {
		fmt.Println("bad-offset")
	}
	return nil
}

func (segment) member(ctx context.Context, address, topic, group, mode, name string) error {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{address}, Topic: topic, GroupID: group, StartOffset: kafka.FirstOffset,
		Dialer:  &kafka.Dialer{ClientID: name, Timeout: 5 * time.Second},
		MaxWait: 200 * time.Millisecond, MaxBytes: 10_000_000, SessionTimeout: sessionTimeout, RebalanceTimeout: sessionTimeout,
		HeartbeatInterval: heartbeatEvery, JoinGroupBackoff: 500 * time.Millisecond})
	for ctx.Err() == nil {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			continue // the end, or the broker is away
		}
		sayRead(int32(m.Partition), m.Offset)
		sayCommitted(int32(m.Partition), m.Offset+1, r.CommitMessages(ctx, m))
	}
	return r.Close()
}
