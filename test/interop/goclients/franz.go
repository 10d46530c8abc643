package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct{}

func (franz) codecs() string { return "none gzip snappy lz4 zstd" }

func (franz) create(address, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = kadm.NewClient(cl).CreateTopic(context.Background(), 1, 1, nil, topic)
	return err
}

func (franz) produce(address, topic, codec string, first, count int) error {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchCompression(codecs[codec]), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var records []*kgo.Record
	for i := first; i < first+count; i++ {
		records = append(records, &kgo.Record{Topic: topic, Key: key(i), Value: value(i), Timestamp: time.UnixMilli(base + int64(i)),
			Headers: []kgo.RecordHeader{{Key: "n", Value: []byte(strconv.Itoa(i))}}})
	}
	return cl.ProduceSync(context.Background(), records...).FirstErr()
}

func (franz) consume(address, topic string, at start, count int) error {
	offset := kgo.NewOffset().At(at.offset)
	if at.ms > 0 {
		offset = kgo.NewOffset().AfterMilli(at.ms)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: offset}}))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for n := 0; n < count; {
		fetches := cl.PollRecords(ctx, count-n)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, r := range fetches.Records() {
			var headers []string
			for _, h := range r.Headers {
				headers = append(headers, h.Key+"="+string(h.Value))
			}
			line(r.Offset, r.Timestamp, r.Key, r.Value, headers...)
			n++
		}
	}
	return nil
}

func (franz) errors(address, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchMaxBytes(10_000_000), kgo.BrokerMaxWriteBytes(20_000_000),
		kgo.UnknownTopicRetries(1), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableIdempotentWrite(), kgo.RecordRetries(2),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(1_000_000)}}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: make([]byte, 2_000_000)}).FirstErr(); errors.Is(err, kerr.MessageTooLarge) {
		fmt.Println("too-large")
	}
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "no-such-topic", Value: []byte("x")}).FirstErr(); errors.Is(err, kerr.UnknownTopicOrPartition) {
		fmt.Println("unknown-topic")
	}
	if err := cl.PollFetches(ctx).Err(); errors.Is(err, kerr.OffsetOutOfRange) {
		fmt.Println("bad-offset")
	}
	return nil
}

func (franz) member(ctx context.Context, address, topic, group, mode, name string) error {
	balancer := kgo.RangeBalancer()
	if mode == "cooperative" {
		balancer = kgo.CooperativeStickyBalancer()
	}
	opts := []kgo.Opt{kgo.SeedBrokers(address), kgo.ClientID(name), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Balancers(balancer),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatEvery)}
	if mode == "consumer" {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) { sayRead(r.Partition, r.Offset) })
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if n := len(p.Records); n > 0 {
				limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				sayCommitted(p.Partition, p.Records[n-1].Offset+1, cl.CommitRecords(limited, p.Records[n-1]))
				cancel()
			}
		})
		cl.AllowRebalance()
	}
	return nil
}
