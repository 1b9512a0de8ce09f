package wasm

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxWait is how long a call waits for an instance.
const maxWait = time.Second

// pool keeps the instances of a module. A slot stands for an instance that exists or may be
// made. Safe for concurrent use.
type pool struct {
	slots chan struct{}

	mu     sync.Mutex
	free   []*instance
	closed bool
}

var errClosed = errors.New("the plugin is closed")

func (p *pool) init(n int) { p.slots = make(chan struct{}, n) }

// get takes a slot and returns a free instance, or nil when the caller has to make one.
func (p *pool) get(ctx context.Context) (*instance, error) {
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
	in := p.free[n-1]
	p.free = p.free[:n-1]
	return in, nil
}

func (p *pool) wait(ctx context.Context) error {
	t := time.NewTimer(maxWait)
	defer t.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errBusy(cap(p.slots), maxWait)
	}
}

// put gives an instance back; lost gives back the slot of one that is gone.
func (p *pool) put(in *instance) {
	p.mu.Lock()
	p.free = append(p.free, in)
	p.mu.Unlock()
	select {
	case <-p.slots:
	default: // the first instance, which took no slot
	}
}

func (p *pool) lost() { <-p.slots }

// close takes every slot, so that no call is under way and none can begin. Closing twice is
// harmless.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return nil
	}
	for range cap(p.slots) {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
