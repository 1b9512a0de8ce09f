package qmgr_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

// waited returns how long it took until the message was tried, a day if it never was.
func (w *world) waited(id string, since time.Time) time.Duration {
	for _, tr := range w.tried() {
		if tr.id == id {
			return tr.at.Sub(since)
		}
	}
	return 24 * time.Hour
}

// bySite answers with a time and a result per nexthop; others are sent in 10 ms.
type bySite map[string]func(context.Context, *queue.Request) []queue.Result

func (s bySite) agent(ctx context.Context, req *queue.Request) []queue.Result {
	if fn := s[req.Nexthop]; fn != nil {
		return fn(ctx, req)
	}
	return taking(10*time.Millisecond, sentAll)(ctx, req)
}

func TestNobodyHoldsUpALiveSite(t *testing.T) { // N15
	hang := taking(30*time.Second, refusedAll)
	for _, c := range []struct {
		name  string
		sites bySite
		load  func(w *world)
		bound time.Duration
	}{
		{"10,000 messages for a dead site", bySite{"smtp.dead": hang},
			func(w *world) { w.sendMany(10_000, "smtp.dead") }, time.Second},
		{"10,000 messages for a site that refuses at once", bySite{"smtp.dead": always(refusedAll)},
			func(w *world) { w.sendMany(10_000, "smtp.dead") }, time.Second},
		{"10,000 messages for a slow site", bySite{"smtp.slow": taking(time.Minute, sentAll)},
			func(w *world) { w.sendMany(10_000, "smtp.slow") }, time.Second},
		{"a message with 10,000 recipients at one slow site", bySite{"smtp.slow": taking(time.Minute, sentAll)},
			func(w *world) { w.send(addresses(10_000, "smtp.slow")...) }, time.Second},
		{"a mailing of 100,000 recipients at one slow site", bySite{"smtp.slow": taking(time.Minute, sentAll)},
			func(w *world) { w.send(addresses(100_000, "smtp.slow")...) }, time.Second},
		{"a message with 10,000 recipients at 5,000 sites", bySite{}, func(w *world) {
			var to []string
			for i := range 10_000 {
				to = append(to, fmt.Sprintf("u%d@smtp.site%d", i, i/2))
			}
			w.send(to...)
		}, time.Second},
		{"a retry of 10,000 messages for as many hanging sites", bySite{}, func(w *world) {
			w.setAgent(func(ctx context.Context, req *queue.Request) []queue.Result {
				if req.Nexthop == "smtp.live" {
					return sentAll(req)
				}
				return taking(time.Minute, refusedAll)(ctx, req)
			})
			for i := range 10_000 {
				id := w.queue("s@here", fmt.Sprintf("a@smtp.site%d", i)).ID
				w.store.set(id, func(r *queue.Record) { r.State, r.Due, r.Attempts = queue.Deferred, time.Now(), 1 })
			}
			w.m.Flush(w.t.Context(), func(*queue.Entry, *queue.Record) bool { return false })
			time.Sleep(59 * time.Second) // a process gets free every 0.6 s, in bursts of 100
		}, 2 * time.Second},
		{"50 slow sites with 100 messages each", bySite{}, func(w *world) {
			w.setAgent(func(ctx context.Context, req *queue.Request) []queue.Result {
				if req.Nexthop == "smtp.live" {
					return sentAll(req)
				}
				return taking(time.Second, sentAll)(ctx, req)
			})
			for i := range 50 {
				w.sendMany(100, fmt.Sprintf("smtp.slow%d", i))
			}
			time.Sleep(10 * time.Second)
		}, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = c.sites.agent
				w.start()
				c.load(w)
				begin := time.Now()
				live := w.send("a@smtp.live")
				time.Sleep(c.bound)
				synctest.Wait()
				w.wantGone(live)
				if d := w.waited(live, begin); d > c.bound {
					t.Errorf("tried after %v, want at most %v", d, c.bound)
				}
			})
		})
	}
}

func TestRetriesDoNotHoldUpNewMailAtASlowResolver(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.Resolvers = 10
		w.resolve = func(ctx context.Context, r mail.Recipient) (queue.Route, error) {
			time.Sleep(100 * time.Millisecond)
			return byDomain(ctx, r)
		}
		for i := range 10_000 {
			id := w.queue("s@here", fmt.Sprintf("a@smtp.site%d", i)).ID
			w.store.set(id, func(r *queue.Record) { r.State, r.Due, r.Attempts = queue.Deferred, time.Now(), 1 })
		}
		w.start()
		time.Sleep(time.Second)
		live := w.send("a@smtp.live")
		time.Sleep(time.Second)
		synctest.Wait()
		w.wantGone(live)
	})
}

func TestADeadSiteDoesNotLowerTheRateToALiveOne(t *testing.T) {
	rate := func(dead int) (n int) {
		inWorld(t, func(w *world) {
			w.agent = bySite{"smtp.dead": taking(time.Second, refusedAll)}.agent
			w.start()
			w.sendMany(dead, "smtp.dead")
			for range 4000 {
				w.send("a@smtp.live")
			}
			time.Sleep(1500 * time.Millisecond)
			for _, tr := range w.tried() {
				if tr.nexthop == "smtp.live" {
					n++
				}
			}
		})
		return n
	}
	alone, beside := rate(0), rate(10_000)
	if beside*100 < alone*95 || alone < 1000 {
		t.Errorf("%d deliveries beside a dead site, %d without", beside, alone)
	}
}

func TestASmallMessageGoesBeforeTheRestOfAMailingToItsOwnSite(t *testing.T) { // N15
	inWorld(t, func(w *world) {
		w.transport("smtp", func(tr *qmgr.Transport) { tr.RecipientLimit = 10 })
		w.agent = taking(time.Second, sentAll)
		w.start()
		mailing := w.send(addresses(10_000, "smtp.example")...)
		time.Sleep(10 * time.Second)
		begin := time.Now()
		small := w.send("a@smtp.example")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if d := w.waited(small, begin); d > 2*time.Second {
			t.Errorf("the small one waited %v", d)
		}
		// And a flood of small ones does not stop the mailing: it gets its share of turns.
		done := func() (n int) {
			for _, tr := range w.tried() {
				if tr.id == mailing {
					n++
				}
			}
			return n
		}
		before := done()
		for range 100 {
			w.sendMany(40, "smtp.example") // twice the rate of the site
			time.Sleep(time.Second)
		}
		if n := done() - before; n < 2000/5 {
			t.Errorf("the mailing had %d of 2000 turns in a flood", n)
		}
	})
}

func TestMailingsShareASite(t *testing.T) {
	inWorld(t, func(w *world) {
		w.transport("smtp", func(tr *qmgr.Transport) { tr.RecipientLimit = 10 })
		w.agent = taking(time.Second, sentAll)
		w.start()
		first := w.send(addresses(4000, "smtp.example")...)
		time.Sleep(5 * time.Second)
		second := w.send(addresses(300, "smtp.example")...)
		time.Sleep(6 * time.Second) // 120 turns: 30 for the second
		synctest.Wait()
		w.wantGone(second)
		w.wantState(first, queue.Active)
	})
}

func TestASlowSiteLeavesRoomInTheActiveSet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 100
		w.agent = bySite{"smtp.slow": taking(time.Minute, sentAll)}.agent
		w.start()
		ids := w.sendMany(300, "smtp.slow")
		synctest.Wait()
		if st := w.m.Stats(1); st.Active > 90 || st.Active < 70 {
			t.Errorf("%d of 100 places are taken by one site, want four fifths and those under way", st.Active)
		}
		w.wantLog("retry", "dsn=4.4.5, status=deferred (too many messages wait for this destination)")
		begin := time.Now()
		live := w.send("a@smtp.live")
		time.Sleep(time.Second)
		synctest.Wait()
		w.wantGone(live)
		if d := w.waited(live, begin); d > time.Second {
			t.Errorf("the live one waited %v", d)
		}
		// Those turned away are called back as the crowd gets smaller: the site never idles.
		w.setAgent(taking(time.Second, sentAll))
		time.Sleep(85 * time.Second) // the first minute ends, then 300 at 5 to 20 a second
		synctest.Wait()
		w.wantGone(ids...)
	})
}

func TestTurnedAwayMailOfASiteThatDiesWaitsForItsTime(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 50
		w.agent = taking(time.Minute, refusedAll)
		w.start()
		ids := w.sendMany(100, "smtp.dying")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, id := range ids {
			w.wantState(id, queue.Deferred)
		}
		n := len(w.tried())
		w.setAgent(always(sentAll))
		time.Sleep(2 * time.Minute)
		if got := len(w.tried()); got != n {
			t.Errorf("%d were tried before their time", got-n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		w.wantGone(ids...)
	})
}

func TestTwoSlowSitesLeaveRoomInTheActiveSet(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.ActiveLimit = 100
		w.agent = bySite{"smtp.slow1": taking(time.Hour, sentAll), "smtp.slow2": taking(time.Hour, sentAll)}.agent
		w.start()
		for range 300 {
			w.sendMany(1, "smtp.slow1")
			w.sendMany(1, "smtp.slow2")
			time.Sleep(time.Second)
		}
		for i := range 300 {
			live := w.send(fmt.Sprintf("a@smtp.live%d", i))
			time.Sleep(time.Second)
			synctest.Wait()
			w.wantGone(live)
		}
	})
}

func TestALargeMailingToASlowSiteLeavesRoomForOthers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.RecipientLimit = 1000
		w.agent = bySite{"smtp.slow": taking(time.Hour, sentAll)}.agent
		w.start()
		for range 40 {
			w.send(addresses(100, "smtp.slow")...)
			synctest.Wait()
		}
		live := w.send(addresses(50, "smtp.live")...)
		time.Sleep(time.Second)
		synctest.Wait()
		w.wantGone(live)
	})
}

func TestTurnedAwayMailExpires(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.ActiveLimit, w.o.MaximalLifetime = 20, time.Hour
		w.agent = taking(10*time.Hour, sentAll)
		w.start()
		ids := w.sendMany(40, "smtp.slow")
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		gone := 0
		for _, id := range ids {
			if w.store.record(id) == nil {
				gone++
			}
		}
		if gone < 20 || len(w.noticed()) != gone {
			t.Errorf("%d were returned, %d notices", gone, len(w.noticed()))
		}
	})
}
