package qmgr_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// life is what happens to a queue over several managers, some of which crash. It counts what
// became of each recipient.
type life struct {
	t   *testing.T
	rng *rand.Rand
	// seed says what may happen: a third of them have crashes, a third failures of the store
	// too, which both excuse some things that nothing else does.
	seed uint64
	w    *world // the manager that lives now

	mu      sync.Mutex
	calm    bool // nothing fails any more
	crashes []time.Time
	sent    map[string][]time.Time
	bounced map[string]int
	deleted map[string]bool
	all     map[string]mail.Envelope
	broken  bool // the store failed at some time: things may be done twice
}

func TestNoRecipientIsLostWhateverHappens(t *testing.T) {
	for seed := range uint64(27) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { liveOnce(t, seed) })
	}
}

// FuzzLife is the same for seeds that nobody thought of.
func FuzzLife(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(liveOnce)
}

func liveOnce(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), sent: map[string][]time.Time{},
			bounced: map[string]int{}, deleted: map[string]bool{}, all: map[string]mail.Envelope{}}
		l.born(newStore())
		for range 120 {
			l.step()
			l.checkBounds()
		}
		l.settle()
		l.check()
	})
}

func (l *life) dice(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.calm && l.rng.IntN(n) == 0
}

func (l *life) number(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.IntN(n)
}

// born starts a manager on a store.
func (l *life) born(store *memStore) {
	w := newWorld(l.t)
	w.store = store
	w.o.ActiveLimit, w.o.RecipientLimit, w.o.RecipientMinimum = 6, 16, 2
	w.o.MaximalLifetime, w.o.BounceLifetime = 8*time.Hour, 4*time.Hour
	w.o.DelayWarning = time.Hour
	w.o.Drain = time.Second
	w.o.OnEvent = nil
	w.o.Notifier = notifierOf{l, w}
	w.agent = func(ctx context.Context, req *queue.Request) []queue.Result { return l.deliver(ctx, w, req) }
	w.resolve = func(ctx context.Context, r mail.Recipient) (queue.Route, error) {
		if l.dice(30) {
			return queue.Route{}, errors.New("table is down")
		}
		return byDomain(ctx, r)
	}
	l.mu.Lock()
	l.w = w
	l.mu.Unlock()
	w.start()
}

func (l *life) deliver(ctx context.Context, w *world, req *queue.Request) []queue.Result {
	select {
	case <-time.After(time.Duration(l.number(20)) * time.Second):
	case <-ctx.Done():
		return deferAll(req)
	}
	if l.dice(40) {
		panic("an agent with a bug")
	}
	if l.dice(10) {
		return refusedAll(req)
	}
	rs := sentAll(req)
	for i, r := range req.Recipients {
		switch {
		case l.dice(4):
			rs[i] = deferAll(req)[i]
		case l.dice(6):
			rs[i] = bounceAll(req)[i]
		case l.lives(w): // a process that is dead delivers nothing
			l.mu.Lock()
			k := req.Entry.ID + " " + r.Original
			l.sent[k] = append(l.sent[k], time.Now())
			l.mu.Unlock()
		}
	}
	return rs
}

func (l *life) lives(w *world) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w == w
}

type notifierOf struct {
	l *life
	w *world
}

func (n notifierOf) Bounce(_ context.Context, e *queue.Entry, _ func() (mail.Content, error), rs []queue.Report) error {
	if n.l.dice(4) {
		return status.Tempfail("4.3.1", "no room")
	}
	n.l.mu.Lock()
	defer n.l.mu.Unlock()
	for _, r := range rs {
		if n.l.w == n.w {
			n.l.bounced[e.ID+" "+r.Recipient.Original]++
		}
	}
	return nil
}

func (n notifierOf) Delay(context.Context, *queue.Entry, func() (mail.Content, error), []queue.Report, time.Time) error {
	return nil
}

func (n notifierOf) Success(context.Context, *queue.Entry, func() (mail.Content, error), []queue.Report) error {
	return nil
}

func (n notifierOf) Trace(context.Context, *queue.Entry, func() (mail.Content, error), []queue.Report) error {
	return nil
}

func (l *life) step() {
	switch n := l.number(100); {
	case n < 40:
		l.arrive()
	case n < 75:
		time.Sleep(time.Duration(l.number(1200)) * time.Second)
	case n < 79:
		l.w.stop()
		l.born(l.w.store)
	case n < 83 && l.seed%3 != 0:
		l.crash()
	case n < 86:
		l.w.m.Flush(l.t.Context(), nil)
	case n < 89 && l.seed%3 == 1:
		l.breakStore()
	default:
		l.admin()
	}
	if l.number(3) > 0 {
		synctest.Wait()
	}
}

func (l *life) arrive() {
	env := mail.Envelope{Sender: "s@here", Arrived: time.Now()}
	if l.number(5) == 0 {
		env.Sender = ""
	}
	for i := range 1 + l.number(1+l.number(12)) {
		a := fmt.Sprintf("u%d@%s.site%d", i, []string{"smtp", "smtp", "slow", "local", "none"}[l.number(5)], l.number(6))
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a})
	}
	e := l.w.store.commit(env, queue.Incoming)
	l.all[e.ID] = e.Envelope
	switch l.number(10) {
	case 0: // nobody tells
	case 1: // late
		m := l.w.m
		go func() { time.Sleep(time.Duration(l.number(50)) * time.Second); m.Accepted(e) }()
	default:
		l.w.m.Accepted(e)
	}
}

func (l *life) crash() {
	if l.number(2) == 0 {
		synctest.Wait()
	}
	old := l.w
	store := old.store.crashed(l.number(1 + l.number(30)))
	l.mu.Lock()
	l.crashes = append(l.crashes, time.Now())
	l.w = nil // from now on, what old does did not happen
	l.mu.Unlock()
	old.stop()
	l.born(store)
}

func (l *life) breakStore() {
	l.mu.Lock()
	l.broken = true
	l.mu.Unlock()
	l.w.store.setFail(func(op, _ string) error {
		if l.dice(3) {
			return errors.New("I/O error")
		}
		return nil
	})
	time.Sleep(time.Duration(l.number(100)) * time.Second)
	l.w.store.setFail(nil)
}

func (l *life) admin() {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Duration(l.number(30))*time.Second)
	defer cancel()
	for id := range l.all {
		switch l.number(4) {
		case 0:
			l.w.m.Hold(ctx, id, "test")
		case 1:
			l.w.m.Release(ctx, id)
		case 2:
			l.w.m.Expire(ctx, id)
		case 3:
			if l.number(3) == 0 {
				l.deleted[id] = true
				l.w.m.Delete(ctx, id)
			}
		}
		return
	}
}

func (l *life) checkBounds() {
	l.t.Helper()
	if st := l.w.m.Stats(0); st.Active > l.w.o.ActiveLimit || st.Weight > l.w.o.RecipientLimit {
		l.t.Fatalf("%d messages with %d recipients are active", st.Active, st.Weight)
	}
}

// settle lets everything end.
func (l *life) settle() {
	l.mu.Lock()
	l.calm = true
	l.mu.Unlock()
	for id := range l.all {
		l.w.m.Release(l.t.Context(), id)
	}
	time.Sleep(24 * time.Hour)
	for id := range l.all { // those held by an order that waited for a delivery
		l.w.m.Release(l.t.Context(), id)
	}
	time.Sleep(24 * time.Hour)
	synctest.Wait()
	l.w.stop()
}

func (l *life) check() {
	if n := len(l.w.store.items); n != 0 {
		l.t.Errorf("%d entries are left: %v", n, l.w.store.Counts())
	}
	for id, env := range l.all {
		for _, r := range env.Recipients {
			k := id + " " + r.Original
			if len(l.sent[k])+l.bounced[k] == 0 && !l.deleted[id] {
				l.t.Errorf("%s was lost", k)
			}
			if len(l.crashes) == 0 && !l.broken && len(l.sent[k])+l.bounced[k] > 1 {
				l.t.Errorf("%s was dealt with %d times without a crash", k, len(l.sent[k])+l.bounced[k])
			}
			for i := 1; i < len(l.sent[k]) && !l.broken; i++ {
				if !l.crashedBetween(l.sent[k][i-1], l.sent[k][i]) {
					l.t.Errorf("%s was delivered at %v and again at %v without a crash between", k, l.sent[k][i-1], l.sent[k][i])
				}
			}
		}
	}
}

func (l *life) crashedBetween(a, b time.Time) bool {
	for _, c := range l.crashes {
		if !c.Before(a) && !c.After(b) {
			return true
		}
	}
	return false
}
