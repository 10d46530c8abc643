package replica

// turn is a lock that may be held over a request to the store. It is a channel, and not a mutex, since whoever waits for it waits for the store:
// tests' virtual clocks go on then.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// TryLock tells whether the lock was free, and is the caller's now.
func (t turn) TryLock() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}
