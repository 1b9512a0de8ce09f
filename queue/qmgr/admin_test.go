package qmgr_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// begin runs fn in a goroutine and returns where its result comes.
func begin(fn func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- fn() }()
	synctest.Wait()
	return c
}

func TestAnOrderForActiveMailWaitsForWhatIsUnderWay(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func(w *world, ctx context.Context, id string) error
		want  queue.State
	}{
		{"hold", func(w *world, ctx context.Context, id string) error { return w.m.Hold(ctx, id, "by admin") }, queue.Hold},
		{"delete", func(w *world, ctx context.Context, id string) error { return w.m.Delete(ctx, id) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = taking(time.Minute, sentAll)
				w.transport("slow", func(tr *qmgr.Transport) { tr.Processes = 1 })
				w.start()
				w.send("x@slow.example") // keeps the only process of slow
				synctest.Wait()
				id := w.send("a@smtp.example", "b@slow.example")
				synctest.Wait()
				done := begin(func() error { return c.order(w, context.Background(), id) })
				select {
				case err := <-done:
					t.Fatalf("did not wait: %v", err)
				default:
				}
				time.Sleep(time.Minute)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				w.wantState(id, c.want)
				time.Sleep(time.Hour)
				w.wantState(id, c.want)
				for _, tr := range w.tried() {
					if tr.id == id && tr.to[0] == "b@slow.example" {
						t.Error("what waited was tried all the same")
					}
				}
				if rec := w.store.record(id); rec != nil {
					if rec.Reason != "by admin" || rec.Recipients[0].Outcome != queue.Sent || rec.Recipients[1].Outcome != queue.Pending {
						t.Errorf("record %+v", rec)
					}
				}
			})
		})
	}
}

func TestAnOrderStandsWhenNobodyWaitsForIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Minute, deferAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if err := w.m.Hold(ctx, id, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Hold = %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantState(id, queue.Hold)
	})
}

func TestHoldOfMailThatIsSentMeanwhileFindsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Minute, sentAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		done := begin(func() error { return w.m.Hold(context.Background(), id, "x") })
		time.Sleep(time.Minute)
		if err := <-done; !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("Hold = %v", err)
		}
	})
}

func TestOrdersForMailOnTheShelf(t *testing.T) {
	type step func(m *qmgr.Manager, ctx context.Context, id string) error
	holdIt := func(m *qmgr.Manager, ctx context.Context, id string) error { return m.Hold(ctx, id, "why") }
	release := func(m *qmgr.Manager, ctx context.Context, id string) error { return m.Release(ctx, id) }
	del := func(m *qmgr.Manager, ctx context.Context, id string) error { return m.Delete(ctx, id) }
	expire := func(m *qmgr.Manager, ctx context.Context, id string) error { return m.Expire(ctx, id) }
	flush := func(m *qmgr.Manager, ctx context.Context, id string) error { return m.FlushID(ctx, id) }
	for _, c := range []struct {
		name  string
		state queue.State
		steps []step
		want  queue.State
		err   error
		tries int
	}{
		{"hold a deferred one", queue.Deferred, []step{holdIt}, queue.Hold, nil, 0},
		{"hold it twice", queue.Deferred, []step{holdIt, holdIt}, queue.Hold, nil, 0},
		{"release a held one: it is tried at once", queue.Hold, []step{release}, queue.Deferred, nil, 1},
		{"release one that is not held", queue.Deferred, []step{release}, queue.Deferred, queue.ErrNotFound, 0},
		{"delete a deferred one", queue.Deferred, []step{del}, 0, nil, 0},
		{"delete a held one", queue.Hold, []step{del}, 0, nil, 0},
		{"delete a corrupt one", queue.Corrupt, []step{del}, 0, nil, 0},
		{"delete it twice", queue.Hold, []step{del, del}, 0, queue.ErrNotFound, 0},
		{"expire a deferred one: it is returned untried", queue.Deferred, []step{expire}, 0, nil, 0},
		{"expire a held one: nothing happens", queue.Hold, []step{expire}, queue.Hold, nil, 0},
		{"and it is returned when it is released", queue.Hold, []step{expire, release}, 0, nil, 0},
		{"flush a deferred one", queue.Deferred, []step{flush}, queue.Deferred, nil, 1},
		{"flush a held one: nothing happens", queue.Hold, []step{flush}, queue.Hold, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = always(deferAll)
				id := w.queue("s@here", "a@smtp.example").ID
				w.store.set(id, func(r *queue.Record) { r.State, r.Due = c.state, time.Now().Add(time.Hour) })
				w.start()
				var err error
				for _, s := range c.steps {
					err = s(w.m, w.t.Context(), id)
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if !errors.Is(err, c.err) {
					t.Errorf("err = %v, want %v", err, c.err)
				}
				w.wantState(id, c.want)
				if n := len(w.tried()); n != c.tries {
					t.Errorf("tried %d times, want %d", n, c.tries)
				}
			})
		})
	}
}

func TestAnExpiredByAdminIsLoggedAsForced(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Second, deferAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		if err := w.m.Expire(w.t.Context(), id); err != nil { // while it is being tried
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.wantGone(id)
		w.wantLog("qmgr", id+": from=<sender@here>, status=force-expired, returned to sender")
	})
}

func TestFlushTriesEachDeferredMessageOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 10
		w.agent = taking(time.Second, refusedAll)
		w.start()
		for i := range 100 {
			w.send(fmt.Sprintf("a@smtp.site%d", i%50))
		}
		time.Sleep(time.Minute)
		before := len(w.tried())
		n, err := w.m.Flush(w.t.Context(), nil)
		if n != 100 || err != nil {
			t.Fatalf("Flush = %d, %v", n, err)
		}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if n := len(w.tried()) - before; n < 50 || n > 100 {
			t.Errorf("%d tried, want each site at least once and no message twice", n)
		}
	})
}

func TestFlushPassesByWhatItCausedToBeTried(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		w.start()
		ids := w.sendMany(20, "smtp.example")
		time.Sleep(time.Minute)
		seen := 0
		n, err := w.m.Flush(w.t.Context(), func(*queue.Entry, *queue.Record) bool {
			time.Sleep(time.Second) // those flushed before are tried and deferred again
			seen++
			return true
		})
		if n != 20 || err != nil || seen < 30 {
			t.Errorf("Flush = %d, %v; saw %d", n, err, seen)
		}
		synctest.Wait()
		for _, id := range ids {
			if a := w.store.record(id).Attempts; a != 2 {
				t.Errorf("%s: %d attempts, want 2", id, a)
			}
		}
	})
}

func TestOrdersTellOfAStoreThatFails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		id := w.store.commit(w.queue("s@here", "a@smtp.example").Envelope, queue.Hold).ID
		w.store.setFail(func(op, _ string) error {
			if op != "load" {
				return errors.New("I/O error")
			}
			return nil
		})
		for name, err := range map[string]error{
			"release": w.m.Release(w.t.Context(), id), "delete": w.m.Delete(w.t.Context(), id), "expire": w.m.Expire(w.t.Context(), id),
		} {
			if err == nil {
				t.Errorf("%s said nothing", name)
			}
		}
		w.store.setFail(nil)
		w.wantState(id, queue.Hold)
	})
}

func TestFlushOfASite(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		w.start()
		a, b := w.send("x@smtp.a", "x@smtp.c"), w.send("x@smtp.b")
		synctest.Wait()
		n, err := w.m.FlushSite(w.t.Context(), "SMTP.a")
		synctest.Wait()
		if n != 1 || err != nil {
			t.Fatalf("FlushSite = %d, %v", n, err)
		}
		tries := map[string]int{}
		for _, tr := range w.tried() {
			tries[tr.id]++
		}
		if tries[a] != 4 || tries[b] != 1 {
			t.Errorf("tries %v", tries)
		}
	})
}

func TestFlushOfASiteWithAnIndexLooksAtNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		w.o.FlushSites = func(domain string) bool { return domain == "smtp.a" }
		w.start()
		a, b, both := w.send("x@SMTP.a"), w.send("x@smtp.b"), w.send("x@smtp.b", "y@smtp.a")
		synctest.Wait()
		before := w.store.count("each")
		n, err := w.m.FlushSite(w.t.Context(), "smtp.A")
		synctest.Wait()
		if n != 2 || err != nil {
			t.Fatalf("FlushSite = %d, %v", n, err)
		}
		if w.store.count("each") != before {
			t.Error("all deferred entries were read")
		}
		tries := map[string]int{}
		for _, tr := range w.tried() {
			tries[tr.id]++
		}
		if tries[a] != 2 || tries[b] != 1 || tries[both] != 4 {
			t.Errorf("tries %v", tries)
		}
	})
}

func TestFlushRevivesADeadSite(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(refusedAll)
		w.start()
		ids := w.sendMany(20, "smtp.dead")
		synctest.Wait()
		w.setAgent(always(sentAll))
		if _, err := w.m.Flush(w.t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.wantGone(ids...)
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		w.start()
		w.sendMany(20, "smtp.example")
		synctest.Wait()
		ctx, cancel := context.WithCancel(w.t.Context())
		n, err := w.m.Flush(ctx, func(*queue.Entry, *queue.Record) bool { cancel(); return true })
		if n != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("Flush = %d, %v", n, err)
		}
	})
}

func TestWhyAndStats(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Minute, sentAll)
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Window.Initial = 1 })
		w.start()
		w.send("first@smtp.example")
		synctest.Wait()
		id := w.send("a@smtp.example", "b@smtp.example", "c@smtp.other")
		synctest.Wait()
		waits, active := w.m.Why(id)
		if !active || len(waits) != 1 || !slices.Equal(waits[0].Recipients, []string{"a@smtp.example", "b@smtp.example"}) ||
			waits[0].Site.Nexthop != "smtp.example" || waits[0].Site.Busy != 1 {
			t.Errorf("Why = %+v, %v", waits, active)
		}
		if _, active := w.m.Why("nothing"); active {
			t.Error("an unknown entry is active")
		}
		st := w.m.Stats(1)
		if st.Active != 2 || len(st.Sites) != 1 || st.Sites[0].Nexthop != "smtp.example" || len(st.Transports) != 3 ||
			st.Transports[1].Name != "slow" || st.Transports[2].Busy != 2 {
			t.Errorf("Stats = %+v", st)
		}
	})
}

func TestObserversAreTold(t *testing.T) {
	inWorld(t, func(w *world) {
		var seen []qmgr.Delivery
		w.o.OnDelivery = func(d qmgr.Delivery) {
			w.mu.Lock()
			defer w.mu.Unlock()
			seen = append(seen, d)
		}
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			rs := sentAll(req)
			rs[0].Begun = time.Now()
			time.Sleep(2 * time.Second)
			rs[0].Setup = time.Now()
			time.Sleep(3 * time.Second)
			return rs
		}
		w.start()
		id := w.send("a@smtp.example")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(seen) != 1 || seen[0].Setup != 2*time.Second || seen[0].Conversing != 3*time.Second || seen[0].Transport != "smtp" {
			t.Errorf("seen %+v", seen)
		}
		w.wantLog("smtp", "delay=5, delays=0/0/2/3, ")
		held := w.store.commit(w.queue("s@here", "b@smtp.example").Envelope, queue.Hold).ID
		if err := w.m.Release(w.t.Context(), held); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if want := []string{"sent " + id, "removed " + id, "released " + held}; !slices.Equal(w.events, want) {
			t.Errorf("events %q, want %q", w.events, want)
		}
	})
}
