//go:build chaos

package chaos

import (
	"context"
	"flag"
	"net"
	"os"
	"testing"
	"time"

	"milena/test/history"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	rounds = flag.Int("rounds", 0, "random failures after the fixed list")
	seed   = flag.Uint64("seed", 0, "of the random failures; 0 draws one")
	only   = flag.String("only", "", "the failures whose names contain this")
	logs   = flag.Bool("logs", false, "show what the brokers logged, also where nothing is wrong")
)

// milenaBinary is what all tests run.
var milenaBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(milena.Main(m, "chaos", &milenaBinary))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, patience time.Duration, done func() bool) {
	t.Helper()
	history.Await(t, what, patience, done)
}

// dial reaches the cluster, with a time-out as clients have it.
func (c *cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.net.dial(ctx, network, address)
}

// client is one of the whole cluster, with less patience than clients have by default: a frozen broker answers nothing for long.
func (c *cluster) client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	made, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.addresses()...), kgo.AlwaysRetryEOF(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.Dialer(c.dial), kgo.RequestTimeoutOverhead(time.Second), kgo.ProduceRequestTimeout(2 * time.Second),
	}, opts...)...)
	must(c.t, err)
	c.t.Cleanup(made.Close)
	return made
}
