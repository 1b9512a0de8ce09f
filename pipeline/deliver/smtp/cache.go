package smtp

import (
	"slices"
	"sync"
	"time"
)

// healthAfter is how long a connection may have been idle without being asked whether it still
// is one. A server that has just answered is there.
const healthAfter = 100 * time.Millisecond

// cache keeps idle sessions for a short while (smtp_connection_cache_time_limit).
type cache struct {
	ttl, reuse time.Duration
	most, uses int

	mu     sync.Mutex
	idle   []*session // the longest idle first
	timer  *time.Timer
	armed  bool
	closed bool
	sweeps sync.WaitGroup // of sweeps under way
}

// take returns a session for a destination, or nil. The one used last comes first, so that those
// in excess grow old.
func (c *cache) take(dest string) *session {
	return c.find(func(s *session) bool { return s.dest == dest })
}

// takeAt returns a session with an endpoint that any destination may use, or nil.
func (c *cache) takeAt(key string) *session {
	return c.find(func(s *session) bool { return s.key == key && !s.private })
}

func (c *cache) find(fits func(*session) bool) *session {
	for {
		s := c.pick(fits)
		if s == nil {
			return nil
		}
		now := time.Now()
		if now.Sub(s.idle) < c.ttl && (now.Sub(s.idle) < healthAfter || s.conn.Healthy()) {
			return s
		}
		s.conn.Close()
	}
}

func (c *cache) pick(fits func(*session) bool) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range slices.Backward(c.idle) {
		if fits(s) {
			c.idle = slices.Delete(c.idle, i, i+1)
			return s
		}
	}
	return nil
}

// put takes over a session that a delivery has done with: keeps it, or ends it.
func (c *cache) put(s *session) {
	now := time.Now()
	useless := s.private && s.dest == "" // nobody can find it
	if !s.conn.Usable() || useless || c.ttl <= 0 || now.Sub(s.born) >= c.reuse || c.uses > 0 && s.uses >= c.uses {
		s.conn.Quit()
		return
	}
	s.forget()
	s.idle = now
	if over := c.add(s); over != nil {
		over.conn.Quit()
	}
}

// add keeps s and returns a session that has to go instead, if any.
func (c *cache) add(s *session) (over *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.most <= 0 {
		return s
	}
	if len(c.idle) >= c.most {
		over = c.idle[0]
		c.idle = slices.Delete(c.idle, 0, 1)
	}
	c.idle = append(c.idle, s)
	c.arm(c.ttl)
	return over
}

// arm sees to it that a sweep comes. Called with mu held.
func (c *cache) arm(after time.Duration) {
	if c.armed {
		return
	}
	c.armed = true
	c.sweeps.Add(1)
	if c.timer == nil {
		c.timer = time.AfterFunc(after, c.sweep)
	} else {
		c.timer.Reset(after)
	}
}

// sweep ends the sessions whose time is over.
func (c *cache) sweep() {
	defer c.sweeps.Done()
	for _, s := range c.expired(time.Now()) {
		s.conn.Quit()
	}
}

func (c *cache) expired(now time.Time) []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.idle) && now.Sub(c.idle[n].idle) >= c.ttl {
		n++
	}
	old := slices.Clone(c.idle[:n])
	c.idle = slices.Delete(c.idle, 0, n)
	c.armed = false
	if len(c.idle) > 0 && !c.closed {
		c.arm(c.ttl - now.Sub(c.idle[0].idle))
	}
	return old
}

// close ends all idle sessions, and from now on every one that is put.
func (c *cache) close() {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	if c.armed && c.timer.Stop() {
		c.armed = false
		c.sweeps.Done()
	}
	c.mu.Unlock()
	for _, s := range idle {
		s.conn.Quit()
	}
	c.sweeps.Wait()
}
