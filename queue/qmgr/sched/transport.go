package sched

import "time"

// Rules are how a transport may be used.
type Rules struct {
	// Processes is how many deliveries are under way at a time, 0 for no limit (maxproc of
	// master.cf, default_process_limit).
	Processes int
	// Window is how many of them go to one destination (initial_destination_concurrency,
	// NAME_destination_concurrency_limit and …_feedback, …_failed_cohort_limit).
	Window Limits
	// RecipientLimit is how many recipients a delivery has at most, 0 for no limit. With 1,
	// each recipient is a destination of its own (NAME_destination_recipient_limit).
	RecipientLimit int
	// DestinationDelay is the pause after a delivery before the next one to the same
	// destination, and then one at a time (NAME_destination_rate_delay); Delay is the same for
	// the whole transport (NAME_transport_rate_delay).
	DestinationDelay, Delay time.Duration
}

// Transport is a delivery service and the sites that it delivers to.
type Transport[M any] struct {
	Rules
	Name string

	busy  int // deliveries under way
	ready Turns[*Site[M]]
	sites map[Key]*Site[M]
	// notBefore is when the next delivery may begin (transport_rate_delay).
	notBefore time.Time
}

// NewTransport returns a transport without sites.
func NewTransport[M any](name string, r Rules) *Transport[M] {
	if r.DestinationDelay > 0 {
		r.Window.Initial, r.Window.Max = 1, 1
	}
	if r.Delay > 0 {
		r.Processes = 1
	}
	return &Transport[M]{Rules: r, Name: name, sites: make(map[Key]*Site[M])}
}

// KeyOf returns the site of a recipient.
func (t *Transport[M]) KeyOf(nexthop, recipient string) Key {
	if t.RecipientLimit != 1 {
		recipient = ""
	}
	return Key{nexthop, recipient}
}

// Site returns the destination, made if there is none; alive again if its time has come.
func (t *Transport[M]) Site(key Key, now time.Time) *Site[M] {
	s := t.sites[key]
	if s == nil {
		s = &Site[M]{t: t, Key: key}
		s.place.Value = s
		s.window.Open(&t.Window)
		t.sites[key] = s
	}
	if s.window.Dead() && !now.Before(s.retry) {
		s.Revive()
	}
	s.used = now
	return s
}

// Busy returns how many deliveries are under way.
func (t *Transport[M]) Busy() int { return t.busy }

// Ready returns how many sites wait for a process.
func (t *Transport[M]) Ready() int { return t.ready.Len() }

// Sites returns the sites by key; do not change the map.
func (t *Transport[M]) Sites() map[Key]*Site[M] { return t.sites }

// NotBefore returns when the next delivery may begin.
func (t *Transport[M]) NotBefore() time.Time { return t.notBefore }

// Take returns the next request: some recipients of a group, whose site then has one delivery more
// under way. The group goes on waiting if it has recipients left. nil when there is nothing to do
// or the limits do not allow it.
func (t *Transport[M]) Take(now time.Time) (g *Group[M], p Part) {
	if t.ready.Len() == 0 || t.Processes > 0 && t.busy >= t.Processes || now.Before(t.notBefore) {
		return nil, Part{}
	}
	s := t.ready.Next().Value
	s.turn = s.place.Key()
	g = s.todo.Next().Value
	p = s.cut(g)
	s.busy++
	t.busy++
	s.refresh(now)
	return g, p
}

// Forget drops a site of which nothing is left but what it learned.
func (t *Transport[M]) Forget(s *Site[M]) {
	if s.Empty() {
		delete(t.sites, s.Key)
	}
}
