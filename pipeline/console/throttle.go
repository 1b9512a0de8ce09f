package console

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of logins.
const (
	freeTries   = 5                // wrong ones of a client before it has to wait
	firstWait   = time.Second      // doubled by each further one
	longestWait = 5 * time.Minute  // at most
	forgetAfter = 30 * time.Minute // without another wrong one
	maxClients  = 10000            // of which failures are kept
	maxHashing  = 2                // passwords that are compared at a time
)

// throttle makes clients wait that gave wrong passwords. A client is an IPv4 address, or the /64 of an
// IPv6 one.
type throttle struct {
	clock   func() time.Time
	hashing chan struct{}

	mu sync.Mutex
	m  map[netip.Addr]*tries
}

type tries struct {
	wrong int
	last  time.Time
	until time.Time
}

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{clock: clock, hashing: make(chan struct{}, maxHashing), m: map[netip.Addr]*tries{}}
}

func clientKey(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// begin returns how long the client has to wait, or takes a place for comparing a password, which end
// gives back. A try counts as wrong until end says otherwise: tries at the same time do not slip
// through.
func (t *throttle) begin(a netip.Addr) (wait time.Duration, ok bool) {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	key := clientKey(a)
	e := t.m[key]
	switch {
	case e == nil:
		t.room(now)
		e = &tries{}
		t.m[key] = e
	case now.Sub(e.last) > forgetAfter:
		*e = tries{}
	case now.Before(e.until):
		return e.until.Sub(now), false
	}
	select {
	case t.hashing <- struct{}{}:
	default:
		return firstWait, false
	}
	e.last = now
	if e.wrong++; e.wrong >= freeTries {
		e.until = now.Add(min(firstWait<<min(e.wrong-freeTries, 20), longestWait))
	}
	return 0, true
}

func (t *throttle) end(a netip.Addr, right bool) {
	<-t.hashing
	if !right {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, clientKey(a))
}

// room forgets a client when there are too many: one whose wait is over, if there is any.
func (t *throttle) room(now time.Time) {
	if len(t.m) < maxClients {
		return
	}
	var oldest netip.Addr
	var at time.Time
	for a, e := range t.m {
		if at.IsZero() || e.last.Before(at) {
			oldest, at = a, e.last
		}
		if now.Sub(e.last) > forgetAfter {
			delete(t.m, a)
		}
	}
	delete(t.m, oldest)
}
