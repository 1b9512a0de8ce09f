package qmgr

import (
	"cmp"
	"slices"
	"time"

	"github.com/mtad/mtad/queue"
)

// Stats is a picture of the manager at a moment.
type Stats struct {
	// Active is how many messages are active, Weight what they count for under
	// RecipientLimit.
	Active, Weight int
	// Resolving, Noticing and Recording are how many messages are being resolved, have
	// notices made, or are written down, waiting ones included.
	Resolving, Noticing, Recording int
	// Running says that Run was called and has not ended.
	Running bool
	// Idle is how many workers wait for work.
	Idle       int
	Transports []TransportStats
	// Sites are those with the most deliveries under way and waiting, busiest first.
	Sites []SiteStats
}

// TransportStats are the numbers of a transport.
type TransportStats struct {
	Name string
	// Busy is how many deliveries are under way, Processes how many may (0: no limit).
	Busy, Processes int
	// Sites is how many destinations are known, Ready how many wait for a process.
	Sites, Ready int
}

// SiteStats are the numbers of a destination.
type SiteStats struct {
	Transport, Nexthop string
	// Recipient is set where each recipient is a destination.
	Recipient string
	// Window is how many deliveries may be under way, 0 when it is dead; Busy how many are;
	// Waiting how many messages wait.
	Window, Busy, Waiting int
	// A dead site is tried again at DeadUntil; Reason is what its mail is deferred with.
	DeadUntil time.Time
	Reason    string
}

// Wait is what some recipients of an active message wait for.
type Wait struct {
	Site SiteStats
	// Recipients are where they go. In a delivery that is under way they are not listed.
	Recipients []string
}

// Active returns the ids of the active entries, in no order.
func (m *Manager) Active() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make([]string, 0, len(m.active))
	for id := range m.active {
		ids = append(ids, id)
	}
	return ids
}

// Counts returns the number of entries per state. The store's count of incoming includes active
// ones; this does not.
func (m *Manager) Counts() map[queue.State]int {
	stored := m.o.Store.Counts()
	m.mu.Lock()
	active := len(m.active)
	m.mu.Unlock()
	counts := make(map[queue.State]int, len(stored)+1)
	for s, n := range stored {
		counts[s] = n
	}
	counts[queue.Incoming] = max(counts[queue.Incoming]+counts[queue.Active]-active, 0)
	counts[queue.Active] = active
	return counts
}

// Stats returns the present numbers, with at most maxSites sites.
func (m *Manager) Stats(maxSites int) Stats {
	st := m.stats(maxSites > 0)
	slices.SortFunc(st.Transports, func(a, b TransportStats) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(st.Sites, func(a, b SiteStats) int {
		return cmp.Or(cmp.Compare(b.Busy+b.Waiting, a.Busy+a.Waiting), cmp.Compare(a.Nexthop, b.Nexthop))
	})
	if len(st.Sites) > maxSites {
		st.Sites = slices.Clone(st.Sites[:maxSites])
	}
	return st
}

func (m *Manager) stats(withSites bool) Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := Stats{Running: m.running, Active: len(m.active), Weight: m.weight, Idle: len(m.idle),
		Resolving: m.resolving.load(), Noticing: m.noticing.load(), Recording: m.recording.load()}
	for _, t := range m.transports {
		st.Transports = append(st.Transports, TransportStats{
			Name: t.name, Busy: t.line.Busy(), Processes: t.line.Processes, Sites: len(t.line.Sites()), Ready: t.line.Ready()})
		if !withSites {
			continue
		}
		for _, s := range t.line.Sites() {
			st.Sites = append(st.Sites, siteStats(s))
		}
	}
	return st
}

func (l *lane) load() int { return l.busy + l.queue.Len() }

func siteStats(s *site) SiteStats {
	st := SiteStats{Transport: s.Transport().Name, Nexthop: s.Key.Nexthop, Recipient: s.Key.Recipient,
		Window: s.Window(), Busy: s.Busy(), Waiting: s.Waiting()}
	if dead, until, reason := s.Dead(); dead {
		st.DeadUntil, st.Reason = until, reason.Reply.String()
	}
	return st
}

// Why returns what an active message waits for. active is false when it is not active: then its
// record in the store says why.
func (m *Manager) Why(id string) (waits []Wait, active bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg := m.active[id]
	if msg == nil {
		return nil, false
	}
	for _, g := range msg.job.Waiting() {
		w := Wait{Site: siteStats(g.Site)}
		for k := range g.Index {
			w.Recipients = append(w.Recipients, g.To(msg.entry, k))
		}
		waits = append(waits, w)
	}
	return waits, true
}
