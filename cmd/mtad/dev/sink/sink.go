package sink

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Options of a sink.
type Options struct {
	// Dump is a directory for the messages, "" to throw them away.
	Dump string
	// Delay is how long the reply to the end of a message takes.
	Delay time.Duration
	// Tempfail is how many of 100 messages get 451 instead of 250.
	Tempfail int
	// Want ends Done when so many unique messages are here; 0 for never.
	Want int
}

// Counts is what a sink saw.
type Counts struct {
	Messages   int   `json:"messages"`   // accepted
	Unique     int   `json:"unique"`     // with a Message-Id that was new
	Duplicates int   `json:"duplicates"` // with one that was not
	NoID       int   `json:"no_id"`      // without one
	Refused    int   `json:"refused"`    // answered 451
	Bytes      int64 `json:"bytes"`      // of the accepted messages, as sent, without the final dot
	Conns      int   `json:"conns"`
	MaxConns   int   `json:"max_conns"` // at a time
	// First and Last are when the first and last accepted message ended, in nanoseconds
	// since 1970; 0 for none.
	First int64 `json:"first_ns"`
	Last  int64 `json:"last_ns"`
}

// Sink counts messages. Safe for concurrent use.
type Sink struct {
	o    Options
	done chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex
	counts   Counts
	sessions int // SMTP sessions that are open
	serial   int // of all messages, those refused included
	seen     map[string]struct{}
	open     map[net.Conn]struct{}
	changed  chan struct{} // closed when Unique grows and somebody waits
	closed   bool
}

// New returns a sink.
func New(o Options) *Sink {
	return &Sink{o: o, done: make(chan struct{}), seen: map[string]struct{}{}, open: map[net.Conn]struct{}{}}
}

// Counts returns what was seen so far.
func (s *Sink) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Done is closed when Options.Want unique messages are here.
func (s *Sink) Done() <-chan struct{} { return s.done }

// Reset sets everything to zero.
func (s *Sink) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts, s.seen = Counts{}, map[string]struct{}{}
}

// Wait returns when n unique messages are here, or with the error of ctx.
func (s *Sink) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		if s.counts.Unique >= n {
			s.mu.Unlock()
			return nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Serve takes SMTP sessions from ln until ctx ends; then it closes all, waits for their goroutines
// and returns nil.
func (s *Sink) Serve(ctx context.Context, ln net.Listener) error { return s.accept(ctx, ln, s.smtp) }

// ServeControl takes commands from ln until ctx ends, as Serve does.
func (s *Sink) ServeControl(ctx context.Context, ln net.Listener) error {
	return s.accept(ctx, ln, s.control)
}

func (s *Sink) accept(ctx context.Context, ln net.Listener, fn func(context.Context, net.Conn)) error {
	stop := context.AfterFunc(ctx, func() { ln.Close(); s.hangUp() })
	defer stop()
	defer s.wg.Wait()
	for {
		c, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !s.begin(c) {
			c.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.end(c)
			fn(ctx, c)
		})
	}
}

// past is a deadline that ends a read under way.
var past = time.Unix(1, 0)

// hangUp ends all connections and takes no more. A session still says what it owes: a message that was
// counted and not answered would come again.
func (s *Sink) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		_ = c.SetReadDeadline(past) // a connection that is gone ends by itself
	}
}

func (s *Sink) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Sink) begin(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Sink) end(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// connected counts an SMTP session.
func (s *Sink) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Conns++
	s.sessions++
	s.counts.MaxConns = max(s.counts.MaxConns, s.sessions)
}

func (s *Sink) disconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions--
}

// number returns the serial of a message and whether it is to be refused.
func (s *Sink) number() (serial int, refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	// Spread evenly: message k is refused when k·N/100 reaches a new whole number.
	refuse = s.serial*s.o.Tempfail/100 != (s.serial-1)*s.o.Tempfail/100
	if refuse {
		s.counts.Refused++
	}
	return s.serial, refuse
}

// count counts an accepted message.
func (s *Sink) count(id []byte, size int64) {
	now := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	c.Messages++
	c.Bytes += size
	if c.First == 0 {
		c.First = now
	}
	c.Last = now
	if len(id) == 0 {
		c.NoID++
		return
	}
	if _, ok := s.seen[string(id)]; ok {
		c.Duplicates++
		return
	}
	s.seen[string(id)] = struct{}{}
	if c.Unique++; c.Unique == s.o.Want {
		select {
		case <-s.done: // before a reset
		default:
			close(s.done)
		}
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
