//go:build mixed

package mixed

import (
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

// full has Milena's disk without room: Kafka's broker takes over what Milena's leads, and goes on with what it follows, until there is room again.
func (p *pair) full(controller int) string {
	p.t.Helper()
	topic := fmt.Sprintf("full-%d", controller)
	p.create(topic, nil, []int32{milenas, kafkas}, []int32{kafkas, milenas})
	p.isr([]string{topic}, kafkas, milenas)
	c := p.client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	write := func() {
		for partition := range int32(2) {
			send(p.t, c, &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, 50_000)}) // more than the last page has room for
		}
	}
	write()
	filler, err := p.milena.FillVolume()
	must(p.t, err)
	write()
	p.isr([]string{topic}, kafkas)
	write()
	must(p.t, os.Remove(filler))
	p.isr([]string{topic}, kafkas, milenas)
	write()
	for partition := range int32(2) {
		if n := len(p.read(topic, partition, kgo.ReadUncommitted())); n != 4 {
			p.t.Errorf("%s-%d has %d records", topic, partition, n)
		}
	}
	return topic
}
