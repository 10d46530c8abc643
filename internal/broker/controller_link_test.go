package broker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// frozenController takes requests, and answers none before it is given up.
type frozenController struct{ closed bool }

func (f *frozenController) Do(ctx context.Context, _ kmsg.Request) (kmsg.Response, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (f *frozenController) Close() { f.closed = true }

// TestRequestToAFrozenController: it is given up as soon as another controller is told of, long before its time is over.
func TestRequestToAFrozenController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Broker{metadata: metadata.NewCache("cluster")}
		told := func(controller int32) {
			req := kmsg.NewPtrUpdateMetadataRequest()
			req.Version, req.ControllerID = 8, controller
			b.metadata.Update(req)
		}
		told(1)
		frozen := &frozenController{}
		link := &controllerLink{broker: b, id: 1, link: frozen}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		go func() {
			<-time.After(time.Second)
			told(1)
			<-time.After(time.Second)
			told(2)
		}()
		if _, err := link.do(ctx, kmsg.NewPtrAlterPartitionRequest()); !errors.Is(err, context.Canceled) || !frozen.closed {
			t.Errorf("%v, closed %v", err, frozen.closed)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("given up after %v", took)
		}
	})
}
