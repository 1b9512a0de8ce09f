package process

import (
	"context"
	"errors"
	"sync"

	"github.com/mtad/mtad/plugins/slots"
)

// pool keeps the lanes of a process. A slot stands for a lane that exists or may be opened. Safe for
// concurrent use.
type pool struct {
	slots slots.Slots

	mu     sync.Mutex
	free   []*lane
	closed bool
}

func (p *pool) init(n int) { p.slots.Init(n) }

// get takes a slot and returns a free lane, or nil when the caller has to open one.
func (p *pool) get(ctx context.Context) (*lane, error) {
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
	if n == 0 {
		return nil, nil
	}
	l := p.free[n-1]
	p.free = p.free[:n-1]
	return l, nil
}

// put gives a lane back; lost gives back the slot of one that is gone.
func (p *pool) put(l *lane) {
	p.mu.Lock()
	p.free = append(p.free, l)
	p.mu.Unlock()
	p.lost()
}

func (p *pool) lost() { p.slots.Give() }

var errClosed = errors.New("the plugin is closed")

// idle lets no further call begin and waits for those under way.
func (c *child) idle(ctx context.Context) error {
	p := &c.lanes
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.slots.Drain(ctx, c.ended()) // when it has ended calls fail by themselves
}
