package smtp

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// group is the connections of one Serve or ServeConn call: what ends together.
type group struct {
	listener net.Listener // nil for ServeConn
	// ctx is what sessions get. It outlives the caller's, so that a message may be finished
	// while the server ends.
	ctx    context.Context
	cancel context.CancelFunc
	// draining is set, and then quit is closed, when connections shall end between commands.
	draining atomic.Bool
	quit     chan struct{}
	// done is closed when the last connection has ended.
	done     chan struct{}
	sessions sync.WaitGroup

	mu    sync.Mutex // guards conns and cut
	conns map[*conn]struct{}
	isCut bool // connections are closed whatever they do
}

func newGroup(ctx context.Context, l net.Listener) *group {
	g := &group{listener: l, quit: make(chan struct{}), done: make(chan struct{}), conns: make(map[*conn]struct{})}
	g.ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return g
}

// add notes a connection. It reports false when it comes too late.
func (g *group) add(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isCut {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *group) remove(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

// drain ends the listening, and each connection at its next wait for a command.
func (g *group) drain() {
	if g.draining.Swap(true) {
		return
	}
	close(g.quit)
	if g.listener != nil {
		_ = g.listener.Close()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.wake()
	}
}

// cut ends every connection now: messages under way are not accepted.
func (g *group) cut() {
	g.drain()
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isCut = true
	for c := range g.conns {
		_ = c.base.Close()
	}
}

// drainWithin drains and, when limit has passed, cuts. It returns when the group is done.
func (g *group) drainWithin(limit time.Duration) {
	g.drain()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-g.done:
	case <-t.C:
		g.cut()
		<-g.done
	}
}

// watch drains the group when ctx ends. It returns when the group is done.
func (g *group) watch(ctx context.Context, limit time.Duration) {
	select {
	case <-g.done:
	case <-ctx.Done():
		g.drainWithin(limit)
	}
}
