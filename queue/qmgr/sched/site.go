package sched

import (
	"time"

	"github.com/mtad/mtad/queue"
)

// Key names a destination within its transport.
type Key struct {
	Nexthop string
	// Recipient is set for transports that take one recipient at a time: there, each
	// recipient is a destination (postconf(5) default_destination_recipient_limit).
	Recipient string
}

// Site is a destination: everything that waits for one transport and nexthop.
type Site[M any] struct {
	t      *Transport[M]
	Key    Key
	window Window
	busy   int // deliveries under way
	todo   Turns[*Group[M]]
	weight int // of the messages in todo
	place  Place[*Site[M]]
	turn   uint64 // when it was served last
	// notBefore is when the next delivery may begin (…_destination_rate_delay).
	notBefore time.Time
	// A dead site takes nothing until retry.
	retry  time.Time
	reason *queue.Result
	used   time.Time
}

// Transport returns the transport that delivers to s.
func (s *Site[M]) Transport() *Transport[M] { return s.t }

// Waiting returns how many messages wait, Weight the sum of their Job.Weight, Busy how many
// deliveries are under way, Window how many may be.
func (s *Site[M]) Waiting() int { return s.todo.Len() }

// Weight is explained at Waiting.
func (s *Site[M]) Weight() int { return s.weight }

// Busy is explained at Waiting.
func (s *Site[M]) Busy() int { return s.busy }

// Window is explained at Waiting.
func (s *Site[M]) Window() int { return s.window.Size() }

// NotBefore returns when the next delivery may begin.
func (s *Site[M]) NotBefore() time.Time { return s.notBefore }

// Dead reports whether nothing may be tried at s, until when, and why.
func (s *Site[M]) Dead() (dead bool, retry time.Time, reason *queue.Result) {
	return s.window.Dead(), s.retry, s.reason
}

// Empty reports whether nothing waits or is under way.
func (s *Site[M]) Empty() bool { return s.busy == 0 && s.todo.Len() == 0 }

// Idle reports whether s is empty, need not pause, and was not used for a time.
func (s *Site[M]) Idle(now time.Time, unused time.Duration) bool {
	return s.Empty() && !now.Before(s.notBefore) && !now.Before(s.retry) && now.Sub(s.used) >= unused
}

// Add queues g at s, which is alive. A group of the same message that waits there already takes g
// in (see Job.InChunks): a message has one place in line.
func (s *Site[M]) Add(g *Group[M], now time.Time) {
	g.Site = s
	if !g.join() {
		g.turn = s.t.ready.Clock() + uint64(g.Job.requests)
		g.wait()
		s.weight += g.Job.Weight
		s.todo.Add(&g.place, 0, g.Job.Late)
	}
	s.refresh(now)
}

// Withdraw takes g, which waits at s, out of the queue.
func (s *Site[M]) Withdraw(g *Group[M], now time.Time) {
	s.todo.Remove(&g.place)
	s.weight -= g.Job.Weight
	g.leave()
	s.refresh(now)
}

// Next returns the group that is next at s, nil when none waits.
func (s *Site[M]) Next() *Group[M] {
	if p := s.todo.Peek(); p != nil {
		return p.Value
	}
	return nil
}

// cut takes the next request off g, which was just taken out of the queue. The group waits again if
// it is not empty.
func (s *Site[M]) cut(g *Group[M]) Part {
	limit := g.limit()
	if limit <= 0 || len(g.Index) <= limit {
		s.weight -= g.Job.Weight
		g.leave()
		return g.Part
	}
	p := g.cut(limit)
	g.Job.requests--
	g.turn++
	s.todo.Add(&g.place, g.place.Key()+1, g.Job.Late)
	return p
}

// refresh puts s in line for a process of its transport, or takes it out.
func (s *Site[M]) refresh(now time.Time) {
	line := &s.t.ready
	if s.todo.Len() == 0 || s.busy >= s.window.Size() || now.Before(s.notBefore) {
		if s.place.Waits() {
			line.Remove(&s.place)
		}
		return
	}
	head := s.todo.Peek().Value
	// A site asks for the turn of its next message, but not for the turn it just had: so
	// sites alternate, however much one of them has to send.
	turn := max(head.turn, s.turn+1)
	if s.place.Waits() {
		line.Hasten(&s.place, turn, head.Job.Late)
		return
	}
	line.Add(&s.place, turn, head.Job.Late)
}

// Resume puts s in line again after a pause.
func (s *Site[M]) Resume(now time.Time) { s.refresh(now) }

// Release ends a delivery: the window learns whether it reached the site, and rate delays begin. It
// reports whether s died: then give it a reason (Die).
func (s *Site[M]) Release(reached bool, now time.Time) (died bool) {
	t := s.t
	if reached {
		s.window.Succeed(&t.Window, s.busy)
		s.reason, s.retry = nil, time.Time{}
	} else {
		died = s.window.Fail(&t.Window)
	}
	s.busy--
	t.busy--
	s.used = now
	if t.DestinationDelay > 0 {
		s.notBefore = now.Add(t.DestinationDelay)
	}
	if t.Delay > 0 {
		t.notBefore = now.Add(t.Delay)
	}
	s.refresh(now)
	return died
}

// Die makes s dead until retry, or until a delivery that is under way reaches it.
func (s *Site[M]) Die(reason *queue.Result, retry, now time.Time) {
	s.window.Kill()
	s.reason, s.retry = reason, retry
	s.refresh(now)
}

// Revive makes s live again.
func (s *Site[M]) Revive() {
	s.window.Open(&s.t.Window)
	s.reason, s.retry = nil, time.Time{}
}
