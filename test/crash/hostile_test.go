//go:build crash

package crash

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const residentLimitMB = 200

// besieged is a broker that serves a client's load while a test does its worst.
type besieged struct {
	*testing.T
	broker *milena.Broker
	load   *load
	random *rand.Rand
}

func besiege(t *testing.T, overrides ...string) *besieged { return besiegeIn(t, nil, overrides...) }

// besiegeIn runs the broker in another place, as milena.Broker.In has it.
func besiegeIn(t *testing.T, in []string, overrides ...string) *besieged {
	b := newBroker(t)
	b.In = in
	start(t, b, overrides...)
	createTopic(t, b, "t", partitions)
	s := &besieged{t, b, startLoad(t, b, "t"), rand.New(rand.NewPCG(1, 2))}
	s.load.progress(1000)
	return s
}

// stands demands that the broker lives, serves and holds little memory.
func (s *besieged) stands(after string) {
	s.Helper()
	if err := syscall.Kill(s.broker.PID(), 0); err != nil {
		s.Fatalf("after %s the broker is gone: %v", after, err)
	}
	s.load.progress(500)
	if mb := residentMB(s.T, s.broker.PID()); mb > residentLimitMB {
		s.Errorf("after %s the broker holds %d MB", after, mb)
	}
}

// dial connects, and closes at the end.
func (s *besieged) dial() net.Conn {
	s.Helper()
	c, err := net.Dial("tcp", s.broker.Address())
	must(s.T, err)
	s.Cleanup(func() { _ = c.Close() })
	return c
}

// send writes to a connection of its own and waits until the broker has closed it or patience is over; it returns what came back.
func (s *besieged) send(data []byte, patience time.Duration) []byte {
	s.Helper()
	c := s.dial()
	defer c.Close()
	must(s.T, c.SetDeadline(time.Now().Add(patience)))
	_, _ = c.Write(data) // the broker may close before all is written
	answer, _ := io.ReadAll(io.LimitReader(c, 1<<20))
	return answer
}

func (s *besieged) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.random.Uint32())
	}
	return b
}

// framed is a request: size, header of version 1 (which those of version 2 begin with), body.
func framed(key, version int16, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+2+4+len(body)))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, 7)
	b = binary.BigEndian.AppendUint16(b, 4)
	b = append(b, "evil"...)
	return append(b, body...)
}

// TestGarbage sends what is not Kafka's protocol.
func TestGarbage(t *testing.T) {
	s := besiege(t)
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"a TLS hello", append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, s.bytes(505)...)},
		{"an endless request", []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}},
		{"a negative size", []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}},
		{"a size of nothing", []byte{0, 0, 0, 0, 0, 0, 0, 0}},
		{"a header cut short", []byte{0, 0, 0, 3, 0, 0, 0}},
		{"a client id longer than the request", []byte{0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 'x', 'y'}},
	} {
		if answer := s.send(c.data, 10*time.Second); len(answer) > 0 {
			t.Errorf("%s is answered with %q", c.name, answer)
		}
		s.stands(c.name)
	}
	var wait sync.WaitGroup
	for range 300 {
		data := s.bytes(s.random.IntN(5000))
		wait.Go(func() { s.send(data, 50*time.Millisecond) })
	}
	wait.Wait()
	s.stands("random bytes")
	for range 300 { // requests of which the rest never comes, of up to 50 MB
		c := s.dial()
		data := framed(0, 9, s.bytes(3000))
		binary.BigEndian.PutUint32(data, uint32(5000+s.random.IntN(50_000_000)))
		_, _ = c.Write(data[:s.random.IntN(len(data))])
	}
	s.stands("half-sent requests")
	s.load.end()
	s.load.verify(s.broker)
}

// TestEveryKey sends each key and version with bodies that are empty, random, zeros, and whole ones cut short or with bytes changed.
func TestEveryKey(t *testing.T) {
	s := besiege(t)
	var wait sync.WaitGroup
	var sent, answered atomic.Int64
	requests := make(chan []byte, 64)
	for range 8 {
		wait.Go(func() { answered.Add(int64(s.bombard(requests))) })
	}
	for key := int16(-1); key < 100; key++ {
		last := int16(3)
		if r := kmsg.RequestForKey(key); r != nil {
			last = r.MaxVersion() + 2
		}
		for version := int16(-1); version <= last; version++ {
			for _, body := range s.bodies(key, version) {
				requests <- framed(key, version, body)
				sent.Add(1)
			}
		}
	}
	close(requests)
	wait.Wait()
	s.stands("bodies of all kinds")
	t.Logf("%d requests, %d answered", sent.Load(), answered.Load())
	createTopic(t, s.broker, "another", 1)
	s.load.end()
	s.load.verify(s.broker)
}

// bombard sends each request and waits for its answer, or until the broker closes the connection; after that, or where none comes in time, the
// next one has a connection of its own. It returns how many were answered.
func (s *besieged) bombard(requests <-chan []byte) (answered int) {
	var c net.Conn
	for r := range requests {
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", s.broker.Address()); err != nil {
				s.Error(err)
				continue
			}
		}
		if err := exchange(c, r); err != nil {
			_ = c.Close()
			c = nil
			continue
		}
		answered++
	}
	if c != nil {
		_ = c.Close()
	}
	return answered
}

func exchange(c net.Conn, request []byte) error {
	if err := c.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(size[:])))
	return err
}

// bodies are what is sent with one key and version. Whole ones are empty, so what brokers send each other carries epochs of none.
func (s *besieged) bodies(key, version int16) [][]byte {
	all := [][]byte{nil, s.bytes(s.random.IntN(40)), s.bytes(s.random.IntN(2000)), make([]byte, s.random.IntN(100)), bytes.Repeat([]byte{0xff}, 60)}
	r := kmsg.RequestForKey(key)
	if r == nil || version < 0 || version > r.MaxVersion() {
		return all
	}
	r.SetVersion(version)
	whole := r.AppendTo(nil)
	if r.IsFlexible() {
		whole = append([]byte{0}, whole...) // the header's tags
	}
	for range 4 {
		changed := bytes.Clone(whole)
		for range 1 + s.random.IntN(3) {
			if len(changed) > 0 {
				changed[s.random.IntN(len(changed))] = byte(s.random.Uint32())
			}
		}
		all = append(all, changed, whole[:s.random.IntN(len(whole)+1)])
	}
	return all
}

// TestIdleConnections holds ten thousand connections that do nothing.
func TestIdleConnections(t *testing.T) {
	const n = 10_000
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur = max(limit.Cur, n+2000); limit.Cur > limit.Max {
		limit.Max = limit.Cur
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("this test needs %d open files: %v", limit.Cur, err)
	}
	s := besiege(t)
	for i := range n {
		c := s.dial()
		if i%10 == 0 { // some have said something before
			req := kmsg.NewPtrApiVersionsRequest()
			_, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("idle")).AppendRequest(nil, req, 1))
			must(t, err)
		}
	}
	await(t, "acceptance of all connections", 20*time.Second, func() bool {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.broker.PID()))
		return err == nil && len(files) > n
	})
	s.stands("ten thousand idle connections")
	t.Logf("%d MB", residentMB(t, s.broker.PID()))
	s.load.end()
	s.load.verify(s.broker)
}

// TestMoreConnectionsThanFiles: those beyond what the process may have open wait, and take no file from the logs.
func TestMoreConnectionsThanFiles(t *testing.T) {
	const files = 400
	s := besiegeIn(t, []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, files), "sh"}, "replica.high.watermark.checkpoint.interval.ms=20")
	admin := kadm.NewClient(client(t, s.broker))
	create := func(topic string) {
		_, err := admin.CreateTopic(t.Context(), 50, 1, nil, topic)
		must(t, err)
	}
	create("before") // connects
	var idle []net.Conn
	for range files {
		idle = append(idle, s.dial())
	}
	await(t, "a line about those that wait", 20*time.Second, func() bool {
		log, err := os.ReadFile(s.broker.LogFile())
		return err == nil && bytes.Contains(log, []byte("connections wait until others end"))
	})
	create("meanwhile")
	s.stands("more connections than files")
	for _, c := range idle {
		_ = c.Close()
	}
	s.load.end()
	s.load.verify(s.broker)
}

// TestDeafClients ask for much and never read it, while others work.
func TestDeafClients(t *testing.T) {
	s := besiege(t)
	createTopic(t, s.broker, "large", 1)
	c := client(t, s.broker, kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 100 {
		must(t, c.ProduceSync(context.Background(), &kgo.Record{Topic: "large", Value: s.bytes(900_000)}).FirstErr())
	}
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MaxBytes, fetch.MaxWaitMillis, fetch.SessionEpoch = 11, 60<<20, 100, -1
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "large", Partitions: []kmsg.FetchRequestTopicPartition{{PartitionMaxBytes: 60 << 20}}}}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 8
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("deaf"))
	for i := range 50 {
		conn := s.dial()
		must(t, conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		var requests []byte
		for n := range int32(500) {
			if i%2 == 0 {
				requests = formatter.AppendRequest(requests, fetch, n)
			} else {
				requests = formatter.AppendRequest(requests, metadata, n)
			}
		}
		_, _ = conn.Write(requests) // the broker may have stopped to read
	}
	s.stands("clients that never read")
	t.Logf("%d MB", residentMB(t, s.broker.PID()))
	s.load.end()
	s.load.verify(s.broker)
}
