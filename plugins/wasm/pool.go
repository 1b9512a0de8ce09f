package wasm

import (
	"context"
	"errors"
	"sync"

	"github.com/mtad/mtad/plugins/slots"
)

// pool keeps the instances of a module. A slot stands for an instance that exists or may be
// made. Safe for concurrent use.
type pool struct {
	slots slots.Slots

	mu      sync.Mutex
	free    []*instance
	calls   int  // under way
	closed  bool // no call may begin
	drained chan struct{}
	last    func() // what the last call does when nobody waits for it any more
}

var errClosed = errors.New("the plugin is closed")

func (p *pool) init(n int) { p.slots.Init(n) }

// get takes a slot and returns a free instance, or nil when the caller has to make one.
func (p *pool) get(ctx context.Context) (*instance, error) {
	if err := p.slots.Take(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if p.closed {
		p.slots.Give()
		return nil, errClosed
	}
	p.calls++
	if n == 0 {
		return nil, nil
	}
	in := p.free[n-1]
	p.free = p.free[:n-1]
	return in, nil
}

// put gives an instance back; lost says that the one of this call is gone. add is put for the first
// instance, which no call took.
func (p *pool) put(in *instance) { p.leave(in) }

func (p *pool) lost() { p.leave(nil) }

func (p *pool) add(in *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, in)
}

func (p *pool) leave(in *instance) {
	p.slots.Give()
	p.mu.Lock()
	defer p.mu.Unlock()
	if in != nil {
		p.free = append(p.free, in)
	}
	if p.calls--; p.calls > 0 || !p.closed {
		return
	}
	if p.last != nil {
		p.last()
		return
	}
	close(p.drained)
}

// close lets no call begin and waits for those under way; then free is called. If ctx ends before, the
// last of them calls it. Closing twice is harmless.
func (p *pool) close(ctx context.Context, free func()) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed, p.drained = true, make(chan struct{})
	if p.calls == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	select {
	case <-p.drained:
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.calls > 0 {
			p.last = free
			return ctx.Err()
		}
	}
	free()
	return nil
}
