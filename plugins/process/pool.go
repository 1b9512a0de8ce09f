package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxWait is how long a call waits for a lane; when calls that had one ran out of time meanwhile, it waits no
// longer than hungWait.
const maxWait, hungWait = 10 * time.Second, time.Second

// pool keeps the lanes of a process. A slot stands for a lane that exists or may be opened. Safe for
// concurrent use.
type pool struct {
	slots chan struct{}
	hung  atomic.Int64 // calls that ran out of time

	mu     sync.Mutex
	free   []*lane
	closed bool
}

func (p *pool) init(n int) { p.slots = make(chan struct{}, n) }

// get takes a slot and returns a free lane, or nil when the caller has to open one.
func (p *pool) get(ctx context.Context) (*lane, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		if err := p.wait(ctx); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if p.closed {
		<-p.slots
		return nil, errClosed
	}
	if n == 0 {
		return nil, nil
	}
	l := p.free[n-1]
	p.free = p.free[:n-1]
	return l, nil
}

func (p *pool) wait(ctx context.Context) error {
	begun, hung := time.Now(), p.hung.Load()
	t := time.NewTicker(hungWait)
	defer t.Stop()
	for {
		select {
		case p.slots <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			if waited := time.Since(begun); waited >= maxWait || p.hung.Load() != hung {
				return fmt.Errorf("busy: %d hooks run at a time, and it had no turn within %v", cap(p.slots), waited.Round(hungWait))
			}
		}
	}
}

// put gives a lane back; lost gives back the slot of one that is gone.
func (p *pool) put(l *lane) {
	p.mu.Lock()
	p.free = append(p.free, l)
	p.mu.Unlock()
	p.lost()
}

func (p *pool) lost() { <-p.slots }

var errClosed = errors.New("the plugin is closed")

// idle lets no further call begin and waits for those under way.
func (c *child) idle(ctx context.Context) error {
	p := &c.lanes
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
		case <-c.ended(): // calls fail by themselves
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
