package qmgr

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/queue"
)

// Manager schedules the queue of one store. Make it with New and call Run once. All other methods
// are safe for concurrent use; before Run and after it Accepted does nothing.
type Manager struct {
	o                 Options
	qmgr, retry, errs *maillog.Service
	transports        map[string]*transport

	wake chan struct{} // room for one: the loop looks at everything again

	// shelf is held while an entry that is not active is read to be changed or taken up, and
	// until that is done. It comes before mu.
	shelf sync.Mutex

	mu       sync.Mutex
	running  bool // between the begin of Run and its end
	stopping bool // nothing new begins
	stopped  bool // workers go
	active   map[string]*message
	reserved int // places kept for entries that are being read
	weight   int // of the active messages
	unsaved  map[*message]struct{}
	empty    chan struct{} // closed when stopping and nothing is active

	intake     intake
	doubt      time.Time // until then, Accepted asks the store before it believes
	flushes    []time.Time
	recalled   fifo[string]
	tooHeavy   fifo[string]            // called back, but there was no room for their recipients
	turnedAway map[*site]*fifo[string] // ids of messages that found a crowd
	remembered int                     // in recalled and turnedAway

	resolving, recording, noticing lane
	idle                           []*worker // the last one rested last
	idleLow                        int       // fewest idle since the last sweep
	spawn                          func(*worker)
	alarms                         alarms
}

// New returns a manager; it fails when an option is missing or makes no sense.
func New(o Options) (*Manager, error) {
	if o.Store == nil || o.Resolver == nil || o.Notifier == nil || o.Log == nil {
		return nil, errors.New("qmgr.New: Store, Resolver, Notifier and Log are needed")
	}
	if o.ActiveLimit < 1 || o.RecipientLimit < 1 || o.Resolvers < 1 || o.Notices < 1 ||
		o.MinimalBackoff <= 0 || o.MaximalBackoff < o.MinimalBackoff || o.QueueRunDelay <= 0 {
		return nil, errors.New("qmgr.New: a limit or time is out of range")
	}
	m := &Manager{o: o, qmgr: o.Log("qmgr"), retry: o.Log("retry"), errs: o.Log("error"),
		transports: make(map[string]*transport, len(o.Transports)),
		wake:       make(chan struct{}, 1),
		active:     make(map[string]*message),
		unsaved:    make(map[*message]struct{}),
		turnedAway: make(map[*site]*fifo[string]),
	}
	for name, t := range o.Transports {
		if t.Agent == nil {
			return nil, errors.New("qmgr.New: transport " + name + " has no agent")
		}
		m.transports[name] = newTransport(name, t, o.Log(name))
	}
	m.resolving = lane{limit: o.Resolvers, do: m.route}
	m.recording = lane{limit: recorders, do: m.settleOwned}
	m.noticing = lane{limit: o.Notices, do: m.conclude}
	return m, nil
}

// recorders is how many workers write down what was decided without an agent: a dead site may
// defer ten thousand messages at once, and that must not crowd out the rest.
const recorders = 4

// Run schedules until ctx is done. Then it starts no more deliveries, gives those under way
// Options.Drain to end, cancels the rest, which are deferred, and returns when all its goroutines
// have ended. What was active is in the store as before, for the next manager. Call it once.
func (m *Manager) Run(ctx context.Context) error {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	m.mu.Lock()
	m.spawn = func(w *worker) { workers.Go(func() { m.serve(life, w) }) }
	m.running = true
	m.intake.begin()
	m.sweep(time.Now())
	m.mu.Unlock()
	m.loop(ctx)
	m.drain(cancel)
	workers.Wait()
	return nil
}

// Accepted tells the manager of an entry that was just committed as incoming. It does not wait for
// anything slow: the entry becomes active if there is room, else it is found in the store later.
func (m *Manager) Accepted(e *queue.Entry) {
	now := time.Now()
	m.mu.Lock()
	doubtful := now.Before(m.doubt)
	if !doubtful {
		m.accept(e, nil, now)
	}
	m.mu.Unlock()
	if doubtful {
		m.acceptDoubtful(e.ID, now)
	}
}

// accept makes an incoming entry active if there is room; mu is held.
func (m *Manager) accept(e *queue.Entry, rec *queue.Record, now time.Time) {
	switch {
	case !m.running || m.stopping || m.active[e.ID] != nil:
	case m.room() <= 0, m.intake.hungry && m.room() <= m.o.ActiveLimit/10:
		m.intake.again, m.intake.waitsForRoom = true, true
	default:
		msg := m.newMessage(e, rec, now)
		if msg.job.Weight > 0 && m.weight+msg.job.Weight > m.o.RecipientLimit {
			m.intake.heavy = true
			return
		}
		m.weight += msg.job.Weight
		m.activate(msg)
	}
}

// acceptDoubtful is Accepted when the entry may have been taken up, held or deleted before the
// word of its arrival came: the store knows.
func (m *Manager) acceptDoubtful(id string, now time.Time) {
	m.shelf.Lock()
	defer m.shelf.Unlock()
	if m.isActive(id) {
		return
	}
	e, rec, err := m.o.Store.Load(id)
	if err != nil || rec.State != queue.Incoming {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accept(e, rec, now)
}

func (m *Manager) isActive(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active[id] != nil
}

// room is how many more messages may be active; mu is held.
func (m *Manager) room() int { return m.o.ActiveLimit - len(m.active) - m.reserved }

// weightOf returns what a message with n recipients counts for: small ones nothing, and none more
// than a quarter of the limit, so that four large mailings leave room for a fifth.
func (m *Manager) weightOf(n int) int {
	if n <= m.o.RecipientMinimum {
		return 0
	}
	return min(n, max(m.o.RecipientLimit/4, 1))
}

// activate puts msg, whose weight is counted already, in the active set; mu is held.
func (m *Manager) activate(msg *message) {
	m.active[msg.entry.ID] = msg
	m.submit(&m.resolving, msg)
}

// retire takes msg out of the active set; mu is held.
func (m *Manager) retire(msg *message) {
	delete(m.active, msg.entry.ID)
	delete(m.unsaved, msg)
	m.weight -= msg.job.Weight
	if msg.gone != nil {
		close(msg.gone)
	}
	if m.stopping && len(m.active) == 0 {
		close(m.empty)
	}
	if msg.calledBack && !m.stopping {
		m.callAgain(msg.entry.ID)
	}
	i := &m.intake
	if i.heavy && m.roomForHeavy() {
		i.heavy, i.again = false, true
		m.callHeavy()
		m.want()
	}
	if i.waitsForRoom && m.room() >= m.lowWater() {
		m.want()
	}
}
