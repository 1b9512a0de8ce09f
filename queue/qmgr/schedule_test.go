package qmgr_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// sendMany sends n messages with one recipient each.
func (w *world) sendMany(n int, domain string) (ids []string) {
	for i := range n {
		ids = append(ids, w.send(fmt.Sprintf("user%d@%s", i, domain)))
	}
	return ids
}

func TestAFullActiveSetLeavesMailInIncoming(t *testing.T) { // B02
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 1
		w.agent = taking(10*time.Second, sentAll)
		w.start()
		first, second := w.send("a@smtp.example"), w.send("b@smtp.example")
		synctest.Wait()
		if got := w.m.Active(); !slices.Equal(got, []string{first}) {
			t.Fatalf("active %v, want %v only", got, first)
		}
		w.wantState(second, queue.Incoming)
		if c := w.m.Counts(); c[queue.Active] != 1 || c[queue.Incoming] != 1 {
			t.Errorf("counts %v", c)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := w.m.Active(); !slices.Equal(got, []string{second}) {
			t.Fatalf("active %v, want %v", got, second)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.wantGone(first, second)
	})
}

func TestWhatWaitsAtStartIsTakenUp(t *testing.T) {
	inWorld(t, func(w *world) {
		var ids []string
		for i := range 1000 {
			ids = append(ids, w.queue("s@here", fmt.Sprintf("u%d@smtp.example", i)).ID)
		}
		w.store.set(ids[7], func(r *queue.Record) { r.State = queue.Hold })
		w.start()
		synctest.Wait()
		w.wantState(ids[7], queue.Hold)
		w.wantGone(slices.Delete(ids, 7, 8)...)
		if w.store.maxAsked > 1000/2 {
			t.Errorf("the store was asked for %d at a time", w.store.maxAsked)
		}
	})
}

func TestIncomingAndDeferredAlternate(t *testing.T) { // N03
	for _, limit := range []int{1, 2, 50} {
		t.Run(fmt.Sprintf("with an active limit of %d", limit), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.o.ActiveLimit = limit
				w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 1 })
				w.agent = taking(time.Second, sentAll)
				kind := map[string]byte{}
				for range 100 {
					kind[w.queue("s@here", "a@smtp.example").ID] = 'i'
					d := w.queue("s@here", "a@smtp.example").ID
					w.store.set(d, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now().Add(-time.Hour) })
					kind[d] = 'd'
				}
				w.start()
				time.Sleep(201 * time.Second)
				synctest.Wait()
				var order []byte
				for _, tr := range w.tried() {
					order = append(order, kind[tr.id])
				}
				if len(order) != 200 {
					t.Fatalf("%d tried", len(order))
				}
				for i := 20; i <= 180; i += 20 {
					if n := strings.Count(string(order[:i]), "i"); n < i/2-limit || n > i/2+limit {
						t.Fatalf("%d of the first %d were incoming: %s", n, i, order)
					}
				}
			})
		})
	}
}

func TestNewMailLeavesRoomForDueMail(t *testing.T) { // N03, with mail coming in all the time
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 20
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 1 })
		w.agent = taking(time.Second, sentAll)
		due := map[string]bool{}
		for i := range 50 {
			d := w.queue("s@here", fmt.Sprintf("a@smtp.due%d", i)).ID
			w.store.set(d, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now().Add(-time.Hour) })
			due[d] = true
		}
		w.start()
		for i := range 400 { // twice as much as can be sent
			w.send(fmt.Sprintf("a@smtp.new%d", i))
			time.Sleep(time.Second / 2)
		}
		n := 0
		for _, tr := range w.tried() {
			if due[tr.id] {
				n++
			}
		}
		if n != 50 {
			t.Errorf("%d of 50 due messages were tried beside a flood of new ones", n)
		}
	})
}

func TestTheFirstBurstOpensInitialConcurrency(t *testing.T) { // N07
	inWorld(t, func(w *world) {
		w.agent = taking(time.Minute, sentAll)
		w.start()
		w.sendMany(100, "smtp.example")
		synctest.Wait()
		if n := len(w.tried()); n != 5 {
			t.Errorf("%d deliveries at once, want 5", n)
		}
		st := w.m.Stats(10)
		if len(st.Sites) != 1 || st.Sites[0].Busy != 5 || st.Sites[0].Waiting != 95 || st.Sites[0].Window != 5 {
			t.Errorf("stats %+v", st.Sites)
		}
	})
}

func TestTheWindowGrowsToItsLimit(t *testing.T) { // N08, N10
	for _, c := range []struct {
		name     string
		limit    int
		positive sched.Feedback
		want     int
	}{
		{"20 by default", 20, sched.Feedback{Amount: 1}, 20},
		{"25 with an override", 25, sched.Feedback{Amount: 1}, 25},
		{"slowly with 1/concurrency", 20, sched.Feedback{Amount: 1, Form: sched.PerWindow}, 20},
		{"never with 0", 20, sched.Feedback{}, 5},
		{"down to a limit below the initial size", 3, sched.Feedback{Amount: 1}, 3},
		{"to the process limit without a limit", 0, sched.Feedback{Amount: 1}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.transport("smtp", func(tr *qmgr.Transport) { tr.Window.Max, tr.Window.Positive = c.limit, c.positive })
				w.agent = taking(time.Second, sentAll)
				w.start()
				w.sendMany(1500, "smtp.example")
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if n := w.peak("smtp.example"); n != c.want {
					t.Errorf("%d at a time, want %d", n, c.want)
				}
				if n := len(w.tried()); n != 1500 {
					t.Errorf("%d tried", n)
				}
			})
		})
	}
}

func TestAFailedCohortMakesASiteDead(t *testing.T) { // N08
	inWorld(t, func(w *world) {
		w.agent = taking(time.Second, refusedAll)
		w.start()
		ids := w.sendMany(100, "smtp.dead")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(w.tried()); n > 5 {
			t.Errorf("%d were tried, want one cohort", n)
		}
		for _, id := range ids {
			w.wantState(id, queue.Deferred)
		}
		w.wantLog("retry", ids[50]+": to=<user50@smtp.dead>, relay=none, delay=1, delays=0/1/0/0, dsn=4.4.1, "+
			"status=deferred (delivery temporarily suspended: connect to mx[192.0.2.1]:25: Connection refused)")

		// New mail is deferred without trying, until the site is tried again.
		late := w.send("late@smtp.dead")
		synctest.Wait()
		w.wantState(late, queue.Deferred)
		if st := w.m.Stats(1).Sites[0]; st.Window != 0 || !strings.Contains(st.Reason, "suspended") || st.DeadUntil.IsZero() {
			t.Errorf("stats %+v", st)
		}
		w.setAgent(always(sentAll))
		time.Sleep(300 * time.Second)
		synctest.Wait()
		w.wantGone(append(ids, late)...)
	})
}

func TestASiteIsNotDeadWhileDeliveriesReachIt(t *testing.T) { // N08
	inWorld(t, func(w *world) {
		n := 0
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			if n++; n%3 == 0 {
				return refusedAll(req)
			}
			return deferAll(req) // it talks to us, so it is alive
		}
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 1 })
		w.start()
		w.sendMany(60, "smtp.flaky")
		synctest.Wait()
		if tries := len(w.tried()); tries != 60 {
			t.Errorf("%d of 60 were tried", tries)
		}
	})
}

func TestTheWindowShrinksOnFailure(t *testing.T) { // N08
	inWorld(t, func(w *world) {
		w.transport("smtp", func(tr *qmgr.Transport) {
			tr.Window.Initial, tr.Window.Cohorts, tr.Window.Positive = 10, 3, sched.Feedback{}
		})
		n := 0
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			if n++; n <= 4 {
				return refusedAll(req)
			}
			time.Sleep(time.Minute)
			return sentAll(req)
		}
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 1 })
		w.start()
		w.sendMany(5, "smtp.example")
		synctest.Wait()
		if st := w.m.Stats(1).Sites[0]; st.Window != 6 {
			t.Errorf("window %d after 4 failures, want 6", st.Window)
		}
	})
}

func TestTheProcessLimitCapsATransport(t *testing.T) { // N09
	inWorld(t, func(w *world) {
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 7 })
		w.agent = taking(time.Second, sentAll)
		w.start()
		for i := range 50 {
			w.sendMany(3, fmt.Sprintf("smtp.site%d", i))
		}
		w.send("x@slow.other")
		synctest.Wait()
		if n := len(w.tried()); n != 8 {
			t.Errorf("%d at once, want 7 and one of another transport", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.peak("smtp"); n != 7 || len(w.tried()) != 151 {
			t.Errorf("%d at a time, %d in all", n, len(w.tried()))
		}
	})
}

func TestARecipientLimitOf1MakesConcurrencyPerRecipient(t *testing.T) { // N11, N12
	inWorld(t, func(w *world) {
		w.agent = taking(time.Second, sentAll)
		w.start()
		for range 10 {
			w.send("a@local.here", "b@local.here", "c@local.here")
		}
		synctest.Wait()
		begun := map[string]int{}
		for _, tr := range w.tried() {
			if len(tr.to) != 1 {
				t.Fatalf("%v in one request", tr.to)
			}
			begun[tr.to[0]]++
		}
		if len(begun) != 3 || begun["a@local.here"] != 2 || begun["b@local.here"] != 2 || begun["c@local.here"] != 2 {
			t.Errorf("%v at once, want 2 of each", begun)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := len(w.tried()); n != 30 {
			t.Errorf("%d in all", n)
		}
	})
}

func TestRateDelays(t *testing.T) { // N14
	for _, c := range []struct {
		name          string
		site, all     time.Duration
		wantA, wantAB time.Duration // least time between deliveries to a site, and to any
		parallel      int
	}{
		{"destination_rate_delay spaces each site", 10 * time.Second, 0, 11 * time.Second, 0, 2},
		{"transport_rate_delay spaces all", 0, 10 * time.Second, 11 * time.Second, 11 * time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.transport("smtp", func(tr *qmgr.Transport) { tr.DestinationDelay, tr.Delay = c.site, c.all })
				w.agent = taking(time.Second, sentAll)
				w.start()
				w.sendMany(4, "smtp.a")
				w.sendMany(4, "smtp.b")
				time.Sleep(100 * time.Second)
				synctest.Wait()
				tries := w.tried()
				if len(tries) != 8 {
					t.Fatalf("%d tried", len(tries))
				}
				last := map[string]time.Time{}
				for _, tr := range tries {
					if at, ok := last[tr.nexthop]; ok && tr.at.Sub(at) < c.wantA {
						t.Errorf("%v between deliveries to %s", tr.at.Sub(at), tr.nexthop)
					}
					if at, ok := last[""]; ok && tr.at.Sub(at) < c.wantAB {
						t.Errorf("%v between deliveries", tr.at.Sub(at))
					}
					last[tr.nexthop], last[""] = tr.at, tr.at
				}
				if n := w.peak("smtp"); n != c.parallel {
					t.Errorf("%d at a time, want %d", n, c.parallel)
				}
			})
		})
	}
}

func TestADeferredTransportWaitsForAFlush(t *testing.T) { // L12
	inWorld(t, func(w *world) {
		w.transport("slow", func(tr *qmgr.Transport) { tr.Deferred = true })
		w.start()
		id, other := w.send("a@slow.abc"), w.send("b@smtp.example")
		synctest.Wait()
		w.wantGone(other)
		w.wantLog("retry", id+": to=<a@slow.abc>, relay=none, delay=0, delays=0/0/0/0, dsn=4.3.2, status=deferred (deferred transport)")
		time.Sleep(3 * time.Hour)
		w.wantState(id, queue.Deferred)
		if n := len(w.logged("deferred transport")); n < 5 {
			t.Errorf("%d queue runs", n)
		}
		if n, err := w.m.Flush(w.t.Context(), nil); n != 1 || err != nil {
			t.Fatalf("Flush = %d, %v", n, err)
		}
		synctest.Wait()
		w.wantGone(id)
	})
}

func TestRecipientsAreBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.RecipientLimit = 400
		w.agent = taking(time.Second, sentAll)
		w.start()
		var ids []string
		for i := range 20 {
			ids = append(ids, w.send(addresses(100, fmt.Sprintf("smtp.site%d", i))...))
		}
		small := w.sendMany(20, "smtp.small")
		synctest.Wait()
		if st := w.m.Stats(0); st.Weight != 400 || st.Active != 24 {
			t.Errorf("weight %d of %d active, want 400 of 4 large and 20 small", st.Weight, st.Active)
		}
		// A deferred one does not block those behind it either.
		big := w.queue("s@here", addresses(300, "smtp.big")...).ID
		w.store.set(big, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now() })
		for range 60 {
			time.Sleep(time.Second)
			if st := w.m.Stats(0); st.Weight > 400 {
				t.Fatalf("weight %d", st.Weight)
			}
		}
		synctest.Wait()
		w.wantGone(append(ids, small...)...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		w.wantGone(big)
	})
}

func TestALateWordOfAnArrivalDoesNotSendTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world, id string)
		want queue.State
	}{
		{"when the entry was found and sent meanwhile", func(w *world, id string) {}, 0},
		{"when it was put on hold meanwhile", func(w *world, id string) { w.m.Hold(w.t.Context(), id, "") }, queue.Hold},
		{"when it was deleted meanwhile", func(w *world, id string) { w.m.Delete(w.t.Context(), id) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				e := w.queue("s@here", "a@smtp.example")
				w.store.setFail(func(op, _ string) error { // the pass at start does not see it
					if op == "waiting" && c.want+queue.State(len(c.name)) > 0 && !strings.Contains(c.name, "found") {
						return fmt.Errorf("not now")
					}
					return nil
				})
				w.start()
				c.do(w, e.ID)
				synctest.Wait()
				tries := len(w.tried())
				w.m.Accepted(e)
				synctest.Wait()
				w.wantState(e.ID, c.want)
				if n := len(w.tried()); n != tries {
					t.Errorf("tried %d times more", n-tries)
				}
			})
		})
	}
}

func TestForgottenMailIsFoundWithinQueueRunDelay(t *testing.T) { // N05
	inWorld(t, func(w *world) {
		w.start()
		time.Sleep(10 * time.Second)
		incoming := w.queue("s@here", "a@smtp.example").ID // and nobody tells
		deferred := w.queue("s@here", "b@smtp.example").ID
		w.store.set(deferred, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now().Add(time.Second) })
		time.Sleep(w.o.QueueRunDelay)
		synctest.Wait()
		w.wantGone(incoming, deferred)
	})
}

func TestAcceptedDoesNothingWhenTheManagerDoesNotRun(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.stop()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantState(id, queue.Incoming)
		w.start()
		synctest.Wait()
		w.wantGone(id)
	})
}

func TestNewRefusesOptionsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*qmgr.Options){
		"no store":            func(o *qmgr.Options) { o.Store = nil },
		"no resolver":         func(o *qmgr.Options) { o.Resolver = nil },
		"no room":             func(o *qmgr.Options) { o.ActiveLimit = 0 },
		"a backoff backwards": func(o *qmgr.Options) { o.MaximalBackoff = time.Second },
		"no agent":            func(o *qmgr.Options) { o.Transports = map[string]qmgr.Transport{"x": {}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := w.o
			o.Store = w.store
			change(&o)
			if _, err := qmgr.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}
