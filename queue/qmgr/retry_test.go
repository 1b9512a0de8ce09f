package qmgr_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// offsets returns when the tries were, in seconds since begin.
func (w *world) offsets(begin time.Time) (list []int) {
	for _, tr := range w.tried() {
		list = append(list, int(tr.at.Sub(begin)/time.Second))
	}
	return list
}

func TestTheNextAttemptComesWhenTheMessageIsTwiceAsOld(t *testing.T) { // N04
	inWorld(t, func(w *world) {
		w.agent = always(deferAll)
		begin := time.Now()
		w.start()
		id := w.send("a@smtp.example")
		time.Sleep(5 * time.Hour)
		want := []int{0, 300, 600, 1200, 2400, 4800, 8800, 12800, 16800}
		if got := w.offsets(begin); !slices.Equal(got, want) {
			t.Errorf("tried at %v, want %v", got, want)
		}
		rec := w.store.record(id)
		if rec.Attempts != len(want) || rec.Recipients[0].Reply.Text != "come back later" {
			t.Errorf("record %+v", rec)
		}
		// The age is in the store: a restart changes nothing.
		w.stop()
		w.store = w.store.crashed(0)
		w.start()
		time.Sleep(4 * time.Hour)
		if got := w.offsets(begin); !slices.Equal(got, append(want, 20800, 24800, 28800, 32400)[:len(got)]) || len(got) < 12 {
			t.Errorf("tried at %v after a restart", got)
		}
	})
}

func TestNothingIsTriedBeforeItsTime(t *testing.T) { // N05
	inWorld(t, func(w *world) {
		begin := time.Now()
		for i := range 100 {
			id := w.queue("s@here", "a@smtp.example").ID
			due := begin.Add(time.Duration(i*i) * 700 * time.Millisecond)
			w.store.set(id, func(r *queue.Record) { r.State, r.Due = queue.Deferred, due })
		}
		w.start()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		tries := w.tried()
		if len(tries) != 100 {
			t.Fatalf("%d tried", len(tries))
		}
		for i, tr := range tries {
			due := begin.Add(time.Duration(i*i) * 700 * time.Millisecond)
			if tr.at.Before(due) || tr.at.Sub(due) > time.Second {
				t.Errorf("due after %v, tried after %v", due.Sub(begin), tr.at.Sub(begin))
			}
		}
	})
}

func TestExpiredMailIsReturned(t *testing.T) { // N06, B04
	for _, c := range []struct {
		name               string
		sender             string
		lifetime, bouncing time.Duration
		attempts           int
	}{
		{"after maximal_queue_lifetime", "s@here", time.Hour, 0, 6},
		{"a notice after bounce_queue_lifetime", "", time.Hour, 500 * time.Second, 3},
		{"0 means one attempt", "s@here", 0, time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.o.MaximalLifetime, w.o.BounceLifetime = c.lifetime, c.bouncing
				w.agent = always(deferAll)
				w.start()
				e := w.queue(c.sender, "a@smtp.example", "b@smtp.example")
				w.m.Accepted(e)
				time.Sleep(10 * time.Hour)
				synctest.Wait()
				w.wantGone(e.ID)
				if n := len(w.tried()); n != c.attempts {
					t.Errorf("%d attempts, want %d", n, c.attempts)
				}
				w.wantLog("qmgr", e.ID+": from=<"+c.sender+">, status=expired, returned to sender")
				ns := w.noticed()
				if len(ns) != 1 || ns[0].kind != "bounce" || len(ns[0].to) != 2 || ns[0].outcomes[0] != queue.Bounced {
					t.Errorf("notices %+v", ns)
				}
			})
		})
	}
}

func TestMailOnHoldDoesNotExpire(t *testing.T) { // B06
	inWorld(t, func(w *world) {
		w.start()
		id := w.store.commit(mail.Envelope{Sender: "s@here", Arrived: time.Now(), Recipients: []mail.Recipient{{Address: "a@smtp.example"}}}, queue.Hold).ID
		time.Sleep(10 * 24 * time.Hour)
		w.wantState(id, queue.Hold)
		if n, err := w.m.Flush(w.t.Context(), nil); n != 0 || err != nil {
			t.Fatalf("Flush = %d, %v", n, err)
		}
		w.stop()
		w.store = w.store.crashed(1000)
		w.start()
		time.Sleep(time.Hour)
		w.wantState(id, queue.Hold)
		if err := w.m.Release(w.t.Context(), id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.wantGone(id)
	})
}

func TestASlowNextHopComesBack(t *testing.T) { // B03
	inWorld(t, func(w *world) {
		w.agent = always(refusedAll)
		w.start()
		ids := w.sendMany(50, "smtp.example")
		synctest.Wait()
		for _, id := range ids {
			w.wantState(id, queue.Deferred)
			if r := w.store.record(id).Recipients[0]; r.Reply.Text == "" || r.Outcome != queue.Deferred4 {
				t.Fatalf("progress %+v", r)
			}
		}
		time.Sleep(time.Hour)
		w.setAgent(always(sentAll))
		time.Sleep(4000 * time.Second)
		synctest.Wait()
		w.wantGone(ids...)
	})
}

func TestBouncedMailIsDoneOnceItsNoticeIs(t *testing.T) { // B04
	inWorld(t, func(w *world) {
		w.refuseWith(errors.New("no space"))
		w.agent = always(bounceAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantState(id, queue.Deferred)
		w.wantLog("smtp", id+": to=<a@smtp.example>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=5.1.1, "+
			"status=bounced (host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))")
		w.wantLog("qmgr", id+": status=deferred (bounce failed)")
		if p := w.store.record(id).Recipients[0]; p.Outcome != queue.Deferred4 || p.Reply.Code != 550 {
			t.Errorf("progress %+v", p)
		}
		w.refuseWith(nil)
		time.Sleep(301 * time.Second)
		synctest.Wait()
		w.wantGone(id)
		if ns := w.noticed(); len(ns) != 1 || ns[0].kind != "bounce" {
			t.Errorf("notices %+v", ns)
		}
	})
}

func TestOneNoticeForAllThatFailedInAnAttempt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			switch req.Nexthop {
			case "smtp.a", "smtp.b":
				return bounceAll(req)
			case "smtp.c":
				return deferAll(req)
			}
			return sentAll(req)
		}
		w.start()
		id := w.send("1@smtp.a", "2@smtp.b", "3@smtp.c", "4@smtp.d")
		synctest.Wait()
		w.wantState(id, queue.Deferred)
		var got []queue.Outcome
		for _, p := range w.store.record(id).Recipients {
			got = append(got, p.Outcome)
		}
		if !slices.Equal(got, []queue.Outcome{queue.Bounced, queue.Bounced, queue.Deferred4, queue.Sent}) {
			t.Errorf("outcomes %v", got)
		}
		ns := w.noticed()
		if len(ns) != 1 || len(ns[0].to) != 2 {
			t.Fatalf("notices %+v", ns)
		}
		w.setAgent(always(sentAll))
		time.Sleep(301 * time.Second)
		synctest.Wait()
		w.wantGone(id)
		if last := w.tried()[len(w.tried())-1]; !slices.Equal(last.to, []string{"3@smtp.c"}) {
			t.Errorf("tried %v again", last.to)
		}
	})
}

func TestSoftBounceDefers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.SoftBounce = true
		w.agent = always(bounceAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantState(id, queue.Deferred)
		w.wantLog("smtp", "dsn=4.1.1, status=SOFTBOUNCE (host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply")
		if len(w.noticed()) != 0 {
			t.Error("a notice was sent")
		}
	})
}

func TestTheSenderIsWarnedOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.DelayWarning = time.Hour
		w.agent = always(deferAll)
		begin := time.Now()
		w.start()
		id := w.send("a@smtp.example")
		time.Sleep(50 * time.Minute)
		if len(w.noticed()) != 0 {
			t.Fatal("warned early")
		}
		w.refuseWith(errors.New("not now"))
		time.Sleep(time.Hour)
		w.refuseWith(nil)
		time.Sleep(24 * time.Hour)
		ns := w.noticed()
		if len(ns) != 1 || ns[0].kind != "delay" || !ns[0].expires.Equal(begin.Add(w.o.MaximalLifetime)) {
			t.Errorf("notices %+v", ns)
		}
		if !w.store.record(id).Warned {
			t.Error("not noted")
		}
	})
}

func TestSuccessIsReportedToThoseWhoAsked(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			rs := sentAll(req)
			for i, r := range req.Recipients {
				rs[i].DSNRelayed = r.Address == "relayed@smtp.example"
			}
			return rs
		}
		env := mail.Envelope{Sender: "s@here", Arrived: time.Now(), Recipients: []mail.Recipient{
			{Address: "asked@smtp.example", Notify: mail.NotifySuccess | mail.NotifyFailure},
			{Address: "relayed@smtp.example", Notify: mail.NotifySuccess},
			{Address: "never@smtp.example", Notify: mail.NotifyNever},
			{Address: "default@smtp.example"},
		}}
		w.start()
		e := w.store.commit(env, queue.Incoming)
		w.m.Accepted(e)
		synctest.Wait()
		w.wantGone(e.ID)
		ns := w.noticed()
		if len(ns) != 1 || ns[0].kind != "success" || !slices.Equal(ns[0].to, []string{"asked@smtp.example"}) {
			t.Errorf("notices %+v", ns)
		}
	})
}

func TestASuccessNoticeThatFailsIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name      string
		to        []string
		restarted bool
	}{
		{"all were sent", []string{"asked@smtp.example", "other@smtp.example"}, false},
		{"one is deferred", []string{"asked@smtp.example", "later@slow.example"}, false},
		{"another manager tries", []string{"asked@smtp.example"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var again atomic.Bool
				w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
					if strings.HasPrefix(req.Recipients[0].Address, "later") && !again.Swap(true) {
						return deferAll(req)
					}
					return sentAll(req)
				}
				env := mail.Envelope{Sender: "s@here", Arrived: time.Now()}
				for _, to := range c.to {
					r := mail.Recipient{Address: to, Original: to}
					if strings.HasPrefix(to, "asked") {
						r.Notify = mail.NotifySuccess
					}
					env.Recipients = append(env.Recipients, r)
				}
				w.start()
				w.refuseWith(errors.New("no space"))
				e := w.store.commit(env, queue.Incoming)
				w.m.Accepted(e)
				synctest.Wait()
				w.wantLog("qmgr", e.ID+": success notice failed: no space")
				if _, rec, err := w.store.Load(e.ID); err != nil || rec.State != queue.Deferred || !rec.Recipients[0].Owed {
					t.Fatalf("the message did not stay for its notice: %+v, %v", rec, err)
				}
				if c.restarted {
					w.stop()
					w.start()
				}
				w.refuseWith(nil)
				time.Sleep(time.Hour)
				synctest.Wait()
				w.wantGone(e.ID)
				reported, sent := 0, 0
				for _, n := range w.noticed() {
					if n.kind == "success" {
						reported++
					}
				}
				for _, try := range w.tried() {
					sent += len(try.to)
				}
				if want := len(c.to) + strings.Count(strings.Join(c.to, " "), "later"); sent != want {
					t.Errorf("%d recipients were tried, want %d: it was sent already", sent, want)
				}
				if reported == 0 {
					t.Error("success was never reported")
				}
			})
		})
	}
}

func TestASuccessNoticeIsGivenUpWithTheLifetime(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.MaximalLifetime = time.Hour
		w.start()
		w.refuseWith(errors.New("no space"))
		e := w.store.commit(mail.Envelope{Sender: "s@here", Arrived: time.Now(),
			Recipients: []mail.Recipient{{Address: "a@smtp.example", Notify: mail.NotifySuccess}}}, queue.Incoming)
		w.m.Accepted(e)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		w.wantGone(e.ID)
	})
}

// panicking is a notifier that panics.
type panicking struct{ *world }

func (panicking) Bounce(context.Context, *queue.Entry, func() (mail.Content, error), []queue.Report) error {
	panic("no template")
}

func TestANotifierThatPanicsDefers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.Notifier = panicking{w}
		w.agent = always(bounceAll)
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantState(id, queue.Deferred)
		w.wantLog("qmgr", "bounce notice failed: panic: no template")
	})
}

func TestASlowNotifierHoldsUpNoDelivery(t *testing.T) {
	inWorld(t, func(w *world) {
		w.o.Notifier = hanging{w}
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			if req.Nexthop == "smtp.bad" {
				return bounceAll(req)
			}
			return sentAll(req)
		}
		w.start()
		w.sendMany(300, "smtp.bad")
		synctest.Wait()
		good := w.sendMany(300, "smtp.good")
		synctest.Wait()
		w.wantGone(good...)
		if n := w.m.Stats(0).Active; n != 300 {
			t.Errorf("%d wait for their notices", n)
		}
	})
}

type hanging struct{ *world }

func (hanging) Bounce(ctx context.Context, _ *queue.Entry, _ func() (mail.Content, error), _ []queue.Report) error {
	<-ctx.Done()
	return ctx.Err()
}
