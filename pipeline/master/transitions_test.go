package master_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// passage is one transition of the table in package queue, how the product is led to it, and what is
// owed when it dies there.
type passage struct {
	// at is the transition, as dieVariable names it without "before" and "after"; "" for a death
	// while the next hop has the message, which is none of the store's.
	at   string
	what string
	to   string // the recipient: its local part says what the next hop answers, see hop
	// lead does what leads to the transition, once the message is in; nil: it comes by itself.
	lead func(*walk)
	// deleted: an admin wanted it gone. A removal is not synced, nor waits for anything: a death may
	// undo the last second of them.
	deleted bool
	// released: it is on hold in the end, and has to be released.
	released bool
	lines    []string
}

// passages is the table in the package documentation of queue, in its order. That an entry turns out to
// be corrupt is shown where the disk can be damaged, in queue/store.
var passages = []passage{
	{at: "new>incoming", what: "accepted", to: "you"},
	{at: "new>hold", what: "accepted on hold", to: "you", released: true, lines: []string{"smtpd_data_restrictions = check_client_access static:HOLD"}},
	{what: "active: RCPT was sent", to: "kill-RCPT"},
	{what: "active: the text was sent, and the next hop has it", to: "kill-dot"},
	{at: "incoming>deferred", what: "deferred", to: "later"},
	{at: "deferred>active", what: "tried again", to: "later"},
	{at: "active>deferred", what: "deferred again", to: "never"},
	{at: "incoming>removed", what: "sent", to: "you"},
	{at: "active>removed", what: "sent at last", to: "later"},
	{at: "notice>incoming", what: "its notice is accepted", to: "nobody"},
	{at: "incoming>removed", what: "returned", to: "nobody"},
	{at: "*>hold", what: "held", to: "never", lead: (*walk).hold, released: true},
	{at: "hold>deferred", what: "released", to: "never", lead: func(w *walk) { w.hold(); w.act(ctl.Release) }, released: true},
	{at: "*>hold", what: "requeued: put on hold for it", to: "never", lead: func(w *walk) { w.act(ctl.Requeue) }},
	{at: "hold>removed", what: "requeued: the new entry is there", to: "never", lead: func(w *walk) { w.act(ctl.Requeue) }},
	{at: "deferred>removed", what: "deleted", to: "parked", lead: func(w *walk) { w.deferred(); w.act(ctl.Delete) }, deleted: true,
		lines: []string{"defer_transports = smtp"}},
	{at: "hold>removed", what: "deleted from hold", to: "never", lead: func(w *walk) { w.hold(); w.act(ctl.Delete) }, deleted: true, released: true},
}

// walk is one message's way, with a death in it.
type walk struct {
	t *testing.T
	p *passage
	d *daemon
	c *ctl.Client
	s *sink
	// calm is set after the death: the next hop takes all there is, but for those it does not know.
	calm   atomic.Bool
	killed sync.Once

	mu    sync.Mutex
	tries map[string]int
}

// TestADeathAtEachTransitionLosesNothing walks the state table of package queue: the daemon dies right
// before and right after each transition, with a message that is kept in the database and one that has a
// file. Started again, it has what was acknowledged, whole.
func TestADeathAtEachTransitionLosesNothing(t *testing.T) {
	var twice atomic.Int32
	t.Run("passages", func(t *testing.T) {
		for i := range passages {
			for k, when := range []string{"before", "after"} {
				p, size := &passages[i], 2000
				if p.at == "" && k == 1 {
					continue // it has no two sides
				}
				if (i+k)%2 == 0 {
					size = killBodies
				}
				t.Run(when+" it is "+p.what, func(t *testing.T) {
					t.Parallel()
					twice.Add(int32(p.walk(t, when, size)))
				})
			}
		}
	})
	t.Logf("%d messages arrived twice", twice.Load())
}

// walk returns how many copies came that were one too many.
func (p *passage) walk(t *testing.T, when string, size int) int {
	w := &walk{t: t, p: p, tries: map[string]int{}}
	w.s = newSink(t, func(s *sink) { s.answer = w.hop })
	w.d = newDaemon(t, append(p.lines, "relayhost = "+w.s.nexthop(), "local_header_rewrite_clients =",
		"minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s", "smtpd_peername_lookup = no")...)
	if p.at != "" {
		w.d.env = []string{dieVariable + "=" + when + " " + p.at}
	}
	w.d.run()
	w.c = ctl.NewClient(filepath.Join(w.d.dir, "queue", "public", "mtad"))
	t.Cleanup(w.c.Close)
	text := checked("passage", size)
	acknowledged := w.submit(text)
	if p.lead != nil {
		w.await("it is in the queue", func(n int) bool { return n > 0 })
		p.lead(w)
	}
	w.death()
	w.calm.Store(true)
	w.d.env = nil
	w.d.configure("relayhost = "+w.s.nexthop(), "local_header_rewrite_clients =", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s")
	w.d.run()
	return w.account(when, text, acknowledged)
}

// hop is what the next hop answers.
func (w *walk) hop(command string) string {
	local, _, _ := strings.Cut(strings.TrimPrefix(command, "RCPT TO:<"), "@")
	isRcpt := strings.HasPrefix(command, "RCPT")
	switch {
	case isRcpt && local == "nobody":
		return "550 5.1.1 no such user here"
	case w.calm.Load():
		return ""
	case isRcpt && local == "kill-RCPT", command == "." && w.p.to == "kill-dot":
		w.killed.Do(func() { _ = w.d.cmd.Process.Kill() })
	case isRcpt && local == "never":
		return "451 4.2.0 not now"
	case isRcpt && local == "later":
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.tries[local]++; w.tries[local] == 1 {
			return "451 4.2.0 not now"
		}
	}
	return ""
}

// submit hands the message in, and says whether that was acknowledged.
func (w *walk) submit(text []byte) bool {
	w.t.Helper()
	c := w.d.hello()
	c.do("MAIL FROM:<me@sender.test>", "250")
	c.do("RCPT TO:<"+w.p.to+"@rcpt.test>", "250")
	c.do("DATA", "354")
	return c.tryData(stuffed(text), "250 2.0.0 Ok: queued as ")
}

// list returns the queue; nothing when the daemon is no more.
func (w *walk) list() (all []ctl.Item) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = w.c.List(ctx, &ctl.Selector{}, func(it *ctl.Item) bool {
		all = append(all, *it)
		return true
	})
	return all
}

// await waits until so many messages are in the queue as enough wants, or the daemon is dead.
func (w *walk) await(what string, enough func(n int) bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !enough(len(w.list())); <-tick.C {
		select {
		case <-w.d.gone:
			return
		default:
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: never; the queue is %+v", what, w.list())
		}
	}
}

// act does something to the message, as often as it takes: while it is being delivered, it may be in no
// state for it.
func (w *walk) act(a ctl.Action) { w.actUntil(a, func() bool { return false }) }

// deferred waits until the message is that.
func (w *walk) deferred() {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if all := w.list(); len(all) == 1 && all[0].Queue == queue.Deferred.String() {
			return
		}
	}
	w.t.Fatalf("it is not deferred; the queue is %+v", w.list())
}

func (w *walk) hold() {
	w.actUntil(ctl.Hold, func() bool {
		all := w.list()
		return len(all) == 1 && all[0].Queue == queue.Hold.String()
	})
}

func (w *walk) actUntil(a ctl.Action, done func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !done(); <-tick.C {
		select {
		case <-w.d.gone:
			return
		default:
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s: it cannot be done", a)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_ = w.c.ActAll(ctx, a, &ctl.Selector{}, func(ctl.Done) {}) // it may die under us: that is wanted
		cancel()
	}
}

// death waits until the daemon has died.
func (w *walk) death() {
	w.t.Helper()
	select {
	case <-w.d.gone:
	case <-time.After(patience):
		w.t.Fatalf("it did not die; the queue is %+v\n%s", w.list(), w.d.log.tail(20))
	}
	_ = w.d.stdin.Close()
}

// account waits until the queue is empty, and says what became of the message.
func (w *walk) account(when string, text []byte, acknowledged bool) int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.await("all is done", func(n int) bool {
		if !w.p.released {
			return n == 0
		}
		if err := w.c.ActAll(ctx, ctl.Release, &ctl.Selector{}, func(ctl.Done) {}); err != nil {
			w.t.Fatal(err)
		}
		return n == 0
	})
	whole, notices := 0, 0
	for _, m := range w.s.messages() {
		switch {
		case strings.Contains(string(m.text), "report-type=delivery-status"):
			notices++
		case provenName(m.text) == "passage":
			whole++
		default:
			w.t.Errorf("it arrived changed: %.300q", m.text)
		}
	}
	least, most := 1, 2
	if w.p.to == "nobody" {
		whole, most = notices, 3 // what is owed is a notice; one may have left just before the death, and leaves again
	}
	if !acknowledged && when == "before" && strings.HasPrefix(w.p.at, "new>") {
		least, most = 0, 0
	}
	if w.p.deleted {
		least = 0
	}
	if whole < least || whole > most {
		w.t.Errorf("%d copies or notices arrived, want %d to %d; acknowledged: %v", whole, least, most, acknowledged)
	}
	return max(0, whole-1)
}
