package smtp

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// Server serves SMTP with one set of options, on any number of listeners. Safe for concurrent use.
type Server struct {
	opt  Options
	tune Tuning // what sessions get that do not adjust it
	h    Handler
	bufs *wire.Buffers
	open atomic.Int64 // connections
	// slots has room for Options.Processes connections; nil without a limit.
	slots chan struct{}
	// stressed is until when (Unix nanoseconds) new connections are served as Options.Stressed says.
	stressed atomic.Int64

	mu     sync.Mutex // guards groups and closed
	groups map[*group]struct{}
	closed bool
}

// ErrServerClosed is what Serve and ServeConn return after Shutdown.
var ErrServerClosed = errors.New("smtp: server closed")

// New returns a server. The handler is called by many goroutines.
func New(o Options, h Handler) *Server {
	o.complete()
	return &Server{
		opt:    o,
		tune:   Tuning{DiscardKeywords: o.DiscardKeywords, BareNewline: o.BareNewline, MaxMessageBytes: o.MaxMessageBytes},
		h:      h,
		bufs:   wire.NewBuffers(),
		groups: make(map[*group]struct{}),
		slots:  slots(o.Processes),
	}
}

func slots(n int) chan struct{} {
	if n <= 0 {
		return nil
	}
	return make(chan struct{}, n)
}

// Serve accepts connections from l until ctx ends, Shutdown is called, or l is closed. It closes l
// and returns when its last session has ended.
//
// When ctx ends, sessions end with 421 at their next wait for a command; those with a message
// under way may finish it within Options.DrainLimit. When somebody else closes l, sessions go on
// until they end by themselves.
//
// It returns nil, or ErrServerClosed when Shutdown was called before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	g := newGroup(ctx, l)
	if !s.enter(g) {
		_ = l.Close()
		return ErrServerClosed
	}
	defer s.leave(g)
	var watcher sync.WaitGroup
	watcher.Go(func() { g.watch(ctx, s.opt.DrainLimit) })
	s.accept(g)
	g.sessions.Wait()
	close(g.done)
	watcher.Wait()
	return nil
}

// ServeConn serves one connection and closes it. It returns nil after QUIT, or what ended the
// connection.
func (s *Server) ServeConn(ctx context.Context, nc net.Conn) error {
	g := newGroup(ctx, nil)
	if !s.enter(g) {
		_ = nc.Close()
		return ErrServerClosed
	}
	defer s.leave(g)
	var watcher sync.WaitGroup
	watcher.Go(func() { g.watch(ctx, s.opt.DrainLimit) })
	s.open.Add(1)
	c := newConn(s, g, nc)
	s.run(g, c)
	close(g.done)
	watcher.Wait()
	return c.why
}

// Shutdown ends every Serve and ServeConn as if its context had ended, with the time that ctx
// leaves. It returns when all have returned their sessions; ctx's error if some had to be cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	groups := make([]*group, 0, len(s.groups))
	for g := range s.groups {
		groups = append(groups, g)
	}
	s.mu.Unlock()
	for _, g := range groups {
		g.drain()
	}
	var err error
	for _, g := range groups {
		select {
		case <-g.done:
		case <-ctx.Done():
			err = ctx.Err()
			g.cut()
			<-g.done
		}
	}
	return err
}

func (s *Server) enter(g *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.groups[g] = struct{}{}
	return true
}

func (s *Server) leave(g *group) {
	g.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, g)
}

// accept takes connections until the listener is closed. Failures to accept, as for lack of file
// descriptors, pass: it waits and tries again.
func (s *Server) accept(g *group) {
	const maxWait = time.Second
	wait := 5 * time.Millisecond
	for {
		nc, err := g.listener.Accept()
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			if s.closedFor(nc) {
				continue
			}
			if s.slot(g) {
				s.start(g, nc)
			} else {
				_ = nc.Close()
			}
			continue
		case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), g.draining.Load():
			_ = g.listener.Close()
			return
		}
		s.opt.Logger.Error("cannot accept SMTP connections", "err", err)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-g.quit:
			t.Stop()
		}
		wait = min(2*wait, maxWait)
	}
}

// slot waits until one more connection may be served; false when the server ends meanwhile.
func (s *Server) slot(g *group) bool {
	if s.slots == nil {
		return true
	}
	select {
	case s.slots <- struct{}{}:
		if n := cap(s.slots); n > 1 && len(s.slots) == n {
			s.filled()
		}
		return true
	case <-g.quit:
		return false
	}
}

// leaveSlot lets the next connection in.
func (s *Server) leaveSlot() {
	if s.slots != nil {
		<-s.slots
	}
}

// start serves a connection in a goroutine of its own, or refuses it.
func (s *Server) start(g *group, nc net.Conn) {
	if n := s.open.Add(1); s.opt.MaxConnections > 0 && n > int64(s.opt.MaxConnections) {
		s.open.Add(-1)
		s.leaveSlot()
		s.refuse(nc, status.Reply{Code: 421, Enhanced: "4.3.2", Text: s.opt.Hostname + " Error: too many connections"})
		return
	}
	as := s.present()
	g.sessions.Go(func() {
		defer s.leaveSlot()
		s.run(g, newConn(as, g, nc))
	})
}

func (s *Server) run(g *group, c *conn) {
	defer s.open.Add(-1)
	s.opt.Meter.Began()
	defer s.opt.Meter.Ended()
	if !g.add(c) {
		_ = c.base.Close()
		c.why = ErrShutdown
		return
	}
	defer g.remove(c)
	c.serve(g.ctx)
}

// refuse sends a client away that is not served. It does not wait: what the socket does not take at
// once is lost.
func (s *Server) refuse(nc net.Conn, r status.Reply) {
	s.opt.Meter.Refused()
	if !s.opt.ImplicitTLS {
		_ = nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = nc.Write(wire.AppendReply(nil, r, true))
	}
	_ = nc.Close()
}
