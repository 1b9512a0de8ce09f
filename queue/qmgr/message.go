package qmgr

import (
	"time"

	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// message is one entry of the active set.
type message struct {
	entry *queue.Entry
	since time.Time // when it became active
	// stored is the state in the store, Incoming or Active. The way of most mail, accepted
	// and sent at once, spares the store the news that it is active.
	stored queue.State
	// flushed says that an admin asked for this attempt: it overrides defer_transports.
	flushed bool
	// returned says that an admin wants it returned, not tried.
	returned bool
	// Guarded by Manager.mu.
	place      sched.Place[*message] // in the queue of a lane
	job        sched.Job[*message]   // what of it waits at sites
	busy       int                   // deliveries under way, and 1 while it is being resolved
	ended      []ended               // not settled yet
	owned      bool                  // somebody settles it
	order      order                 // an admin's
	expire     bool                  // an admin wants it returned
	reason     string                // of a hold
	cutShort   bool                  // work was taken from it: not every recipient was tried
	tried      bool                  // an agent was asked
	broken     bool                  // a delivery was broken off because the manager stops
	calledBack bool                  // while it was still here: it goes on as soon as it has left
	gone       chan struct{}

	// Owned by whoever settles; by whoever takes it up before that.
	rec   *queue.Record // nil while nothing but its arrival happened to it
	left  int           // recipients not done
	round round
}

// order is what an admin wants with a message that is active.
type order uint8

const (
	none order = iota
	hold
	remove
)

// round is what happened since the message became active.
type round struct {
	failed, waiting     []queue.Report // bounced, deferred
	failedAt, waitingAt []int          // their places in the envelope
	sent                []queue.Report // those whose success is to be reported
	sentAt              []int
	traced              []queue.Report // what the sender asked to be told of every recipient
	owes                bool           // that report could not be made: the message stays for it
	changed             []int          // recipients whose progress is not stored yet
	progressed          bool           // some of them were sent
	noticed             bool           // the notices were dealt with
}

// ended is the end of some recipients' attempt: one result each, or the same for all.
type ended struct {
	part
	transport *transport // whose log it is; nil: the manager's own decision
	results   []queue.Result
	all       *queue.Result
	at        time.Time
}

func (e *ended) result(k int) *queue.Result {
	if e.all != nil {
		return e.all
	}
	return &e.results[k]
}

// newMessage makes an entry active; rec is nil for one that just arrived.
func (m *Manager) newMessage(e *queue.Entry, rec *queue.Record, now time.Time) *message {
	msg := &message{entry: e, rec: rec, since: now, stored: queue.Incoming, left: len(e.Recipients), busy: 1}
	msg.place.Value = msg
	msg.job = sched.Job[*message]{Owner: msg, Entry: e, Weight: m.weightOf(len(e.Recipients))}
	if rec != nil {
		msg.left = len(rec.Pending())
		m.oweAgain(msg)
		msg.returned, msg.job.Late = rec.Expire, rec.Attempts > 0
	}
	return msg
}

// oweAgain has the notices made in this round that could not be made before.
func (m *Manager) oweAgain(msg *message) {
	for i := range msg.rec.Recipients {
		p := &msg.rec.Recipients[i]
		if !p.Owed {
			continue
		}
		res := queue.Result{Outcome: p.Outcome, Reply: p.Reply, Relay: p.Relay}
		rcpt := msg.entry.Recipients[i]
		msg.round.sent = append(msg.round.sent, queue.Report{Recipient: rcpt, Result: res, At: p.At, Cleared: m.clears(msg, &rcpt)})
		msg.round.sentAt = append(msg.round.sentAt, i)
	}
}

// recipients is how many there are to deliver to.
func (msg *message) recipients() int {
	n := msg.left
	for i := range msg.entry.Recipients {
		if msg.entry.Recipients[i].Expanded && (msg.rec == nil || !msg.rec.Recipients[i].Outcome.Done()) {
			n--
		}
	}
	return n
}

// unfinished reports whether something of msg waits or is under way; mu is held.
func (msg *message) unfinished() bool { return msg.busy > 0 || len(msg.job.Waiting()) > 0 }

// record returns the record of the message, made up if there is none yet.
func (msg *message) record() *queue.Record {
	if msg.rec == nil {
		msg.rec = &queue.Record{State: queue.Incoming, Recipients: make([]queue.Progress, len(msg.entry.Recipients))}
	}
	return msg.rec
}

// pending returns the recipients that are not done.
func (msg *message) pending() []int32 {
	list := make([]int32, 0, msg.left)
	for i := range msg.entry.Recipients {
		if msg.rec == nil || !msg.rec.Recipients[i].Outcome.Done() {
			list = append(list, int32(i))
		}
	}
	return list
}
