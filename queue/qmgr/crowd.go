package qmgr

import (
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// rememberedIDs bounds how many ids of turned away messages are remembered in all. Those beyond
// come back when they are due.
const rememberedIDs = 100_000

// recallBatch is how many of them are called back at a time.
const recallBatch = 100

// crowdReply is the reason of messages that were turned away.
func crowdReply() status.Reply {
	return status.Reply{Code: 451, Enhanced: "4.4.5", Text: "too many messages wait for this destination"}
}

// crowdFactor is how many messages may wait at a site for each free place in the active set.
const crowdFactor = 4

// crowd returns how many messages may wait at a site, given what is free now: so one site takes at
// most four fifths of the active set, two four ninths each, and some of it is always free for
// mail to others (RATIONALE.md); mu is held.
func (m *Manager) crowd() int { return crowdFactor * (max(m.room(), 0) + 1) }

// crowded reports whether no further message may wait at s; mu is held.
func (m *Manager) crowded(s *site, msg *message) bool {
	free := m.o.RecipientLimit - m.weight + msg.job.Weight
	return s.Waiting() > m.crowd() || msg.job.Weight > 0 && s.Weight() > crowdFactor*max(free, 0)
}

// turnAway defers a message of which every recipient would have to join a crowd, and remembers it
// at one of the sites. It reports whether it did; mu is held.
func (m *Manager) turnAway(msg *message, groups []*group) bool {
	if len(groups) == 0 || msg.busy > 1 || len(msg.job.Waiting()) > 0 {
		return false
	}
	for _, g := range groups {
		if dead, _, _ := g.Site.Dead(); dead || !m.crowded(g.Site, msg) {
			return false
		}
	}
	reason := &queue.Result{Outcome: queue.Deferred4, Reply: crowdReply(), Relay: "none"}
	for _, g := range groups {
		msg.ended = append(msg.ended, ended{part: g.Part, all: reason, at: msg.since})
	}
	if m.remembered < rememberedIDs {
		m.remembered++
		s := groups[0].Site
		if m.turnedAway[s] == nil {
			m.turnedAway[s] = new(fifo[string])
		}
		m.turnedAway[s].push(msg.entry.ID)
	}
	return true
}

// recall calls messages back that were turned away from s, when few are left there; mu is held.
func (m *Manager) recall(s *site) {
	ids := m.turnedAway[s]
	if ids == nil || s.Waiting() > m.crowd()/2 {
		return
	}
	for range min(recallBatch, ids.len()) {
		m.recalled.push(ids.pop())
	}
	if ids.len() == 0 {
		delete(m.turnedAway, s)
	}
	m.want()
}

// keepCalled keeps messages that were called back and found no place: they are called again with the next
// ones.
func (m *Manager) keepCalled(ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.recalled.push(id)
		m.remembered++
	}
}

// keepHeavy keeps a message that was called back and for whose recipients there was no room. It reports
// whether it did.
func (m *Manager) keepHeavy(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.remembered >= rememberedIDs {
		return false
	}
	if m.roomForHeavy() {
		m.callAgain(id) // others have left since
		return true
	}
	m.tooHeavy.push(id)
	m.remembered++
	m.intake.heavy = true
	return true
}

// roomForHeavy reports whether there is room for any message's recipients; mu is held.
func (m *Manager) roomForHeavy() bool { return m.weight+m.o.RecipientLimit/4 <= m.o.RecipientLimit }

// callHeavy calls those back for which there may be room now; mu is held.
func (m *Manager) callHeavy() {
	for m.tooHeavy.len() > 0 {
		m.recalled.push(m.tooHeavy.pop())
	}
}

// callAgain calls back a message that was on its way to the store when it was called; mu is held.
func (m *Manager) callAgain(id string) {
	m.recalled.push(id)
	m.remembered++
	m.want()
}

// forget drops what is remembered at s; mu is held.
func (m *Manager) forget(s *site) {
	if ids := m.turnedAway[s]; ids != nil {
		m.remembered -= ids.len()
		delete(m.turnedAway, s)
	}
}

// wasTurnedAway reports whether the last attempt of an entry never came to its site.
func wasTurnedAway(rec *queue.Record) bool {
	for i := range rec.Recipients {
		if p := &rec.Recipients[i]; !p.Outcome.Done() {
			return p.Reply == crowdReply()
		}
	}
	return false
}
