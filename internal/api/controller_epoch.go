package api

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// controllerEpochs knows which controller epochs exist. A request with a higher epoch than any that the store has seen comes from no controller;
// taken for one, it would have this broker refuse every real one from then on. The store is asked once for each change of controller.
type controllerEpochs struct{ highest atomic.Int32 }

// storePatience bounds how long a controller's first request waits for the store to confirm it.
const storePatience = 10 * time.Second

// fromController tells that a request's controller epoch is one that the store has seen. Where it has not, refuse is called. Where the store
// does not tell, the connection is closed: a controller sends again what was not answered, and takes an answer for its last word.
func (s *Services) fromController(call *Call, epoch int32, refuse func()) bool {
	if s.Store == nil || epoch <= s.epochs.highest.Load() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	stored, err := s.Store.ControllerEpoch(ctx)
	if err != nil {
		call.Drop(fmt.Errorf("the controller epoch %d cannot be confirmed: %w", epoch, err))
		return false
	}
	if epoch > stored.Number {
		s.Logger.Warn("refused a request in the name of a controller that was never elected", "epoch", epoch, "elected", stored.Number)
		refuse()
		return false
	}
	for known := s.epochs.highest.Load(); known < stored.Number && !s.epochs.highest.CompareAndSwap(known, stored.Number); {
		known = s.epochs.highest.Load()
	}
	return true
}
