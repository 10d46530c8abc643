package api

import (
	"context"
	"sync/atomic"
	"time"
)

// controllerEpochs knows which controller epochs exist. A request with a higher epoch than any that the store has seen comes from no controller;
// taken for one, it would have this broker refuse every real one from then on. The store is asked once for each change of controller.
type controllerEpochs struct{ highest atomic.Int32 }

// storePatience bounds how long a controller's first request waits for the store to confirm it.
const storePatience = 10 * time.Second

// inventedController tells that a request's controller epoch is none that the store has seen, or cannot be confirmed now: a real controller
// sends again.
func (s *Services) inventedController(epoch int32) bool {
	if s.Store == nil || epoch <= s.epochs.highest.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), storePatience)
	defer cancel()
	stored, err := s.Store.ControllerEpoch(ctx)
	if err != nil {
		s.Logger.Warn("a controller's epoch cannot be confirmed", "epoch", epoch, "error", err)
		return true
	}
	if epoch > stored.Number {
		s.Logger.Warn("refused a request in the name of a controller that was never elected", "epoch", epoch, "elected", stored.Number)
		return true
	}
	for known := s.epochs.highest.Load(); known < stored.Number && !s.epochs.highest.CompareAndSwap(known, stored.Number); {
		known = s.epochs.highest.Load()
	}
	return false
}
