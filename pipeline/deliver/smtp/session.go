package smtp

import (
	"context"
	"time"

	"github.com/mtad/mtad/core/smtpclient"
)

// session is one connection that is ready for transactions. It is owned by one delivery, or by
// the cache.
type session struct {
	conn  *smtpclient.Conn
	abort func() // conn.Abort, made once
	at    endpoint
	relay string // at.relay()
	key   string // at.key()
	// dest is the destination that the session may be used for without asking the DNS again;
	// "" when its host is not the best one.
	dest string
	// private: authenticated or checked for its nexthop, so of use for dest only.
	private bool
	// matched: the server has proved in TLS to be whom we mean.
	matched bool
	born    time.Time
	idle    time.Time // since when the cache has it
	uses    int
	odd     bool // what was said is no SMTP, or the server takes what we say for none

	// tx is the transaction under way; its memory is used again.
	tx smtpclient.Transaction
}

func newSession(c *smtpclient.Conn, e *endpoint) *session {
	return &session{conn: c, abort: c.Abort, at: *e, relay: e.relay(), key: e.key(), born: time.Now()}
}

// serve makes the session one of a destination by endpoint e, which has its address: another
// destination may have known the same host by another name.
func (s *session) serve(dest string, e *endpoint) {
	if s.at.host != e.host {
		s.relay = e.relay()
	}
	s.at, s.dest = *e, ""
	if e.best {
		s.dest = dest
	}
}

// watch closes the connection when ctx ends. The function returned stops that; it reports false
// when the connection was closed.
func (s *session) watch(ctx context.Context) func() bool {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, s.abort)
}

// forget drops what a delivery left in the transaction, so that a cached connection keeps no
// message alive.
func (s *session) forget() {
	results := s.tx.Results[:cap(s.tx.Results)]
	clear(results)
	if cap(results) > 64 {
		results = nil
	}
	s.tx = smtpclient.Transaction{Results: results[:0]}
	s.conn.Forget()
}
