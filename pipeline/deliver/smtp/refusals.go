package smtp

import (
	"crypto/sha256"
	"strings"
	"sync"
	"time"
)

// refusedPassword is what a server did not accept.
type refusedPassword struct{ host, user, password string }

// maxRefusals bounds what is remembered.
const maxRefusals = 1000

// refusals remembers for a while which passwords servers did not accept, so that a wrong one does not
// get us blocked (smtp_sasl_auth_cache_name). It keeps no password.
type refusals struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]refusal
}

type refusal struct {
	at time.Time
	f  failure
}

func (r *refusedPassword) key() [sha256.Size]byte {
	return sha256.Sum256([]byte(r.host + "\x00" + r.user + "\x00" + r.password))
}

// recall returns the failure of an earlier attempt, nil for none within the time.
func (c *refusals) recall(p refusedPassword, now time.Time, within time.Duration) *failure {
	if within <= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.known[p.key()]
	if !ok || now.Sub(r.at) >= within {
		return nil
	}
	f := r.f
	f.reply.Text = strings.Replace(f.reply.Text, "SASL authentication", "SASL [CACHED] authentication", 1)
	return &f
}

// note remembers a failure.
func (c *refusals) note(p refusedPassword, f *failure, now time.Time, within time.Duration) {
	if within <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[[sha256.Size]byte]refusal{}
	}
	for k := range c.known {
		if len(c.known) < maxRefusals {
			break
		}
		delete(c.known, k)
	}
	c.known[p.key()] = refusal{now, *f}
}
