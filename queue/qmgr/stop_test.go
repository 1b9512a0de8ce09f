package qmgr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

func TestStoppingLetsDeliveriesUnderWayEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.Drain = time.Minute
		w.agent = taking(30*time.Second, sentAll)
		w.start()
		ids := w.sendMany(20, "smtp.example")
		synctest.Wait()
		begin := time.Now()
		w.stop()
		if d := time.Since(begin); d != 30*time.Second {
			t.Errorf("stopped after %v", d)
		}
		if n := len(w.tried()); n != 5 {
			t.Errorf("%d tried, want those under way only", n)
		}
		if c := w.store.Counts(); c[queue.Incoming] != 15 || len(c) != 1 {
			t.Errorf("counts %v, want the other 15 as they came", c)
		}
		w.start()
		time.Sleep(time.Hour)
		w.wantGone(ids...)
	})
}

func TestStoppingCancelsWhatTakesTooLong(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Hour, sentAll)
		w.start()
		ids := w.sendMany(20, "smtp.example")
		late := w.queue("s@here", "x@smtp.example").ID
		w.store.set(late, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now().Add(time.Second) })
		if _, err := w.m.Flush(w.t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.wantState(late, queue.Active)
		begin := time.Now()
		w.stop()
		if d := time.Since(begin); d != w.o.Drain {
			t.Errorf("stopped after %v, want %v", d, w.o.Drain)
		}
		w.wantState(late, queue.Deferred)
		for _, tr := range w.tried() {
			rec := w.store.record(tr.id)
			if rec.State != queue.Deferred || rec.Due.After(time.Now()) {
				t.Errorf("%s: %v, due %v: want it due at once", tr.id, rec.State, rec.Due)
			}
		}
		w.setAgent(always(sentAll))
		w.start()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.wantGone(append(ids, late)...)
	})
}

func TestStoppingWhileResolvingLeavesMailAsItCame(t *testing.T) {
	inWorld(t, func(w *world) {
		w.resolve = func(ctx context.Context, _ mail.Recipient) (queue.Route, error) {
			<-ctx.Done()
			return queue.Route{}, ctx.Err()
		}
		w.start()
		id := w.send("a@smtp.example", "b@smtp.example")
		synctest.Wait()
		w.stop()
		w.wantState(id, queue.Incoming)
		if lines := w.logged("status="); len(lines) != 0 {
			t.Errorf("log %q", lines)
		}
	})
}

func TestWhatCouldNotBeWrittenBackIsTakenUpByTheNextManager(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Minute, deferAll)
		w.start()
		id := w.queue("s@here", "x@smtp.example").ID
		w.store.set(id, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now() })
		if _, err := w.m.Flush(w.t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.store.setFail(func(string, string) error { return errors.New("I/O error") })
		w.stop()
		w.wantState(id, queue.Active)
		w.store.setFail(nil)
		w.setAgent(always(sentAll))
		w.start()
		time.Sleep(time.Hour)
		w.wantGone(id)
	})
}

func TestWhatCouldNotBeWrittenBackIsTriedOnceMoreAtTheEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		w.start()
		w.store.setFail(func(string, string) error { return errors.New("I/O error") })
		id := w.send("x@smtp.example")
		synctest.Wait()
		w.store.setFail(nil)
		w.stop()
		w.wantState(id, queue.Deferred)
	})
}

func TestAStoreThatFailsLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name, op string
		agent    func(*queue.Request) []queue.Result
		want     queue.State
	}{
		{"when removing", "remove", sentAll, 0},
		{"when deferring", "update", deferAll, queue.Deferred},
		{"when returning", "remove", bounceAll, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = always(c.agent)
				w.start()
				w.store.setFail(func(op, _ string) error {
					if op == c.op {
						return errors.New("I/O error")
					}
					return nil
				})
				ids := w.sendMany(10, "smtp.example")
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if n := len(w.m.Active()); n != 10 {
					t.Errorf("%d active while the store fails", n)
				}
				w.store.setFail(nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, id := range ids {
					w.wantState(id, c.want)
				}
				if n := len(w.tried()); n != 10 {
					t.Errorf("%d tries, want one each", n)
				}
				if n := len(w.noticed()); c.name == "when returning" && n != 10 {
					t.Errorf("%d notices, want one each", n)
				}
			})
		})
	}
}

func TestStoppingDoesNotWaitForABrokenStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		w.store.setFail(func(string, string) error { return errors.New("I/O error") })
		w.sendMany(10, "smtp.example")
		synctest.Wait()
		begin := time.Now()
		w.stop()
		if d := time.Since(begin); d > 0 {
			t.Errorf("took %v", d)
		}
		w.store.setFail(nil)
		w.start() // twice, never zero times
		synctest.Wait()
		if c := w.store.Counts(); c[queue.Incoming] != 0 {
			t.Errorf("counts %v", c)
		}
	})
}

func TestAStoreThatCannotBeReadIsAskedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		var ids []string
		for i := range 10 {
			ids = append(ids, w.queue("s@here", fmt.Sprintf("u%d@smtp.example", i)).ID)
			w.store.set(ids[i], func(r *queue.Record) {
				if i%2 == 0 {
					r.State, r.Due = queue.Deferred, time.Now()
				}
			})
		}
		w.store.setFail(func(op, id string) error {
			if op == "load" && id == ids[3] || op == "due" {
				return errors.New("I/O error")
			}
			return nil
		})
		w.start()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := w.store.count("due"); n > 100 {
			t.Errorf("a broken store was asked %d times", n)
		}
		w.wantGone(ids[1], ids[5], ids[7], ids[9])
		w.store.setFail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantGone(ids...)
	})
}

func TestACorruptEntryStopsNobodyElse(t *testing.T) { // B05
	inWorld(t, func(w *world) {
		w.store.damaged = map[string]bool{}
		var good, bad []string
		for i := range 20 {
			id := w.queue("s@here", "a@smtp.example").ID
			if i%2 == 0 {
				w.store.set(id, func(r *queue.Record) { r.State, r.Due = queue.Deferred, time.Now() })
			}
			if i%5 == 0 {
				w.store.damaged[id] = true
				bad = append(bad, id)
			} else {
				good = append(good, id)
			}
		}
		w.start()
		synctest.Wait()
		w.wantGone(good...)
		for _, id := range bad {
			w.wantState(id, queue.Corrupt)
			w.wantLog("qmgr", id+": cannot be taken up: ")
		}
		if err := w.m.Delete(w.t.Context(), bad[0]); err != nil {
			t.Error(err)
		}
		fresh := w.queue("s@here", "a@smtp.example").ID // found to be damaged by who deletes it
		w.store.damaged[fresh] = true
		if err := w.m.Delete(w.t.Context(), fresh); err != nil {
			t.Error(err)
		}
		w.wantGone(bad[0], fresh)
	})
}

func TestIdleWorkersAndSitesAreLetGo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = taking(time.Second, sentAll)
		w.transport("smtp", func(tr *qmgr.Transport) { tr.Processes = 0 })
		w.start()
		for i := range 2000 {
			w.send(fmt.Sprintf("a@smtp.site%d", i))
		}
		synctest.Wait()
		if n := len(w.tried()); n != 2000 {
			t.Errorf("%d at once without a process limit", n)
		}
		time.Sleep(2 * time.Second)
		if st := w.m.Stats(0); st.Transports[2].Sites != 2000 || st.Idle == 0 || st.Idle > 256 {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(5 * time.Minute)
		if st := w.m.Stats(0); st.Transports[2].Sites != 0 || st.Idle != 0 {
			t.Errorf("stats %+v after five idle minutes", st)
		}
	})
}
