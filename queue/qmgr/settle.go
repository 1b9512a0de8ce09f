package qmgr

import (
	"context"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// settleOwned is settle as a lane does it.
func (m *Manager) settleOwned(ctx context.Context, msg *message) *delivery {
	m.settle(ctx, msg)
	return nil
}

// settle deals with what ended for msg until there is nothing more. The caller owns msg, and does
// not afterwards.
func (m *Manager) settle(ctx context.Context, msg *message) {
	for {
		m.mu.Lock()
		done := msg.ended
		msg.ended = nil
		last := !msg.unfinished()
		if len(done) == 0 && !last {
			msg.owned = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		m.apply(msg, done, last)
		if last {
			m.finish(ctx, msg)
			return
		}
		m.progress(msg)
	}
}

// apply logs results and notes them in the message.
func (m *Manager) apply(msg *message, done []ended, last bool) {
	// The way of most mail: one request, all sent, nothing to write down but the removal.
	plain := msg.rec == nil && last && allSent(done, msg.left)
	for k := range done {
		e := &done[k]
		for j, i := range e.Index {
			m.result(msg, e, j, int(i), plain)
		}
		m.causes(msg, e)
	}
}

// causes logs what the replies do not say, each once.
func (m *Manager) causes(msg *message, e *ended) {
	var last error
	for j := range e.Index {
		res := e.result(j)
		cause := res.Cause
		if cause != nil && res.Parts == nil && (last == nil || cause.Error() != last.Error()) {
			m.qmgr.Info(msg.entry.ID + ": to=<" + e.To(msg.entry, j) + ">: " + cause.Error())
		}
		last = cause
		if e.all != nil {
			return
		}
	}
}

func allSent(done []ended, want int) bool {
	n := 0
	for k := range done {
		e := &done[k]
		for j := range e.Index {
			if o := e.result(j).Outcome; o != queue.Sent && o != queue.Expanded {
				return false
			}
			n++
		}
	}
	return n == want
}

// result deals with the result of recipient i of the envelope, the j-th of e.
func (m *Manager) result(msg *message, e *ended, j, i int, plain bool) {
	res := *e.result(j)
	if msg.entry.Probe() && m.probed(msg, e, j, i, &res) {
		return
	}
	word := res.Outcome.String()
	if res.Outcome == queue.Bounced && m.o.SoftBounce {
		// The word is Postfix's, so that its tools tell it from a deferral.
		word, res.Outcome, res.Reply = "SOFTBOUNCE", queue.Deferred4, softened(res.Reply)
	}
	rcpt := msg.entry.Recipients[i]
	if res.Parts == nil && !rcpt.Expanded {
		m.log(msg, e, e.To(msg.entry, j), &rcpt, &res, word)
	}
	report := queue.Report{Recipient: rcpt, Result: res, At: e.at}
	if msg.traces() {
		r := report
		r.Recipient.Address = e.To(msg.entry, j)
		msg.round.traced = append(msg.round.traced, r)
	}
	m.parts(msg, e, &report)
	switch r := &msg.round; res.Outcome {
	case queue.Bounced:
		before := len(r.failed)
		for k := range res.Parts {
			if p := &res.Parts[k]; p.Result.Outcome == queue.Bounced {
				r.failed = append(r.failed, queue.Report{Recipient: p.Recipient, Result: p.Result, At: e.at})
				r.failedAt = append(r.failedAt, i)
			}
		}
		if len(r.failed) == before { // it stands for itself
			r.failed = append(r.failed, report)
			r.failedAt = append(r.failedAt, i)
		}
	case queue.Deferred4:
		r.waiting = append(r.waiting, report)
		r.waitingAt = append(r.waitingAt, i)
		msg.note(i, &report)
	default:
		msg.left--
		report.Cleared = m.clears(msg, &rcpt)
		owed := rcpt.Notify&mail.NotifySuccess != 0 && !res.DSNRelayed || report.Cleared
		if owed {
			r.sent, r.sentAt = append(r.sent, report), append(r.sentAt, i)
		}
		if !plain {
			msg.note(i, &report)
			msg.rec.Recipients[i].Owed = owed // until the notice is committed, whatever happens till then
			r.progressed = true
		}
	}
	if m.o.OnEvent != nil && !rcpt.Expanded {
		m.event(res.Outcome.String(), msg.entry, rcpt.Address, report)
	}
}

// clears reports whether the sender was told that mail for a recipient is late, and is to hear that it
// was sent after all.
func (m *Manager) clears(msg *message, rcpt *mail.Recipient) bool {
	return m.o.ConfirmCleared && msg.rec != nil && msg.rec.Warned && (rcpt.Notify == mail.NotifyDefault || rcpt.Notify&mail.NotifyDelay != 0)
}

// parts logs what a recipient became, each part once. With soft_bounce no part has failed.
func (m *Manager) parts(msg *message, e *ended, of *queue.Report) {
	parts := of.Result.Parts
	for k := range parts {
		p := &parts[k]
		word := p.Result.Outcome.String()
		if p.Result.Outcome == queue.Bounced && m.o.SoftBounce {
			word, p.Result.Outcome, p.Result.Reply = "SOFTBOUNCE", queue.Deferred4, softened(p.Result.Reply)
		}
		if !p.Told {
			m.log(msg, e, p.Recipient.Address, &p.Recipient, &p.Result, word)
		}
		if p.Result.Cause != nil && !p.Told {
			m.qmgr.Info(msg.entry.ID + ": to=<" + p.Recipient.Address + ">: " + p.Result.Cause.Error())
		}
	}
}

// note writes a result into the record, to be stored with the next update.
func (msg *message) note(i int, r *queue.Report) {
	p := &msg.record().Recipients[i]
	*p = queue.Progress{Outcome: r.Result.Outcome, Reply: r.Result.Reply, Relay: r.Result.Relay, At: r.At}
	msg.round.changed = append(msg.round.changed, i)
}

// progress records what was sent so far, so that a crash does not send it again. What was deferred
// can wait for the end of the round: losing it repeats an attempt.
func (m *Manager) progress(msg *message) {
	r := &msg.round
	if !r.progressed {
		return
	}
	rec := msg.record()
	rec.State = queue.Active
	if err := m.o.Store.Update(msg.entry.ID, rec, r.changed); err != nil {
		m.qmgr.Error(msg.entry.ID + ": progress cannot be recorded: " + err.Error())
		return // and try again with the next one
	}
	msg.stored = queue.Active
	r.changed, r.progressed = nil, false
}

// log writes the disposition line of a recipient, and feeds the metrics.
func (m *Manager) log(msg *message, e *ended, to string, rcpt *mail.Recipient, res *queue.Result, word string) {
	env := &msg.entry.Envelope
	service, name := m.service(e.transport, res.Outcome)
	d := maillog.Delivery{ID: env.ID, To: to, OrigTo: rcpt.Original, Relay: res.Relay,
		Arrived: env.Arrived, Active: msg.since, Setup: res.Begun, Sending: res.Setup, End: e.at,
		DSN: res.Reply.DSN(), Status: word, Text: text(res), ConnUse: res.ConnUse}
	if e.transport == nil {
		d.Setup = e.at // it only waited here
	}
	service.Delivered(&d)
	if m.o.OnDelivery != nil {
		m.o.OnDelivery(measured(&d, name, res.Outcome))
	}
}

func (m *Manager) service(t *transport, o queue.Outcome) (*maillog.Service, string) {
	switch {
	case t != nil:
		return t.log, t.name
	case o == queue.Bounced:
		return m.errs, "error"
	}
	return m.retry, "retry"
}

// text is what stands in parentheses in the log line. The agent words it, as Postfix does ("host
// name[address] said: …"); of a server that took the mail it is the whole reply.
func text(res *queue.Result) string {
	if r := &res.Reply; r.Text != "" && (res.RemoteMTA == "" || !r.Positive()) {
		return r.Text
	}
	return res.Reply.String()
}

func measured(d *maillog.Delivery, transport string, o queue.Outcome) Delivery {
	m := Delivery{Transport: transport, Outcome: o}
	last := d.Arrived
	for _, s := range [...]struct {
		at   time.Time
		part *time.Duration
	}{{d.Active, &m.Before}, {d.Setup, &m.Queued}, {d.Sending, &m.Setup}, {d.End, &m.Conversing}} {
		if s.at.After(last) {
			*s.part = s.at.Sub(last)
			last = s.at
		}
	}
	return m
}

// silent is the reply of a result without one.
func silent(o queue.Outcome) status.Reply {
	switch o {
	case queue.Bounced:
		return status.Reply{Code: 550, Enhanced: "5.0.0", Text: "delivery failed"}
	case queue.Deferred4:
		return status.Reply{Code: 451, Enhanced: "4.3.0", Text: "delivery deferred"}
	}
	return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "delivered"}
}

// event tells the observer, if there is one.
func (m *Manager) event(kind string, e *queue.Entry, recipient string, r queue.Report) {
	if m.o.OnEvent != nil {
		m.tell(kind, e, recipient, r)
	}
}

func (m *Manager) tell(kind string, e *queue.Entry, recipient string, r queue.Report) {
	ev := queue.Event{Kind: kind, Entry: e, Recipient: recipient, At: r.At}
	if recipient != "" {
		ev.Result = &r.Result
	}
	m.o.OnEvent(ev)
}
