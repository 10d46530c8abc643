// Package load is the client side of the benchmarks: requests made beforehand and sent as they are, so that the client costs next to nothing
// and the broker is what is measured. It speaks to Apache Kafka, to Milena and to the floor program alike.
package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Conn is one connection to a broker.
type Conn struct {
	net.Conn
	reader *bufio.Reader
	format *kmsg.RequestFormatter
	buffer []byte
}

// Dial connects to a broker.
func Dial(address string) (*Conn, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, reader: bufio.NewReaderSize(c, 1<<20), format: kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))}, nil
}

// Do sends one request and reads its reply.
func (c *Conn) Do(req kmsg.Request) (kmsg.Response, error) {
	if _, err := c.Write(c.format.AppendRequest(nil, req, 0)); err != nil {
		return nil, err
	}
	body, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	skip := 4
	if resp.IsFlexible() && req.Key() != 18 {
		skip = 5
	}
	if len(body) < skip {
		return nil, io.ErrUnexpectedEOF
	}
	return resp, resp.ReadFrom(append([]byte(nil), body[skip:]...))
}

// readFrame reads one reply; the bytes are valid until the next call.
func (c *Conn) readFrame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.reader, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if n > 1<<30 {
		return nil, fmt.Errorf("reply of %d bytes", n)
	}
	if cap(c.buffer) < n {
		c.buffer = make([]byte, n)
	}
	c.buffer = c.buffer[:n]
	_, err := io.ReadFull(c.reader, c.buffer)
	return c.buffer, err
}

// CreateTopic makes a topic with one replica and waits until each partition has a leader.
func CreateTopic(address, topic string, partitions int32, configs map[string]string) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.create(topic, partitions, 1, configs); err != nil {
		return err
	}
	return c.awaitLeaders(topic, int(partitions))
}

func (c *Conn) create(topic string, partitions int32, replicas int16, configs map[string]string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	req.TimeoutMillis = 60_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, replicas
	for name, value := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, &value
		t.Configs = append(t.Configs, config)
	}
	req.Topics = append(req.Topics, t)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	if code := resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code != 0 {
		return fmt.Errorf("create topic %s: error code %d", topic, code)
	}
	return nil
}

// SetTopicConfig changes a topic's configuration.
func SetTopicConfig(address, topic, name, value string) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.SetVersion(1)
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, &value
	resource.Configs = append(resource.Configs, config)
	req.Resources = append(req.Resources, resource)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	if code := resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; code != 0 {
		return fmt.Errorf("set %s of %s: error code %d", name, topic, code)
	}
	return nil
}

// AwaitLeaders waits until each partition of a topic has a leader that leads.
func AwaitLeaders(address, topic string, partitions int) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.awaitLeaders(topic, partitions)
}

func (c *Conn) awaitLeaders(topic string, partitions int) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		m, err := c.metadata(topic)
		if err != nil {
			return err
		}
		led := 0
		for _, p := range m.Topics[0].Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				led++
			}
		}
		if led < partitions {
			continue
		}
		// Kafka publishes a leader before it leads; asking the leaders for an offset tells.
		if leading, err := c.leading(topic, partitions); err != nil || leading {
			return err
		}
	}
	return fmt.Errorf("topic %s: no leaders after a minute", topic)
}

func (c *Conn) leading(topic string, partitions int) (bool, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(5)
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = int32(i), -1, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	resp, err := c.Do(req)
	if err != nil {
		return false, err
	}
	for _, p := range resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
		if p.ErrorCode != 0 {
			return false, nil
		}
	}
	return true, nil
}

// Ready tells whether a broker answers.
func Ready(address string) bool {
	c, err := Dial(address)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return false
	}
	m, err := c.metadata()
	return err == nil && len(m.Brokers) > 0
}

// metadata asks for some topics, or for all.
func (c *Conn) metadata(topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(7)
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic
		req.Topics = append(req.Topics, t)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}
