package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

type saramaClient struct{}

func (saramaClient) codecs() string { return "none gzip snappy lz4 zstd" }

func (saramaClient) config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Metadata.AllowAutoTopicCreation = false
	c.Metadata.Retry.Max = 1
	return c
}

func (s saramaClient) create(address, topic string) error {
	admin, err := sarama.NewClusterAdmin([]string{address}, s.config())
	if err != nil {
		return err
	}
	defer admin.Close()
	return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
}

func (s saramaClient) produce(address, topic, codec string, first, count int) error {
	c := s.config()
	c.Producer.Compression = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}[codec]
	c.Producer.Idempotent, c.Net.MaxOpenRequests = true, 1
	p, err := sarama.NewSyncProducer([]string{address}, c)
	if err != nil {
		return err
	}
	defer p.Close()
	var messages []*sarama.ProducerMessage
	for i := first; i < first+count; i++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Key: sarama.ByteEncoder(key(i)), Value: sarama.ByteEncoder(value(i)),
			Timestamp: time.UnixMilli(base + int64(i)), Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: []byte(strconv.Itoa(i))}}})
	}
	return p.SendMessages(messages)
}

func (s saramaClient) consume(address, topic string, at start, count int) error {
	client, err := sarama.NewClient([]string{address}, s.config())
	if err != nil {
		return err
	}
	defer client.Close()
	if at.ms > 0 {
		if at.offset, err = client.GetOffset(topic, 0, at.ms); err != nil {
			return err
		}
	}
	c, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := c.ConsumePartition(topic, 0, at.offset)
	if err != nil {
		return err
	}
	for range count {
		select {
		case m := <-p.Messages():
			var headers []string
			for _, h := range m.Headers {
				headers = append(headers, string(h.Key)+"="+string(h.Value))
			}
			line(m.Offset, m.Timestamp, m.Key, m.Value, headers...)
		case <-time.After(20 * time.Second):
			return errors.New("nothing for 20 s")
		}
	}
	return p.Close()
}

func (s saramaClient) errors(address, topic string) error {
	c := s.config()
	c.Producer.MaxMessageBytes, c.Producer.Retry.Max = 10_000_000, 1
	p, err := sarama.NewSyncProducer([]string{address}, c)
	if err != nil {
		return err
	}
	defer p.Close()
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(make([]byte, 2_000_000))}); err != nil {
		fmt.Println("too-large")
	}
	if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "no-such-topic", Value: sarama.StringEncoder("x")}); err != nil {
		fmt.Println("unknown-topic")
	}
	consumer, err := sarama.NewConsumer([]string{address}, c)
	if err != nil {
		return err
	}
	defer consumer.Close()
	if _, err := consumer.ConsumePartition(topic, 0, 1_000_000); errors.Is(err, sarama.ErrOffsetOutOfRange) {
		fmt.Println("bad-offset")
	}
	return nil
}

func (s saramaClient) member(ctx context.Context, address, topic, group, mode, name string) error {
	c := s.config()
	c.ClientID = name
	c.Consumer.Offsets.Initial, c.Consumer.Offsets.AutoCommit.Enable = sarama.OffsetOldest, false
	c.Consumer.MaxWaitTime = 200 * time.Millisecond
	c.Consumer.Group.Session.Timeout, c.Consumer.Group.Heartbeat.Interval = sessionTimeout, heartbeatEvery
	g, err := sarama.NewConsumerGroup([]string{address}, group, c)
	if err != nil {
		return err
	}
	for ctx.Err() == nil { // Consume returns at each rebalance, and when the broker is away
		if err := g.Consume(ctx, []string{topic}, saramaMember{}); err != nil {
			fmt.Fprintln(os.Stderr, "consume:", err)
			time.Sleep(200 * time.Millisecond)
		}
	}
	return g.Close()
}

// saramaMember says nothing of its commits: sarama does not tell which of them were acknowledged.
type saramaMember struct{}

func (saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			sayRead(m.Partition, m.Offset)
			session.MarkMessage(m, "")
			session.Commit()
		case <-session.Context().Done():
			return nil
		}
	}
}
