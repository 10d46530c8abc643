package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producerKeys are the keys of Kafka's Java producer.
func producerKeys() []clientKey {
	return []clientKey{
		{"acks", producerClient, func(v string) ([]kgo.Opt, error) {
			switch v {
			case "all", "-1":
				return []kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks())}, nil
			case "1":
				return []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}, nil
			case "0":
				return []kgo.Opt{kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()}, nil
			}
			return nil, invalidValue("acks", v, "String must be one of: all, -1, 0, 1")
		}},
		{"enable.idempotence", producerClient, func(v string) ([]kgo.Opt, error) {
			switch strings.ToLower(v) {
			case "true":
				return nil, nil
			case "false":
				return []kgo.Opt{kgo.DisableIdempotentWrite()}, nil
			}
			return nil, invalidValue("enable.idempotence", v, "Expected value to be either true or false")
		}},
		{"linger.ms", producerClient, milliseconds("linger.ms", func(d time.Duration) kgo.Opt {
			return kgo.ProducerLinger(min(d, time.Minute))
		})},
		// Java's batch.size is where a batch is full, not what a record may be: a larger record makes a batch of its own. This
		// client's bound refuses larger records, so batch.size raises it and never lowers it below max.request.size; tools that
		// know their records' size (producer-perf-test) set the bound themselves.
		{"batch.size", producerClient, integer("batch.size", 0, func(n int32) kgo.Opt {
			return kgo.ProducerBatchMaxBytes(min(max(n, 1<<20), 100<<20-4096))
		})},
		{"max.request.size", producerClient, integer("max.request.size", 0, func(n int32) kgo.Opt {
			return kgo.ProducerBatchMaxBytes(min(max(n, 1024), 100<<20-4096))
		})},
		{"compression.type", producerClient, func(v string) ([]kgo.Opt, error) {
			codec, ok := codecNamed(v)
			if !ok {
				return nil, invalidValue("compression.type", v, "String must be one of: none, gzip, snappy, lz4, zstd")
			}
			return []kgo.Opt{kgo.ProducerBatchCompression(codec)}, nil
		}},
		{"compression.gzip.level", producerClient, nil},
		{"compression.lz4.level", producerClient, nil},
		{"compression.zstd.level", producerClient, nil},
		{"delivery.timeout.ms", producerClient, milliseconds("delivery.timeout.ms", func(d time.Duration) kgo.Opt {
			return kgo.RecordDeliveryTimeout(max(d, time.Second))
		})},
		{"max.block.ms", producerClient, nil}, // read by the producing tools
		{"buffer.memory", producerClient, func(v string) ([]kgo.Opt, error) {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return nil, invalidValue("buffer.memory", v, "Not a number of type LONG")
			}
			return []kgo.Opt{kgo.MaxBufferedBytes(int(max(n, 1<<20))), kgo.MaxBufferedRecords(1 << 24)}, nil
		}},
		{"max.in.flight.requests.per.connection", producerClient, func(v string) ([]kgo.Opt, error) {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return nil, invalidValue("max.in.flight.requests.per.connection", v, "Value must be at least 1")
			}
			return nil, nil // notIdempotent reads it: idempotent producers have their own five
		}},
		{"transactional.id", producerClient, func(v string) ([]kgo.Opt, error) { return []kgo.Opt{kgo.TransactionalID(v)}, nil }},
		{"transaction.timeout.ms", producerClient, milliseconds("transaction.timeout.ms", func(d time.Duration) kgo.Opt {
			return kgo.TransactionTimeout(d)
		})},
	}
}

// notIdempotent tells whether these settings make a producer that is not idempotent, and how many of its requests may be
// on their way at a time.
func notIdempotent(p *Properties) (inFlight int, ok bool) {
	inFlight, err := strconv.Atoi(p.Value("max.in.flight.requests.per.connection", "5"))
	if err != nil {
		inFlight = 5
	}
	acks := p.Value("acks", "all")
	return max(inFlight, 1), acks != "all" && acks != "-1" || strings.EqualFold(p.Value("enable.idempotence", ""), "false")
}

// consumerKeys are the keys of Kafka's Java consumer.
func consumerKeys() []clientKey {
	return []clientKey{
		{"fetch.min.bytes", consumerClient, integer("fetch.min.bytes", 0,
			func(n int32) kgo.Opt { return kgo.FetchMinBytes(max(n, 1)) })},
		{"fetch.max.bytes", consumerClient, integer("fetch.max.bytes", 0,
			func(n int32) kgo.Opt { return kgo.FetchMaxBytes(max(n, 1)) })},
		{"max.partition.fetch.bytes", consumerClient, integer("max.partition.fetch.bytes", 0, func(n int32) kgo.Opt {
			return kgo.FetchMaxPartitionBytes(max(n, 1))
		})},
		{"fetch.max.wait.ms", consumerClient, milliseconds("fetch.max.wait.ms",
			func(d time.Duration) kgo.Opt { return kgo.FetchMaxWait(d) })},
		{"isolation.level", consumerClient, oneOf("isolation.level", map[string][]kgo.Opt{
			"read_committed":   {kgo.FetchIsolationLevel(kgo.ReadCommitted())},
			"read_uncommitted": {kgo.FetchIsolationLevel(kgo.ReadUncommitted())},
		})},
	}
}

// codecNamed is the codec of a compression.type.
func codecNamed(name string) (kgo.CompressionCodec, bool) {
	switch strings.ToLower(name) {
	case "none":
		return kgo.NoCompression(), true
	case "gzip":
		return kgo.GzipCompression(), true
	case "snappy":
		return kgo.SnappyCompression(), true
	case "lz4":
		return kgo.Lz4Compression(), true
	case "zstd":
		return kgo.ZstdCompression(), true
	}
	return kgo.CompressionCodec{}, false
}

// bootstrapSeeds checks and splits a list of HOST:PORT as Kafka's clients do.
func bootstrapSeeds(list string) ([]string, error) {
	var seeds []string
	for _, seed := range strings.Split(list, ",") {
		seed = strings.TrimSpace(seed)
		if seed == "" {
			continue
		}
		colon := strings.LastIndexByte(seed, ':')
		if colon <= 0 {
			return nil, fmt.Errorf("Invalid url in bootstrap.servers: %s", seed)
		}
		port, err := strconv.Atoi(seed[colon+1:])
		if err != nil {
			return nil, fmt.Errorf("Invalid url in bootstrap.servers: %s", seed)
		}
		if port < 0 || port > 65535 {
			return nil, fmt.Errorf("Invalid port in bootstrap.servers: %s", seed)
		}
		// Java's form may name a protocol before the host.
		if _, host, ok := strings.Cut(seed, "://"); ok {
			seed = host
		}
		seeds = append(seeds, seed)
	}
	if len(seeds) == 0 {
		return nil, errUnresolvable
	}
	return seeds, nil
}

var errUnresolvable = errors.New("No resolvable bootstrap urls given in bootstrap.servers")

// resolvable leaves out the seeds whose host nobody knows, with a warning for each. None left is an error at once: a mistyped name does
// not get better by waiting.
func (env *Env) resolvable(seeds []string, lookup func(host string) ([]string, error)) ([]string, error) {
	var known []string
	for _, seed := range seeds {
		host, _, err := net.SplitHostPort(seed)
		if err == nil && net.ParseIP(host) == nil {
			_, err = lookup(host)
		}
		if err != nil {
			env.errorf("WARN Couldn't resolve server %s from bootstrap.servers as DNS resolution failed for %s\n", seed, host)
			continue
		}
		known = append(known, seed)
	}
	if len(known) == 0 {
		return nil, errUnresolvable
	}
	return known, nil
}
