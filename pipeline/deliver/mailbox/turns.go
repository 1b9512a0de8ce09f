package mailbox

import (
	"context"
	"sync"
)

// Turns lets one delivery of this process after the other at a mailbox. Kernel locks alone would
// do on Linux, but their waiters only look again after deliver_lock_delay, and elsewhere they do
// not tell two deliveries of one process apart. The zero Turns is ready. Safe for concurrent use.
type Turns struct {
	mu sync.Mutex
	m  map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody has the turn
	users int           // who has it or waits; guarded by Turns.mu
}

// Take waits for the turn at key; done ends it.
func (t *Turns) Take(ctx context.Context, key string) (done func(), err error) {
	u := t.enter(key)
	select {
	case <-u.free:
		return func() { u.free <- struct{}{}; t.leave(key, u) }, nil
	case <-ctx.Done():
		t.leave(key, u)
		return nil, ctx.Err()
	}
}

func (t *Turns) enter(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[string]*turn)
	}
	u := t.m[key]
	if u == nil {
		u = &turn{free: make(chan struct{}, 1)}
		u.free <- struct{}{}
		t.m[key] = u
	}
	u.users++
	return u
}

func (t *Turns) leave(key string, u *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.users--; u.users == 0 {
		delete(t.m, key)
	}
}
