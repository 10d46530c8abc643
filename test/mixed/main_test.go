//go:build mixed

package mixed

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"milena/test/history"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	only = flag.String("only", "", "the blows whose names contain this: stop Milena under Kafka")
	logs = flag.Bool("logs", false, "show what the brokers logged, also where nothing is wrong")
)

// patience of everything that must come true.
const patience = 60 * time.Second

// milenaBinary is what all tests run.
var milenaBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(milena.Main(m, "mixed", &milenaBinary))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	history.Await(t, what, patience, done)
}

// send produces records, and waits for them.
func send(t *testing.T, c *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, c.ProduceSync(ctx, records...).FirstErr())
}
