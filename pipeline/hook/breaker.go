package hook

import (
	"sync"
	"time"
)

// A plugin that failed BreakerFailures times within BreakerWindow is not called for
// BreakerPause; then one call is tried.
const (
	BreakerFailures = 5
	BreakerWindow   = time.Minute
	BreakerPause    = 30 * time.Second
)

// breaker keeps the times of the last failures. Safe for concurrent use.
type breaker struct {
	mu    sync.Mutex
	last  [BreakerFailures]time.Time
	next  int
	until time.Time
}

// open reports whether the plugin must not be called now.
func (b *breaker) open(now func() time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero() && now().Before(b.until)
}

// failed notes a failure and reports whether the breaker opened by it.
func (b *breaker) failed(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[b.next] = now
	b.next = (b.next + 1) % BreakerFailures
	oldest := b.last[b.next]
	if oldest.IsZero() || now.Sub(oldest) > BreakerWindow {
		return false
	}
	opened := b.until.IsZero() || !now.Before(b.until)
	b.until = now.Add(BreakerPause)
	return opened
}
