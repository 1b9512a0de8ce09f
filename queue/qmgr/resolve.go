package qmgr

import (
	"context"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// resolveChunk is how many recipients of a message are resolved before the first ones go on their
// way: those of a large mailing need not wait for the last one's table lookup.
const resolveChunk = 1000

// fewGroups is up to where a list is searched rather than a map.
const fewGroups = 8

// resolved is what became of some recipients: groups for sites, and those that end here.
type resolved struct {
	groups []*group
	byKey  map[groupKey]*group // nil while there are few groups
	ended  []ended
}

type groupKey struct {
	t   *sched.Transport[*message]
	key sched.Key
}

// route resolves the recipients of a message that became active and queues them at their sites. It
// may return a delivery for the same worker to begin with.
func (m *Manager) route(ctx context.Context, msg *message) *delivery {
	if msg.left > 0 {
		m.qmgr.Active(msg.entry.ID, msg.entry.Sender, msg.entry.Size, msg.recipients())
	}
	var mine *delivery
	pending := msg.pending()
	if len(pending) > resolveChunk {
		msg.job.InChunks()
	}
	for len(pending) > 0 && m.wantsRouting(msg) {
		n := min(len(pending), resolveChunk)
		r := m.resolve(ctx, msg, pending[:n])
		pending = pending[n:]
		if ctx.Err() != nil {
			m.cutShort(msg)
			break // we stop: what the resolver said of that is nothing about the recipients
		}
		mine = m.enqueue(msg, &r, time.Now(), len(pending) == 0)
	}
	m.mu.Lock()
	msg.busy--
	settle := !msg.owned && (!msg.unfinished() || len(msg.ended) > 0)
	msg.owned = msg.owned || settle
	m.mu.Unlock()
	if settle {
		m.settle(ctx, msg)
	}
	return mine
}

// wantsRouting reports whether nobody ordered msg back.
func (m *Manager) wantsRouting(msg *message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping || msg.order != none {
		msg.cutShort = true
		return false
	}
	return true
}

func (m *Manager) cutShort(msg *message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.cutShort = true
}

// resolve finds the routes of some recipients. When the resolver is out of time, those left are
// deferred without asking: one table that hangs must not cost its timeout for each of them.
func (m *Manager) resolve(ctx context.Context, msg *message, index []int32) (r resolved) {
	ctx, cancel := context.WithTimeout(ctx, m.o.ResolveTimeout)
	defer cancel()
	for k, i := range index {
		rcpt := msg.entry.Recipients[i]
		if rcpt.Expanded {
			r.end(msg.entry, i, rcpt.Address, expanded())
			continue
		}
		if msg.returned {
			r.end(msg.entry, i, rcpt.Address, administratively())
			continue
		}
		route, err := m.ask(ctx, &msg.entry.Envelope, rcpt)
		switch {
		case err != nil:
			r.end(msg.entry, i, rcpt.Address, unresolved(err))
		default:
			r.add(m, msg, i, route)
		}
		if err != nil && ctx.Err() != nil {
			for _, i := range index[k+1:] {
				r.end(msg.entry, i, msg.entry.Recipients[i].Address, unresolved(err))
			}
			break
		}
	}
	return r
}

// ask is Resolve, except that a panic is an error.
func (m *Manager) ask(ctx context.Context, env *mail.Envelope, rcpt mail.Recipient) (route queue.Route, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("resolver: panic: %v", p)
		}
	}()
	return m.o.Resolver.Resolve(ctx, env, rcpt)
}

// add puts a recipient in the group of its site, or ends it where its transport does.
func (r *resolved) add(m *Manager, msg *message, i int32, route queue.Route) {
	t := m.transports[route.Transport]
	switch {
	case t == nil:
		r.end(msg.entry, i, route.Recipient, deferral("4.3.0", "mail transport unavailable"))
		return
	case t.Deferred && !msg.flushed:
		r.end(msg.entry, i, route.Recipient, deferral("4.3.2", "deferred transport"))
		return
	}
	key := t.line.KeyOf(route.Nexthop, route.Recipient)
	r.group(msg, t, key).Add(msg.entry, i, route.Recipient)
}

func (r *resolved) group(msg *message, t *transport, key sched.Key) *group {
	if r.byKey != nil {
		if g := r.byKey[groupKey{t.line, key}]; g != nil {
			return g
		}
	} else {
		for k := len(r.groups) - 1; k >= 0; k-- {
			if g := r.groups[k]; g.T == t.line && g.Key == key {
				return g
			}
		}
	}
	g := sched.NewGroup(&msg.job, t.line, key)
	r.groups = append(r.groups, g)
	r.index(g)
	return g
}

// index keeps byKey, from the moment on when there is more than a few.
func (r *resolved) index(g *group) {
	if r.byKey != nil {
		r.byKey[groupKey{g.T, g.Key}] = g
		return
	}
	if len(r.groups) <= fewGroups {
		return
	}
	r.byKey = make(map[groupKey]*group, 4*fewGroups)
	for _, g := range r.groups {
		r.byKey[groupKey{g.T, g.Key}] = g
	}
}

// end ends a recipient without an agent, together with the one before it if they fare alike.
func (r *resolved) end(e *queue.Entry, i int32, address string, res *queue.Result) {
	if n := len(r.ended); n > 0 {
		last := &r.ended[n-1]
		if last.all.Outcome == res.Outcome && last.all.Reply == res.Reply {
			last.Add(e, i, address)
			return
		}
	}
	end := ended{all: res, at: time.Now()}
	end.Add(e, i, address)
	r.ended = append(r.ended, end)
}

func deferral(enhanced, text string) *queue.Result {
	return &queue.Result{Outcome: queue.Deferred4, Relay: "none",
		Reply: status.Reply{Code: 451, Enhanced: enhanced, Text: text}}
}

// expanded is what becomes of an alias that cleanup expanded, and of which the sender is to hear.
func expanded() *queue.Result {
	return &queue.Result{Outcome: queue.Expanded, Relay: "none", Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "alias expanded"}}
}

// administratively is the result of what an admin wants returned (postsuper -e).
func administratively() *queue.Result {
	return deferral("4.7.0", "message is administratively expired")
}

// unresolved is the result of a recipient for which the resolver has no route: permanent only if
// it says so by rule.
func unresolved(err error) *queue.Result {
	e := status.From(err)
	res := &queue.Result{Outcome: queue.Deferred4, Reply: e.Reply, Relay: "none", Cause: err}
	if e.Reply.Permanent() {
		res.Outcome = queue.Bounced
	} else {
		res.Reply = softened(e.Reply)
	}
	return res
}

// enqueue queues the groups at their sites and notes what ended. It starts what may begin at once;
// with keep, one delivery is returned instead.
func (m *Manager) enqueue(msg *message, r *resolved, now time.Time, keep bool) (kept *delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.ended = append(msg.ended, r.ended...)
	if m.stopping || msg.order != none {
		msg.cutShort = true
		return nil
	}
	for _, g := range r.groups {
		g.Site = g.T.Site(g.Key, now)
	}
	if m.turnAway(msg, r.groups) {
		return nil
	}
	for _, g := range r.groups {
		if dead, _, reason := g.Site.Dead(); dead {
			msg.ended = append(msg.ended, ended{part: g.Part, all: reason, at: now})
			continue
		}
		g.Site.Add(g, now)
		t := m.transports[g.T.Name]
		for d := m.take(t, now); d != nil; d = m.take(t, now) {
			if keep && kept == nil {
				kept = d
			} else {
				m.start(task{delivery: d})
			}
		}
	}
	return kept
}
