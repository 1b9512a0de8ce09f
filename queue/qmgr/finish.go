package qmgr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// finish ends the round of a message of which nothing is under way any more. Notices are made on a
// lane of their own: they wait for the store, and so for its sync, and must not hold a process of
// the transport meanwhile.
func (m *Manager) finish(ctx context.Context, msg *message) {
	if !m.wantsNotice(msg, time.Now()) {
		m.close(msg)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.submit(&m.noticing, msg)
}

// conclude is finish as the notice lane goes on with it.
func (m *Manager) conclude(ctx context.Context, msg *message) *delivery {
	m.notify(ctx, msg, time.Now())
	m.close(msg)
	return nil
}

func (m *Manager) wantsNotice(msg *message, now time.Time) bool {
	r := &msg.round
	if r.noticed || len(r.failed)+len(r.sent)+len(r.waiting)+len(r.traced) == 0 || m.ordered(msg) == remove {
		return false
	}
	return len(r.failed) > 0 || len(r.sent) > 0 || len(r.traced) > 0 || m.expired(msg, now) || m.warns(msg, now)
}

func (m *Manager) ordered(msg *message) order {
	m.mu.Lock()
	defer m.mu.Unlock()
	return msg.order
}

// lifetime is how old a message may become: postconf(5) maximal_queue_lifetime, and
// bounce_queue_lifetime for those without a sender.
func (m *Manager) lifetime(env *mail.Envelope) time.Duration {
	if env.Sender == "" {
		return m.o.BounceLifetime
	}
	return m.o.MaximalLifetime
}

// expired reports whether the recipients that were deferred now have waited long enough. That is
// asked after an attempt only, so that even a lifetime of 0 allows for one.
func (m *Manager) expired(msg *message, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(msg.round.waiting) == 0 || msg.cutShort || msg.broken {
		return false
	}
	env := &msg.entry.Envelope
	return msg.forced() || now.Sub(env.Arrived) >= m.lifetime(env)
}

// forced reports whether an admin wants msg returned; mu is held.
func (msg *message) forced() bool { return msg.expire || msg.returned }

// warns reports whether the sender is to be told of the delay.
func (m *Manager) warns(msg *message, now time.Time) bool {
	return m.o.DelayWarning > 0 && len(msg.round.waiting) > 0 && !msg.record().Warned &&
		now.Sub(msg.entry.Arrived) >= m.o.DelayWarning
}

// notify has the notices of a round made. Only then do bounced recipients count as done.
func (m *Manager) notify(ctx context.Context, msg *message, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, m.o.NoticeTimeout)
	defer cancel()
	r := &msg.round
	if len(r.traced) > 0 {
		m.trace(ctx, msg)
	}
	if len(r.sent) > 0 {
		m.succeed(ctx, msg, now)
	}
	expired := m.expired(msg, now)
	if len(r.failed) > 0 || expired {
		m.bounce(ctx, msg, expired)
	}
	if !expired && m.warns(msg, now) {
		m.warn(ctx, msg)
	}
	r.noticed = true
}

// succeed reports success. When that fails, the message stays and it is tried again, until the message is
// as old as mail may become.
func (m *Manager) succeed(ctx context.Context, msg *message, now time.Time) {
	r := &msg.round
	err := m.notice(func() error {
		return m.o.Notifier.Success(ctx, msg.entry, m.opener(msg.entry.ID), r.sent)
	})
	if err != nil {
		m.qmgr.Warning(msg.entry.ID + ": success notice failed: " + err.Error())
	}
	r.owes = err != nil && now.Sub(msg.entry.Arrived) < m.lifetime(&msg.entry.Envelope)
	if !r.owes && msg.rec == nil {
		return // and the message goes
	}
	rec := msg.record()
	for i := range rec.Recipients {
		if p := &rec.Recipients[i]; msg.left == 0 && !p.Outcome.Done() {
			// It was not written down, for the message was to go at once.
			*p = queue.Progress{Outcome: queue.Sent, Reply: silent(queue.Sent), At: now}
			if msg.entry.Recipients[i].Expanded {
				p.Outcome = queue.Expanded
			}
			r.changed = append(r.changed, i)
		}
	}
	for k, i := range r.sentAt {
		if p := &rec.Recipients[i]; p.Owed || r.owes {
			*p = queue.Progress{Outcome: r.sent[k].Result.Outcome, Reply: r.sent[k].Result.Reply, Relay: r.sent[k].Result.Relay, At: r.sent[k].At, Owed: r.owes}
			r.changed = append(r.changed, i)
		}
	}
}

// bounce returns the failed recipients, and the deferred ones too when they are expired.
func (m *Manager) bounce(ctx context.Context, msg *message, expired bool) {
	r := &msg.round
	failed, at := r.failed, r.failedAt
	if expired {
		for k, report := range r.waiting {
			report.Result.Outcome = queue.Bounced
			failed, at = append(failed, report), append(at, r.waitingAt[k])
		}
	}
	err := m.notice(func() error {
		return m.o.Notifier.Bounce(ctx, msg.entry, m.opener(msg.entry.ID), failed)
	})
	if err != nil {
		m.qmgr.Info(msg.entry.ID + ": status=deferred (bounce failed)")
		m.qmgr.Warning(msg.entry.ID + ": bounce notice failed: " + err.Error())
		for k := range r.failed {
			report := r.failed[k]
			report.Result.Outcome = queue.Deferred4
			msg.note(r.failedAt[k], &report)
		}
		return
	}
	for k := range failed {
		msg.note(at[k], &failed[k])
		if k == 0 || at[k] != at[k-1] { // several parts of one recipient stand together
			msg.left--
		}
	}
	if expired {
		m.logExpired(msg, failed[len(r.failed):])
		r.waiting, r.waitingAt = nil, nil
	}
}

// logExpired logs in Postfix's words that a message was returned for its age.
func (m *Manager) logExpired(msg *message, reports []queue.Report) {
	m.mu.Lock()
	word := "expired"
	if msg.forced() {
		word = "force-expired"
	}
	m.mu.Unlock()
	m.qmgr.Info(msg.entry.ID + ": from=<" + msg.entry.Sender + ">, status=" + word + ", returned to sender")
	for k := range reports {
		m.event("expired", msg.entry, reports[k].Recipient.Address, reports[k])
	}
}

// warn tells the sender that delivery takes long, once.
func (m *Manager) warn(ctx context.Context, msg *message) {
	env := &msg.entry.Envelope
	err := m.notice(func() error {
		return m.o.Notifier.Delay(ctx, msg.entry, m.opener(env.ID), msg.round.waiting, env.Arrived.Add(m.lifetime(env)))
	})
	if err != nil {
		m.qmgr.Warning(env.ID + ": delay notice failed: " + err.Error())
		return // the next attempt tries again
	}
	msg.record().Warned = true
}

// notice calls the notifier; a panic is an error.
func (m *Manager) notice(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return call()
}

// close gives a message back: it is removed, or stored as deferred or on hold, and leaves the
// active set. When the store fails, it stays, and that is tried again.
func (m *Manager) close(msg *message) {
	m.mu.Lock()
	want, reason, force := msg.order, msg.reason, msg.forced()
	again := msg.cutShort || msg.broken
	tried := msg.tried
	m.mu.Unlock()
	now := time.Now()
	var due time.Time
	var err error
	switch {
	case msg.left == 0 && !msg.round.owes || want == remove:
		err = m.remove(msg.entry, now)
	case want == none && again && msg.stored == queue.Incoming && len(msg.round.changed) == 0:
		// Nothing happened to it; the store has it as it came.
	default:
		rec := msg.record()
		rec.State, rec.Due, rec.Expire = queue.Deferred, m.nextAttempt(msg, again, now), rec.Expire || force
		due = rec.Due
		if want == hold {
			rec.State, rec.Reason = queue.Hold, reason
		}
		if tried {
			rec.Attempts++
		}
		if err = m.o.Store.Update(msg.entry.ID, rec, msg.round.changed); err == nil {
			m.noteSites(msg.entry, rec)
		}
		if err == nil && want == hold {
			m.event("held", msg.entry, "", queue.Report{At: now})
		} else if err != nil && tried {
			rec.Attempts--
		}
	}
	m.closed(msg, due, err, now)
}

// nextAttempt is Postfix's rule (qmgr(8), postconf(5) minimal_backoff_time): as long as the
// message is old, within bounds. What was broken off by us is due at once.
func (m *Manager) nextAttempt(msg *message, again bool, now time.Time) time.Time {
	if again {
		return now
	}
	return now.Add(min(max(now.Sub(msg.entry.Arrived), m.o.MinimalBackoff), m.o.MaximalBackoff))
}

// remove forgets an entry.
func (m *Manager) remove(e *queue.Entry, now time.Time) error {
	if err := m.o.Store.Remove(e.ID); err != nil && !errors.Is(err, queue.ErrNotFound) {
		return err
	}
	m.qmgr.Removed(e.ID)
	m.event("removed", e, "", queue.Report{At: now})
	return nil
}

// closed takes msg out of the active set, or keeps it there to be stored later.
func (m *Manager) closed(msg *message, due time.Time, err error, now time.Time) {
	if err != nil {
		m.qmgr.Error(msg.entry.ID + ": cannot be stored: " + err.Error())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil || m.stopping {
		m.retire(msg)
		if !due.IsZero() {
			m.dueAt(due)
		}
		return
	}
	m.unsaved[msg] = struct{}{}
	m.at(now.Add(storePause), func(time.Time) {
		if _, ok := m.unsaved[msg]; ok {
			delete(m.unsaved, msg)
			m.submit(&m.recording, msg)
		}
	})
}
