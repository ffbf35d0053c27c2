package access

import (
	"fmt"
	"sync"
	"time"
)

// Failed logins that one key (a name, an address) may make in throttleWindow
// before it has to wait; and how many keys are remembered.
const (
	throttleWindow  = 15 * time.Minute
	throttleByName  = 10
	throttleByPlace = 30
	throttleKeys    = 10_000
)

// TooManyError says how long to wait before the next login.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many failed logins; try again in %d minutes", int(e.Wait.Minutes())+1)
}

// throttle counts failures in fixed windows. Where the table is full of others
// that still count, a new key is let through: locking everybody out is what
// somebody who floods it would want.
type throttle struct {
	mu   sync.Mutex
	seen map[string]*failures
}

type failures struct {
	count int
	until time.Time
}

// take counts one more try of the key, or returns a TooManyError where it has
// had its limit. A try counts before it is known to fail, so that many at once
// are not more than many one after another; a good one is given back.
func (t *throttle) take(key string, limit int, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]*failures{}
	}
	f := t.seen[key]
	switch {
	case f != nil && now.Before(f.until) && f.count >= limit:
		return &TooManyError{Wait: f.until.Sub(now)}
	case f != nil && now.Before(f.until):
		f.count++
		return nil
	case f == nil && len(t.seen) >= throttleKeys:
		for k, old := range t.seen {
			if !now.Before(old.until) {
				delete(t.seen, k)
			}
		}
		if len(t.seen) >= throttleKeys {
			return nil
		}
	}
	t.seen[key] = &failures{count: 1, until: now.Add(throttleWindow)}
	return nil
}

// give takes one try back.
func (t *throttle) give(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.seen[key]; f != nil {
		if f.count--; f.count <= 0 {
			delete(t.seen, key)
		}
	}
}

// forget clears a key after a good login.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, key)
}
