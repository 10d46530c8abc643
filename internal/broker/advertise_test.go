package broker_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestAdvertisedListenersChange: a client is told of advertised.listeners as they are changed at run time.
func TestAdvertisedListenersChange(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		admin := kadm.NewClient(h.client())
		defer admin.Close()
		value := "PLAINTEXT://elsewhere:9099"
		changed, err := admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "advertised.listeners", Value: &value}}, 1)
		must(t, err)
		must(t, changed[0].Err)
		h.wait(time.Second)
		brokers, err := admin.ListBrokers(t.Context())
		must(t, err)
		if b := brokers[0]; b.Host != "elsewhere" || b.Port != 9099 {
			t.Errorf("a client is told %s:%d", b.Host, b.Port)
		}
	})
}
