package smtp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/queue"
)

// delivery is one call of Deliver.
//
// A recipient is done when it is sent or bounced. One that a server deferred is tried again
// with the next host, if there is one; until then its result says what the last server said.
type delivery struct {
	a     *Agent
	req   *queue.Request
	begun time.Time

	results []queue.Result
	left    int   // recipients that are not done
	open    []int // their indexes; nil while it is all of them
	now     []int // those of the next transaction; nil for all
	subset  []mail.Recipient

	sender string // the envelope as servers are told it
	rcpts  []mail.Recipient

	content mail.Content // the text as it is in the queue
	seven   mail.Content // the text for a server without 8BITMIME, made when needed

	why    *failure // of the destinations and hosts so far, for those whom no server answered
	asked  bool     // a server was ready to take mail
	dead   bool     // no server of the nexthop was
	fresh  bool     // an idle connection was stale: the others of its kind may be as well
	talked []string // keys of the hosts that had their chance
}

// run tries the destinations in order until everybody is done.
func (d *delivery) run(ctx context.Context) {
	err := d.envelope(ctx)
	if err != nil {
		d.failed(unmapped(err))
	} else {
		d.reuse(ctx)
	}
	if d.left > 0 && ctx.Err() == nil && err == nil {
		hops, err := parseNexthop(d.req.Nexthop, d.a.o.LMTP, d.a.o.Port)
		if err != nil {
			d.failed(misconfigured(err))
		}
		d.try(ctx, hops)
		d.try(ctx, d.a.fallback)
	}
	if ctx.Err() != nil {
		d.why = interrupted(ctx.Err())
	}
	d.dead = !d.asked && ctx.Err() == nil && d.why != nil && !d.why.permanent() && !d.why.ours
	d.giveUp()
}

// reuse uses an idle connection for the nexthop, if there is one, without any further question.
func (d *delivery) reuse(ctx context.Context) {
	if s := d.a.cache.take(d.dest(d.req.Nexthop)); s != nil {
		d.fresh = d.converse(ctx, s)
	}
}

// dest is what the sessions of a nexthop are kept as: with passwords of senders each sender has its
// own.
func (d *delivery) dest(nexthop string) string {
	if d.a.o.SASL.Senders == nil {
		return nexthop
	}
	return nexthop + "\x00" + d.req.Entry.Sender
}

func (d *delivery) try(ctx context.Context, hops []hop) {
	for i := range hops {
		if d.left == 0 || ctx.Err() != nil {
			return
		}
		d.destination(ctx, &hops[i])
	}
}

// destination tries the hosts of one destination in order.
func (d *delivery) destination(ctx context.Context, h *hop) {
	endpoints, f := d.a.endpoints(ctx, h)
	if f != nil && f.loops && d.a.o.BestMX != nil && d.left == len(d.results) {
		d.results, d.left = d.a.o.BestMX(ctx, d.req), 0
		return
	}
	if f != nil {
		d.failed(f)
		return
	}
	sessions := 0
	for i := range endpoints {
		e := &endpoints[i]
		if slices.Contains(d.talked, e.key()) {
			continue
		}
		f := d.host(ctx, h, e)
		if f == nil {
			sessions++
		}
		switch {
		case d.left == 0, ctx.Err() != nil:
			return
		case d.a.o.SessionLimit > 0 && sessions >= d.a.o.SessionLimit:
			return
		}
		if i+1 < len(endpoints) {
			d.tellWhy(f)
		}
	}
}

// host has one conversation with a host. A failure says why it did not come to one.
func (d *delivery) host(ctx context.Context, h *hop, e *endpoint) *failure {
	s, f := d.session(ctx, h, e)
	if f == nil && d.converse(ctx, s) {
		d.fresh = true
		s, f = d.session(ctx, h, e)
		if f == nil {
			d.converse(ctx, s)
		}
	}
	if f != nil {
		d.failed(f)
	}
	return f
}

// failed notes why a destination or host could not be asked. A temporary reason stands against
// any permanent one: a message is not returned while a host may still come back.
func (d *delivery) failed(f *failure) {
	if d.why == nil || f.permanent() == d.why.permanent() || d.why.permanent() {
		d.why = f
	}
}

// tellWhy logs, before the next host is tried, why the last one did not do: f, or what it said to
// the first open recipient. A failed connection has been logged.
func (d *delivery) tellWhy(f *failure) {
	if f != nil {
		if f.relay != "" {
			d.a.o.Log.Info(d.req.Entry.ID + ": " + f.reply.Text)
		}
		return
	}
	for i := range d.results {
		if r := &d.results[i]; r.Outcome == queue.Deferred4 {
			d.a.o.Log.Info(d.req.Entry.ID + ": " + r.Reply.Text)
			return
		}
	}
}

// giveUp settles those whom no server answered.
func (d *delivery) giveUp() {
	if d.why == nil {
		d.why = temporary("4.3.0", "no destination was tried")
	}
	for i := range d.results {
		if d.results[i].Outcome == queue.Pending {
			d.fail(i, d.why)
			d.results[i].DeadSite = d.dead
		}
	}
}

// fail gives recipient i the result that f means. The recipient is not counted as done.
func (d *delivery) fail(i int, f *failure) {
	r := queue.Result{Outcome: queue.Deferred4, Reply: f.reply, Relay: f.relay, RemoteMTA: f.remote,
		Begun: d.begun, Cause: f.cause}
	if f.permanent() {
		r.Outcome = queue.Bounced
	}
	if r.Relay == "" {
		r.Relay = "none"
	}
	d.results[i] = r
}

// text returns the text of the message, as smtp_header_checks and its like leave it.
func (d *delivery) text(ctx context.Context) (mail.Content, error) {
	if d.content == nil {
		c, err := d.req.Open()
		if err != nil {
			return nil, err
		}
		if d.a.o.Checks.wanted() {
			checked, err := d.check(ctx, c)
			if err != nil {
				_ = c.Close() // nothing was written
				return nil, err
			}
			c = checked
		}
		if g := &d.a.o.Generic; len(g.Maps) > 0 {
			mapped, err := g.text(ctx, c)
			if err != nil {
				_ = c.Close() // nothing was written
				return nil, err
			}
			c = mapped
		}
		d.content = c
	}
	return d.content, nil
}

func (d *delivery) close() {
	if d.content != nil {
		// The store tells of failures while reading; closing what was read cannot lose mail.
		_ = d.content.Close()
	}
}

// converse delivers to the open recipients by s, and hands s on to the cache. It reports that s
// was stale: an idle connection that ended before it answered anything. Then nothing has
// happened, and the delivery is to be tried with another one.
func (d *delivery) converse(ctx context.Context, s *session) (stale bool) {
	ready, reused := time.Now(), s.uses > 0
	stop := s.watch(ctx)
	d.now = d.open
	for again := true; again; reused = false {
		if f := d.prepare(ctx, s); f != nil {
			d.refuse(s, ready, f)
			break
		}
		s.uses++
		err := d.send(s)
		if reused && ctx.Err() == nil && isStale(s, err) {
			stop()
			s.conn.Close()
			return true
		}
		again = d.settle(s, ready, unanswered(ctx, s, err))
	}
	if !stop() {
		s.conn.Close()
	}
	d.asked = true
	if d.left > 0 {
		d.talked = append(d.talked, s.key)
	}
	d.tell(s)
	d.a.cache.put(s)
	return false
}

// unanswered is the failure of those recipients that a broken conversation left without a reply.
func unanswered(ctx context.Context, s *session, err error) *failure {
	var e *smtpclient.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return interrupted(ctx.Err())
	case errors.As(err, &e):
		s.note(e)
		return broken(&s.at, e)
	}
	return unreadable(err)
}

// isStale reports whether an idle connection turned out to be over: it broke before MAIL was
// answered, or the answer is 421, which servers give to who was silent for too long.
func isStale(s *session, err error) bool {
	var e *smtpclient.Error
	if errors.As(err, &e) {
		return e.Stage <= smtpclient.StageMail && (e.Kind == smtpclient.Lost || e.Stage == smtpclient.StageReset)
	}
	return err == nil && !s.conn.Usable() && slices.ContainsFunc(s.tx.Results, func(r smtpclient.Result) bool {
		return r.Reply.Code == 421 && r.Stage <= smtpclient.StageMail
	})
}
