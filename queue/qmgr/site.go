package qmgr

import (
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// What the scheduler calls M is a *message here.
type (
	site  = sched.Site[*message]
	group = sched.Group[*message]
	part  = sched.Part
)

// transport is a delivery service at work. What line holds is guarded by Manager.mu; the rest never
// changes.
type transport struct {
	Transport
	name string
	log  *maillog.Service
	line *sched.Transport[*message]
}

// delivery is a request under way.
type delivery struct {
	part
	msg  *message
	t    *transport
	site *site
	req  queue.Request
}

func newTransport(name string, t Transport, log *maillog.Service) *transport {
	return &transport{Transport: t, name: name, log: log, line: sched.NewTransport[*message](name, t.Rules)}
}

// take cuts the next request of t, if there is one and the limits allow; mu is held.
func (m *Manager) take(t *transport, now time.Time) *delivery {
	if m.stopping {
		return nil
	}
	g, p := t.line.Take(now)
	if g == nil {
		return nil
	}
	msg := g.Job.Owner
	msg.busy++
	if m.remembered > 0 {
		m.recall(g.Site)
	}
	d := &delivery{part: p, msg: msg, t: t, site: g.Site}
	d.req = queue.Request{Entry: sentAs(msg.entry, p), Transport: t.name, Nexthop: g.Key.Nexthop,
		Recipients: d.Recipients(msg.entry), Open: m.opener(msg.entry.ID)}
	return d
}

// sentAs is the entry as the agent sees it: with variable envelope return paths, from the sender that
// the one recipient of this request has.
func sentAs(e *queue.Entry, p part) *queue.Entry {
	if e.VERP == "" || e.Sender == "" || len(p.Index) != 1 {
		return e
	}
	c := *e
	c.Sender, c.VERP = mail.VERPSender(e.VERP, e.Sender, &e.Recipients[p.Index[0]]), ""
	return &c
}

func (m *Manager) opener(id string) func() (mail.Content, error) {
	return func() (mail.Content, error) { return m.o.Store.Open(id) }
}

// pump starts all that t may begin; mu is held.
func (m *Manager) pump(t *transport, now time.Time) {
	for d := m.take(t, now); d != nil; d = m.take(t, now) {
		m.start(task{delivery: d})
	}
}

// release ends a delivery at its site: the window learns, rate delays begin; mu is held. failure
// is the result that says the site could not be reached, nil if it was.
func (m *Manager) release(d *delivery, failure *queue.Result, now time.Time) {
	s, t := d.site, d.t
	if s.Release(failure == nil, now) {
		m.die(s, failure, now)
	}
	if t.DestinationDelay > 0 {
		m.at(s.NotBefore(), func(now time.Time) { s.Resume(now); m.pump(t, now) })
	}
	if t.Delay > 0 {
		m.at(t.line.NotBefore(), func(now time.Time) { m.pump(t, now) })
	}
}

// die makes s dead: all that waits there is deferred at once, with what the failed delivery said;
// mu is held.
func (m *Manager) die(s *site, failure *queue.Result, now time.Time) {
	reason := suspended(failure)
	s.Die(reason, now.Add(m.o.MinimalBackoff), now)
	m.forget(s)
	for g := s.Next(); g != nil; g = s.Next() {
		s.Withdraw(g, now)
		m.answer(g.Job.Owner, ended{part: g.Part, all: reason, at: now})
	}
}

// suspended is what the mail of a dead site is deferred with.
func suspended(failure *queue.Result) *queue.Result {
	r := softened(failure.Reply)
	r.Text = "delivery temporarily suspended: " + r.Text
	return &queue.Result{Outcome: queue.Deferred4, Reply: r, Relay: "none"}
}

// softened returns a reply as a temporary one (postconf(5) soft_bounce).
func softened(r status.Reply) status.Reply {
	if r.Code/100 == 5 {
		r.Code -= 100
	}
	if r.Code/100 != 4 {
		r.Code = 451
	}
	if len(r.Enhanced) > 1 {
		r.Enhanced = "4" + r.Enhanced[1:]
	}
	return r
}
