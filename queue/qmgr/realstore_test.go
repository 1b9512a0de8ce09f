package qmgr_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
	"github.com/mtad/mtad/queue/store"
)

// real is a manager on the real store, on a disk in memory, in real time. Its agents defer the
// first attempt at addresses with "later" in them, and bounce those with "nobody".
type real struct {
	t     *testing.T
	o     qmgr.Options
	store *store.Store
	m     *qmgr.Manager
	stop  func()

	mu      sync.Mutex
	tries   map[string]int // by id and recipient
	removed chan string
}

func newReal(t *testing.T) *real {
	r := &real{t: t, tries: map[string]int{}, removed: make(chan string, 1000)}
	w := newWorld(t)
	r.o = w.o
	r.o.MinimalBackoff, r.o.MaximalBackoff, r.o.QueueRunDelay = 5*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	r.o.Transports = map[string]qmgr.Transport{"smtp": qmgr.NewTransport(r), "held": qmgr.NewTransport(r)}
	r.o.OnEvent = func(e queue.Event) {
		if e.Kind == "removed" {
			r.removed <- e.Entry.ID
		}
	}
	s, err := store.Open(store.Options{Dir: "q", FS: store.MemDisk()})
	if err != nil {
		t.Fatal(err)
	}
	r.store = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *real) start() {
	r.t.Helper()
	r.o.Store = r.store
	m, err := qmgr.New(r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	r.m, r.stop = m, func() { cancel(); <-ended }
}

func (r *real) Deliver(_ context.Context, req *queue.Request) []queue.Result {
	c, err := req.Open()
	if err != nil {
		return deferAll(req)
	}
	defer c.Close()
	rs := sentAll(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, rcpt := range req.Recipients {
		k := req.Entry.ID + " " + rcpt.Address
		r.tries[k]++
		switch {
		case strings.Contains(rcpt.Address, "later") && r.tries[k] == 1:
			rs[i] = deferAll(req)[i]
		case strings.Contains(rcpt.Address, "nobody"):
			rs[i] = bounceAll(req)[i]
		}
	}
	return rs
}

func (r *real) commit(to ...string) *queue.Entry {
	r.t.Helper()
	env := mail.Envelope{Sender: "s@here", Arrived: time.Now()}
	for _, a := range to {
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a})
	}
	d, err := r.store.Begin(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(d, "\r\nbody\r\n")
	e, err := d.Commit(r.t.Context(), &env, []byte("Subject: x\r\n"), queue.Incoming, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

func (r *real) await(n int) {
	r.t.Helper()
	for range n {
		<-r.removed
	}
}

func TestTheManagerOnTheRealStore(t *testing.T) {
	r := newReal(t)
	for i := range 100 { // waiting when it starts
		r.commit(fmt.Sprintf("a%d@smtp.one", i), fmt.Sprintf("later%d@smtp.two", i), "nobody@smtp.three")
	}
	r.start()
	for i := range 100 {
		r.m.Accepted(r.commit(fmt.Sprintf("b%d@smtp.one", i), fmt.Sprintf("later%d@smtp.one", i)))
	}
	r.await(200)
	r.stop()
	if c := r.store.Counts(); c[queue.Incoming]+c[queue.Active]+c[queue.Deferred] != 0 {
		t.Errorf("counts %v", c)
	}
	for k, n := range r.tries {
		want := 1
		if strings.Contains(k, "later") {
			want = 2
		}
		if n != want {
			t.Errorf("%s was tried %d times, want %d", k, n, want)
		}
	}
}

func TestHoldAndFlushOnTheRealStore(t *testing.T) {
	r := newReal(t)
	held := r.o.Transports["held"]
	held.Deferred = true
	r.o.Transports["held"] = held
	var ids []string
	for i := range 300 {
		ids = append(ids, r.commit(fmt.Sprintf("a%d@held.one", i)).ID)
	}
	r.o.MinimalBackoff, r.o.MaximalBackoff = time.Hour, time.Hour
	r.start()
	for i, id := range ids {
		if i%3 == 0 {
			if err := r.m.Hold(t.Context(), id, "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.stop()
	r.start() // a reload: another manager on the same store
	for {     // all but those held go, once each was deferred and so can be flushed
		if _, err := r.m.Flush(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if c := r.m.Counts(); c[queue.Incoming]+c[queue.Active]+c[queue.Deferred] == 0 {
			break
		}
	}
	r.await(200)
	for i, id := range ids {
		if i%3 == 0 {
			if err := r.m.Release(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for {
		if _, err := r.m.Flush(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if c := r.m.Counts(); c[queue.Active]+c[queue.Deferred] == 0 {
			break
		}
	}
	r.await(100)
	r.stop()
	if len(r.tries) != 300 {
		t.Errorf("%d were tried", len(r.tries))
	}
}

// Messages to very many recipients for which there was no room are called back as soon as there is: it
// happened that one was called back while it was still being put down, or while the recipients of others
// had taken the room, and then waited for minimal_backoff_time.
func TestMailingsAreCalledBackAtOnce(t *testing.T) {
	r := newReal(t)
	r.o.MinimalBackoff, r.o.MaximalBackoff, r.o.QueueRunDelay = time.Hour, time.Hour, time.Hour
	slow := r.o.Transports["smtp"]
	slow.Agent = agentFunc(func(ctx context.Context, req *queue.Request) []queue.Result {
		time.Sleep(5 * time.Millisecond) // a next hop takes its time
		return sentAll(req)
	})
	r.o.Transports["smtp"] = slow
	r.start()
	to := make([]string, 1000)
	for i := range to {
		to[i] = fmt.Sprintf("r%d@smtp.one", i)
	}
	const mailings = 100
	for range mailings {
		r.m.Accepted(r.commit(to...))
	}
	for n := range mailings {
		select {
		case <-r.removed:
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d mailings were delivered; %v", n, mailings, r.m.Counts())
		}
	}
	r.stop()
}

type agentFunc func(context.Context, *queue.Request) []queue.Result

func (f agentFunc) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	return f(ctx, req)
}
