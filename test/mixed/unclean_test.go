//go:build mixed

package mixed

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// unclean has a broker lead with less than another had acknowledged: the other gives up what it alone has.
func (p *pair) unclean(first int) string {
	p.t.Helper()
	second := other(first)
	topic := fmt.Sprintf("unclean-%d", first)
	p.create(topic, map[string]string{"unclean.leader.election.enable": "true"}, []int32{int32(first), int32(second)})
	p.isr([]string{topic}, kafkas, milenas)
	write := func(values ...string) {
		c := p.client()
		for _, v := range values {
			send(p.t, c, &kgo.Record{Topic: topic, Value: []byte(v)})
		}
	}
	write("both 1", "both 2", "both 3")
	p.stop(second)
	p.isr([]string{topic}, int32(first))
	write("first 1", "first 2", "first 3", "first 4")
	p.kill(first)
	p.start(second)
	p.leads(topic, 0, second)
	write("second 1", "second 2")
	p.start(first)
	p.isr(nil, kafkas, milenas)
	var got []string
	for _, r := range p.read(topic, 0, kgo.ReadUncommitted()) {
		got = append(got, string(r.Value))
	}
	if want := []string{"both 1", "both 2", "both 3", "second 1", "second 2"}; !slices.Equal(got, want) {
		p.t.Errorf("%s holds %v, want %v", topic, got, want)
	}
	return topic
}
