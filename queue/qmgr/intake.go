package qmgr

import (
	"context"
	"errors"
	"time"

	"github.com/mtad/mtad/queue"
)

// intake is what the loop knows of the entries that wait in the store. Guarded by Manager.mu.
type intake struct {
	look     time.Time // when to look into the store next
	nextPass time.Time // when to go through incoming again, whatever we know
	paused   time.Time // until then the store is left alone: it failed
	wanted   bool      // look now

	// A pass goes through the incoming entries once, in batches, on from cursor.
	passing bool
	cursor  string
	again   bool // something may wait that this pass has gone by: another one follows

	deferredNext bool // whose turn it is: incoming and deferred entries alternate
	waitsForRoom bool // look when there is room again
	hungry       bool // due entries wait for room: Accepted leaves some
	heavy        bool // entries with many recipients wait for others of that kind to leave
}

const (
	// takeUpBatch is how many entries of each kind are asked for at a time.
	takeUpBatch = 100
	// dueGrain is how exactly due times are kept: entries due within it are taken together.
	dueGrain = time.Second
	// doubtFor is how long the word of an arrival may take to come after its commit. It is a
	// function call, so this is ample.
	doubtFor = time.Minute
	// storePause is how long a store that failed is left alone.
	storePause = 10 * time.Second
)

// begin starts with a pass over what is there.
func (i *intake) begin() { i.passing, i.cursor, i.wanted = true, "", true }

// lowWater is the room from which on it is worth asking the store; mu is held.
func (m *Manager) lowWater() int { return max(1, min(takeUpBatch, m.o.ActiveLimit/20)) }

// fill takes up one batch of what waits in the store, and sets when to look again.
func (m *Manager) fill(ctx context.Context, now time.Time) {
	n, cursor, passing := m.plan(now)
	var b batch
	if n > 0 {
		b = m.gather(now, n, cursor, passing)
		m.takeUpAll(ctx, &b, now)
	} else {
		m.peckish(now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := &m.intake
	i.look = i.nextPass
	switch {
	case b.failed:
		i.paused, i.again = now.Add(storePause), true
	case n > 0 && (b.left > 0 || !b.endOfDue || i.passing || m.recalled.len() > 0):
		i.wanted, i.look = true, now // go on at once, but let alarms ring first
	case n > 0 && !b.next.IsZero():
		i.soonest(maxTime(b.next, now.Add(min(dueGrain, m.o.QueueRunDelay))))
	}
	if i.paused.After(now) {
		i.wanted = false
		i.soonest(i.paused)
	}
}

// peckish notes whether due entries wait while there is no room: Accepted then leaves some.
func (m *Manager) peckish(now time.Time) {
	m.mu.Lock()
	ask := m.intake.waitsForRoom && !m.intake.hungry && !m.intake.paused.After(now)
	m.mu.Unlock()
	if !ask {
		return
	}
	ids, _, err := m.o.Store.Due(now, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intake.hungry = err == nil && len(ids) > 0
}

func (i *intake) soonest(t time.Time) {
	if t.Before(i.look) {
		i.look = t
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dueAt tells the loop of an entry that was deferred until then; mu is held.
func (m *Manager) dueAt(due time.Time) {
	if due.Before(m.intake.look) {
		m.intake.look = due
		m.poke()
	}
}

// plan says how many entries of each kind to ask for, and where the pass stands.
func (m *Manager) plan(now time.Time) (n int, cursor string, passing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := &m.intake
	if !now.Before(i.nextPass) {
		i.nextPass = now.Add(m.o.QueueRunDelay)
		i.again = true
	}
	if i.paused.After(now) {
		return 0, "", false
	}
	if i.again && !i.passing {
		i.passing, i.again, i.cursor = true, false, ""
	}
	room := m.room()
	if room < m.lowWater() {
		i.waitsForRoom = true
		return 0, "", false
	}
	i.waitsForRoom = false
	return min(room, takeUpBatch), i.cursor, i.passing
}

// batch is what one look into the store found.
type batch struct {
	incoming, deferred []string
	recalled           int  // how many of deferred, at its begin, were called back
	endOfPass          bool // there is no incoming entry beyond these
	endOfDue           bool // no further one is due
	next               time.Time
	left               int // not taken up for want of room
	failed             bool
}

func (m *Manager) gather(now time.Time, n int, cursor string, passing bool) (b batch) {
	if passing {
		ids, err := m.o.Store.Waiting(cursor, n)
		b.incoming, b.endOfPass = ids, len(ids) < n
		b.fail(m, "incoming", err)
	}
	m.mu.Lock()
	for m.recalled.len() > 0 && len(b.deferred) < n {
		b.deferred = append(b.deferred, m.recalled.pop())
		m.remembered--
	}
	m.mu.Unlock()
	b.recalled = len(b.deferred)
	ids, next, err := m.o.Store.Due(now, n)
	b.deferred, b.next, b.endOfDue = append(b.deferred, ids...), next, len(ids) < n
	b.fail(m, "deferred", err)
	return b
}

func (b *batch) fail(m *Manager, what string, err error) {
	if err == nil || errors.Is(err, queue.ErrNotFound) {
		return
	}
	b.failed = true
	m.qmgr.Error("cannot look for " + what + " mail: " + err.Error())
}

// takeUpAll takes the entries of b up, incoming and deferred ones in turn, while there is room.
// Postfix's qmgr alternates likewise between its two scans.
func (m *Manager) takeUpAll(ctx context.Context, b *batch, now time.Time) {
	in, de := 0, 0
	var cursor string
	for in < len(b.incoming) || de < len(b.deferred) {
		var v verdict
		deferred := in == len(b.incoming) || de < len(b.deferred) && m.deferredTurn()
		if deferred {
			v = m.takeUp(b.deferred[de], queue.Deferred, de < b.recalled, now)
		} else {
			v = m.takeUp(b.incoming[in], queue.Incoming, false, now)
		}
		if v == noRoom || ctx.Err() != nil {
			break
		}
		if deferred {
			de++
		} else {
			cursor = b.incoming[in]
			in++
		}
		if v == taken {
			m.flipTurn()
		}
		b.failed = b.failed || v == failed
	}
	b.left = len(b.incoming) - in + len(b.deferred) - de
	m.keepCalled(b.deferred[min(de, b.recalled):b.recalled])
	m.afterBatch(b, cursor, in == len(b.incoming), de == len(b.deferred))
}

func (m *Manager) deferredTurn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.intake.deferredNext
}

func (m *Manager) flipTurn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intake.deferredNext = !m.intake.deferredNext
}

func (m *Manager) afterBatch(b *batch, cursor string, allIncoming, allDue bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := &m.intake
	if cursor != "" {
		i.cursor = cursor
	}
	if i.passing && allIncoming && b.endOfPass {
		i.passing = false
	}
	i.hungry = !allDue || !b.endOfDue
	i.waitsForRoom = b.left > 0
}

// verdict is what became of an entry that was to be taken up.
type verdict uint8

const (
	taken   verdict = iota
	skipped         // active already, gone, or in another state by now
	noRoom
	failed
)

// takeUp makes an entry active that the store has in state from. called says that it is called
// back by a site that once turned it away, perhaps before its time.
func (m *Manager) takeUp(id string, from queue.State, called bool, now time.Time) verdict {
	m.shelf.Lock()
	defer m.shelf.Unlock()
	if v := m.reserve(id, from, called, now); v != taken {
		return v
	}
	msg, v := m.load(id, from, called, now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserved--
	if v == taken {
		m.activate(msg)
	}
	return v
}

// reserve keeps a place in the active set for an entry. From here on Accepted does not take an
// entry on its word: it might come late, for an entry that we deliver meanwhile.
func (m *Manager) reserve(id string, from queue.State, called bool, now time.Time) verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.active[id] != nil:
		if called {
			m.active[id].calledBack = true
		}
		return skipped
	case m.room() <= 0:
		return noRoom
	case from == queue.Incoming:
		m.doubt = now.Add(doubtFor)
	}
	m.reserved++
	return taken
}

// load reads an entry and, if it was deferred, notes in the store that it is active.
func (m *Manager) load(id string, from queue.State, called bool, now time.Time) (*message, verdict) {
	e, rec, err := m.o.Store.Load(id)
	if err != nil {
		return nil, m.unreadable(id, err)
	}
	stray := from == queue.Incoming && rec.State == queue.Active // the manager before this one could not write it back
	if !stray && (rec.State != from || called && !wasTurnedAway(rec)) {
		return nil, skipped
	}
	msg := m.newMessage(e, complete(rec, len(e.Recipients)), now)
	if !m.weigh(msg) {
		if called && m.keepHeavy(id) {
			return nil, skipped
		}
		return nil, m.putOff(id, rec, now)
	}
	if from == queue.Incoming {
		msg.stored = rec.State
		return msg, taken
	}
	msg.flushed = m.wasFlushed(rec.Due)
	rec.State, msg.stored = queue.Active, queue.Active
	if err := m.o.Store.Update(id, rec, nil); err != nil {
		m.unweigh(msg)
		return nil, m.unreadable(id, err)
	}
	return msg, taken
}

// complete returns rec with one element per recipient, whatever the store said.
func complete(rec *queue.Record, n int) *queue.Record {
	if len(rec.Recipients) != n {
		rec.Recipients = append(rec.Recipients, make([]queue.Progress, n)...)[:n]
	}
	return rec
}

func (m *Manager) unreadable(id string, err error) verdict {
	if errors.Is(err, queue.ErrNotFound) {
		return skipped
	}
	m.qmgr.Error(id + ": cannot be taken up: " + err.Error())
	if errors.Is(err, queue.ErrCorrupt) {
		return skipped // the store put it aside
	}
	return failed
}

// weigh adds the recipients of msg to those that are active, if they may be.
func (m *Manager) weigh(msg *message) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg.job.Weight > 0 && m.weight+msg.job.Weight > m.o.RecipientLimit {
		m.intake.heavy = true
		return false
	}
	m.weight += msg.job.Weight
	return true
}

func (m *Manager) unweigh(msg *message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.weight -= msg.job.Weight
}

// putOff lets others go before an entry with many recipients, for which there is no room now. An
// incoming one is found again by the next pass; a deferred one would stay the first due.
func (m *Manager) putOff(id string, rec *queue.Record, now time.Time) verdict {
	if rec.State != queue.Deferred {
		return skipped
	}
	rec.Due = now.Add(m.o.MinimalBackoff)
	if err := m.o.Store.Update(id, rec, nil); err != nil {
		return m.unreadable(id, err)
	}
	return skipped
}
