// Command goclients is the Go clients of the interop suite; see ../README.md. Its first argument names the client.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// base is the timestamp of record 0.
var base, _ = strconv.ParseInt(os.Getenv("BASE_MS"), 10, 64)

// client is one library.
type client interface {
	codecs() string
	create(address, topic string) error
	produce(address, topic, codec string, first, count int) error
	consume(address, topic string, start start, count int) error
	errors(address, topic string) error
	// member reads in a group and commits, until ctx ends.
	member(ctx context.Context, address, topic, group, mode, name string) error
}

// start is where to read from: an offset, or a time where ms is set.
type start struct{ offset, ms int64 }

func key(i int) []byte { return []byte("key-" + strconv.Itoa(i)) }

func value(i int) []byte {
	if i%5 == 0 {
		return []byte{}
	}
	return []byte("value-" + strconv.Itoa(i))
}

func line(offset int64, at time.Time, key, value []byte, headers ...string) {
	fmt.Println(strings.Join(append([]string{strconv.FormatInt(offset, 10), strconv.FormatInt(at.UnixMilli(), 10), string(key), string(value)}, headers...), "\t"))
}

// What all members of a group have.
const (
	sessionTimeout = 6 * time.Second
	heartbeatEvery = 500 * time.Millisecond
)

func sayRead(partition int32, offset int64) { fmt.Println("read", partition, offset) }

// sayCommitted tells of an acknowledged commit, or why there is none: another has the partition now, or the broker is away.
func sayCommitted(partition int32, next int64, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "commit:", err)
		return
	}
	fmt.Println("committed", partition, next)
}

func main() {
	clients := map[string]client{"franz-go": franz{}, "sarama": saramaClient{}, "kafka-go": segment{}}
	c := clients[os.Args[1]]
	if err := run(c, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(c client, a []string) error {
	if a[0] == "codecs" {
		fmt.Println(c.codecs())
		return nil
	}
	number := func(i int) int { n, _ := strconv.Atoi(a[i]); return n }
	switch address, topic := a[0], a[2]; a[1] {
	case "create":
		return c.create(address, topic)
	case "produce":
		return c.produce(address, topic, a[3], number(4), number(5))
	case "consume":
		at := start{offset: int64(number(3))}
		if ms, ok := strings.CutPrefix(a[3], "time:"); ok {
			at.ms, _ = strconv.ParseInt(ms, 10, 64)
		}
		return c.consume(address, topic, at, number(4))
	case "errors":
		return c.errors(address, topic)
	case "member":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		return c.member(ctx, address, topic, a[3], a[4], a[5])
	}
	return fmt.Errorf("unknown word %s", a[1])
}
