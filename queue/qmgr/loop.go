package qmgr

import (
	"context"
	"time"
)

// sweepEvery is how often workers and sites that are not used any more are let go.
const sweepEvery = 5 * time.Second

// siteIdle is how long a site is remembered after its last message: its window, and with it the
// agents' open connections, are still good for the next one.
const siteIdle = time.Minute

// sweepSites bounds how many sites of a transport one sweep looks at.
const sweepSites = 1000

// loop is the manager's own goroutine: it takes entries up and rings alarms until ctx is done.
func (m *Manager) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-timer.C:
		}
		now := time.Now()
		if m.wanted(now) {
			m.fill(ctx, now)
		}
		timer.Reset(time.Until(m.ring(now)))
	}
}

// poke makes the loop look at its alarms.
func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// want makes the loop look into the store; mu is held.
func (m *Manager) want() {
	if !m.intake.wanted {
		m.intake.wanted = true
		m.poke()
	}
}

// wanted reports whether it is time to look into the store.
func (m *Manager) wanted(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := &m.intake
	w := i.wanted || !now.Before(i.look)
	i.wanted = false
	return w
}

// sweep lets go of workers and sites that were not needed lately; an alarm.
func (m *Manager) sweep(now time.Time) {
	m.dismiss(min(m.idleLow, len(m.idle)))
	for _, t := range m.transports {
		seen, full := 0, len(t.line.Sites()) > m.o.ActiveLimit
		for _, s := range t.line.Sites() {
			// When there are too many, even dead ones are forgotten.
			if m.turnedAway[s] == nil && (full || s.Idle(now, siteIdle)) {
				t.line.Forget(s)
			}
			if seen++; seen >= sweepSites && !full {
				break
			}
		}
	}
	m.at(now.Add(sweepEvery), m.sweep)
}

// drain ends everything: see Run.
func (m *Manager) drain(cancel context.CancelFunc) {
	m.mu.Lock()
	m.stopping = true
	m.empty = make(chan struct{})
	if len(m.active) == 0 {
		close(m.empty)
	}
	now := time.Now()
	for _, msg := range m.active {
		m.withdraw(msg, now)
	}
	for msg := range m.unsaved { // the store may be well again
		m.submit(&m.recording, msg)
	}
	clear(m.unsaved)
	m.mu.Unlock()

	patience := time.NewTimer(m.o.Drain)
	defer patience.Stop()
	select {
	case <-m.empty:
	case <-patience.C:
		cancel()
		<-m.empty
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	m.running, m.stopped = false, true
	m.dismiss(len(m.idle))
}

// withdraw takes all work from msg that is not under way; mu is held.
func (m *Manager) withdraw(msg *message, now time.Time) {
	for w := msg.job.Waiting(); len(w) > 0; w = msg.job.Waiting() {
		g := w[len(w)-1]
		g.Site.Withdraw(g, now)
		msg.cutShort = true
	}
	if msg.busy == 0 && !msg.owned {
		msg.owned = true
		m.submit(&m.recording, msg)
	}
}
