package dns

import (
	"context"
	"sync"
)

// flights lets callers that ask the same question at the same time share one query. The first
// caller flies in its own goroutine and under its own context; the others wait. Safe for
// concurrent use.
type flights struct {
	mu     sync.Mutex
	flying map[question]*flight
}

type flight struct {
	done chan struct{} // closed when e is set
	e    *entry        // nil: the pilot gave up, because its own context ended
}

func newFlights() *flights { return &flights{flying: make(map[question]*flight)} }

// do returns what ask returns, or what another caller's ask for the same question returns at this
// moment; shared tells which. A nil entry means that the pilot gave up: ask again. err is the
// waiting caller's own context's.
func (f *flights) do(ctx context.Context, q question, ask func() *entry) (e *entry, shared bool, err error) {
	f.mu.Lock()
	if other, ok := f.flying[q]; ok {
		f.mu.Unlock()
		select {
		case <-other.done:
			return other.e, true, nil
		case <-ctx.Done():
			return nil, true, context.Cause(ctx)
		}
	}
	own := &flight{done: make(chan struct{})}
	f.flying[q] = own
	f.mu.Unlock()
	// Deferred, so that a panic in ask does not strand those who wait.
	defer func() {
		f.mu.Lock()
		delete(f.flying, q)
		f.mu.Unlock()
		close(own.done)
	}()
	e = ask()
	if ctx.Err() == nil || e.err == nil || e.err.Status != Failed {
		own.e = e
	}
	return e, false, nil
}
