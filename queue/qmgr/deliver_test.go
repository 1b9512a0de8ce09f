package qmgr_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
)

func TestAcceptedMailIsSentAndRemovedWithoutAnUpdate(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		one := w.send("a@smtp.example")
		five := w.send(addresses(5, "smtp.other")...)
		synctest.Wait()
		w.wantGone(one, five)
		if n := w.store.count("update") + w.store.count("load"); n != 0 {
			t.Errorf("%d updates and loads on the way of most mail, want none", n)
		}
		want := []string{
			"qmgr: " + one + ": from=<sender@here>, size=1000, nrcpt=1 (queue active)",
			"smtp: " + one + ": to=<a@smtp.example>, relay=mx.smtp.example[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
			"qmgr: " + one + ": removed",
		}
		if got := w.logged(one); !slices.Equal(got, want) {
			t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if tries := w.tried(); len(tries) != 2 || len(tries[0].to)+len(tries[1].to) != 6 {
			t.Errorf("tries %+v, want one request for each message", tries)
		}
	})
}

func TestARecipientIsHandedOverAsResolved(t *testing.T) {
	inWorld(t, func(w *world) {
		w.resolve = func(_ context.Context, r mail.Recipient) (queue.Route, error) {
			to := r.Address
			if to == "b@x" {
				to = "bob@y"
			}
			return queue.Route{Transport: "smtp", Nexthop: "[relay]:25", Recipient: to}, nil
		}
		w.start()
		id := w.send("a@x", "b@x", "c@x")
		synctest.Wait()
		w.wantGone(id)
		if to := w.tried()[0].to; !slices.Equal(to, []string{"a@x", "bob@y", "c@x"}) {
			t.Errorf("handed over %q", to)
		}
		w.wantLog("smtp", "to=<bob@y>, orig_to=<b@x>, ")
	})
}

func TestTheOnlyRecipientIsHandedOverAsResolved(t *testing.T) { // it once was not: there was nothing before it
	inWorld(t, func(w *world) {
		w.resolve = func(context.Context, mail.Recipient) (queue.Route, error) {
			return queue.Route{Transport: "smtp", Nexthop: "hub", Recipient: "bob@y"}, nil
		}
		w.start()
		w.send("b@x")
		synctest.Wait()
		if to := w.tried()[0].to; !slices.Equal(to, []string{"bob@y"}) {
			t.Errorf("handed over %q", to)
		}
	})
}

func TestRecipientsAreGroupedBySiteAndCutAtTheLimit(t *testing.T) { // N12, N13
	for _, c := range []struct {
		name       string
		limit      int
		recipients int
		want       []int
	}{
		{"120 at the default of 50 make 3 transactions", 50, 120, []int{50, 50, 20}},
		{"120 at 100 make 2", 100, 120, []int{100, 20}},
		{"a limit of 0 is none", 0, 120, []int{120}},
		{"2500 are resolved in chunks and lose none", 1000, 2500, []int{1000, 1000, 500}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.transport("smtp", func(tr *qmgr.Transport) { tr.RecipientLimit = c.limit })
				w.start()
				to := addresses(c.recipients, "smtp.example")
				id := w.send(append(to, "x@slow.example")...)
				synctest.Wait()
				w.wantGone(id)
				var sizes []int
				var got []string
				for _, tr := range w.tried() {
					if tr.transport == "smtp" {
						sizes, got = append(sizes, len(tr.to)), append(got, tr.to...)
					}
				}
				slices.Sort(got)
				slices.Sort(to)
				slices.SortFunc(sizes, func(a, b int) int { return b - a })
				if !slices.Equal(sizes, c.want) || !slices.Equal(got, to) {
					t.Errorf("requests of %v recipients (%d in all), want %v", sizes, len(got), c.want)
				}
			})
		})
	}
}

func TestRewrittenRecipientsAreCutInOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		w.resolve = func(_ context.Context, r mail.Recipient) (queue.Route, error) {
			return queue.Route{Transport: "smtp", Nexthop: "hub", Recipient: "new-" + r.Address}, nil
		}
		w.transport("smtp", func(tr *qmgr.Transport) { tr.RecipientLimit, tr.Processes = 2, 1 })
		w.start()
		id := w.send(addresses(5, "x")...)
		synctest.Wait()
		w.wantGone(id)
		var got []string
		for _, tr := range w.tried() {
			got = append(got, strings.Join(tr.to, " "))
		}
		want := []string{"new-user0@x new-user1@x", "new-user2@x new-user3@x", "new-user4@x"}
		if !slices.Equal(got, want) {
			t.Errorf("handed over %q", got)
		}
		w.wantLog("smtp", "to=<new-user4@x>, orig_to=<user4@x>, ")
	})
}

func TestAResultThatSaysLittleIsCompleted(t *testing.T) {
	for o, want := range map[queue.Outcome]string{
		queue.Sent:      "relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered)",
		queue.Deferred4: "relay=none, delay=0, delays=0/0/0/0, dsn=4.3.0, status=deferred (delivery deferred)",
		queue.Bounced:   "relay=none, delay=0, delays=0/0/0/0, dsn=5.0.0, status=bounced (delivery failed)",
	} {
		t.Run(o.String(), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
					return results(req, queue.Result{Outcome: o})
				}
				w.start()
				w.send("a@smtp.example")
				synctest.Wait()
				w.wantLog("smtp", want)
			})
		})
	}
}

func TestManySitesInOneMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		var to []string
		for i := range 300 {
			to = append(to, addresses(2, "smtp.site"+string(rune('a'+i%26))+string(rune('a'+i/26)))...)
		}
		id := w.send(to...)
		synctest.Wait()
		w.wantGone(id)
		if n := len(w.tried()); n != 300 {
			t.Errorf("%d requests, want one for each of 300 sites", n)
		}
	})
}

func TestWhatAnAgentDoesWrongDefersTheRecipients(t *testing.T) {
	for _, c := range []struct {
		name  string
		agent func(req *queue.Request) []queue.Result
		log   string
	}{
		{"a panic", func(*queue.Request) []queue.Result { panic("oops") }, "panic: oops"},
		{"too few results", func(req *queue.Request) []queue.Result { return sentAll(req)[1:] }, "1 results for 2 recipients"},
		{"too many results", func(req *queue.Request) []queue.Result { return append(sentAll(req), sentAll(req)...) }, "4 results for 2 recipients"},
		{"an outcome that is none", func(req *queue.Request) []queue.Result { return results(req, queue.Result{}) }, "outcome 0 of recipient 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.agent = always(c.agent)
				w.start()
				id := w.send("a@smtp.example", "b@smtp.example")
				synctest.Wait()
				w.wantState(id, queue.Deferred)
				w.wantLog("qmgr", c.log)
				w.wantLog("smtp", "dsn=4.3.0, status=deferred (unknown mail transport error)")
				w.setAgent(always(sentAll))
				time.Sleep(301 * time.Second)
				synctest.Wait()
				w.wantGone(id)
			})
		})
	}
}

func TestWhatTheResolverSays(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		route queue.Route
		state queue.State
		log   string
	}{
		{"an unknown failure defers", errors.New("no table"), queue.Route{}, queue.Deferred,
			"retry: M00001: to=<x@smtp.bad>, relay=none, delay=0, delays=0/0/0/0, dsn=4.3.0, status=deferred (Temporary lookup"},
		{"a temporary one too", status.Tempfail("4.4.3", "no name server"), queue.Route{}, queue.Deferred, "dsn=4.4.3, status=deferred (no name server)"},
		{"a rule bounces", status.Reject("5.1.3", "bad address syntax"), queue.Route{}, 0,
			"error: M00001: to=<x@smtp.bad>, relay=none, delay=0, delays=0/0/0/0, dsn=5.1.3, status=bounced (bad address syntax)"},
		{"an unknown transport defers", nil, queue.Route{Transport: "nowhere"}, queue.Deferred, "dsn=4.3.0, status=deferred (mail transport unavailable)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.resolve = func(ctx context.Context, r mail.Recipient) (queue.Route, error) {
					if r.Address == "x@smtp.bad" {
						return c.route, c.err
					}
					return byDomain(ctx, r)
				}
				w.start()
				id := w.send("x@smtp.bad", "good@smtp.example")
				synctest.Wait()
				w.wantState(id, c.state)
				w.wantLog("smtp", "to=<good@smtp.example>")
				if lines := w.logged("to=<x@smtp.bad>, "); len(lines) != 1 || !strings.Contains(lines[0], c.log) {
					t.Errorf("log %q, want %q", lines, c.log)
				}
				if n := len(w.noticed()); (n == 1) != (c.state == 0) {
					t.Errorf("%d notices", n)
				}
			})
		})
	}
}

func TestAResolverThatHangsCostsItsTimeLimitOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.resolve = func(ctx context.Context, r mail.Recipient) (queue.Route, error) {
			if strings.HasSuffix(r.Address, "@smtp.hangs") {
				<-ctx.Done()
				return queue.Route{}, ctx.Err()
			}
			return byDomain(ctx, r)
		}
		w.start()
		begin := time.Now()
		hangs := w.send(addresses(50, "smtp.hangs")...)
		other := w.send("a@smtp.example")
		synctest.Wait()
		w.wantGone(other)
		time.Sleep(w.o.ResolveTimeout)
		synctest.Wait()
		w.wantState(hangs, queue.Deferred)
		if d := time.Since(begin); d > w.o.ResolveTimeout+time.Second {
			t.Errorf("took %v", d)
		}
		if n := len(w.logged("to=<user")); n != 50+1 { // and one warning with the cause
			t.Errorf("%d recipients logged", n)
		}
	})
}

func TestAResolverThatPanicsDefers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.resolve = func(context.Context, mail.Recipient) (queue.Route, error) { panic("no map") }
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantState(id, queue.Deferred)
		w.wantLog("qmgr", "resolver: panic: no map")
	})
}

func TestProgressIsRecordedBetweenRequests(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = func(ctx context.Context, req *queue.Request) []queue.Result {
			if req.Nexthop == "smtp.late" {
				return taking(time.Minute, sentAll)(ctx, req)
			}
			return sentAll(req)
		}
		w.start()
		id := w.send("a@smtp.now", "b@smtp.late")
		synctest.Wait()
		rec := w.store.record(id)
		if rec.State != queue.Active || rec.Recipients[0].Outcome != queue.Sent || rec.Recipients[1].Outcome != queue.Pending {
			t.Fatalf("record %+v", rec)
		}
		// A crash now: the next manager asks for the second recipient only.
		w.store = w.store.crashed(0)
		w.start2nd(func() {
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			w.wantGone(id)
			last := w.tried()[len(w.tried())-1]
			if !slices.Equal(last.to, []string{"b@smtp.late"}) {
				t.Errorf("tried %v after the crash", last.to)
			}
		})
	})
}

// start2nd runs fn with a second manager on w.store while the first one goes on with the store it
// has, as a process would that has not noticed its death.
func (w *world) start2nd(fn func()) {
	w.t.Helper()
	m, cancel, ended := w.m, w.cancel, w.ended
	w.start()
	fn()
	w.stop()
	w.m, w.cancel, w.ended = m, cancel, ended
}

func TestADeliveryHasItsTransportsTimeLimit(t *testing.T) {
	inWorld(t, func(w *world) {
		w.transport("smtp", func(tr *qmgr.Transport) { tr.TimeLimit = 7 * time.Second })
		w.agent = taking(time.Hour, sentAll)
		w.start()
		id := w.send("a@smtp.example")
		time.Sleep(8 * time.Second)
		synctest.Wait()
		w.wantState(id, queue.Deferred)
	})
}

func TestAnAgentCanReadTheText(t *testing.T) {
	inWorld(t, func(w *world) {
		var size int64
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			c, err := req.Open()
			if err != nil {
				return deferAll(req)
			}
			size = c.Size()
			return sentAll(req)
		}
		w.start()
		id := w.send("a@smtp.example")
		synctest.Wait()
		w.wantGone(id)
		if size == 0 {
			t.Error("no text")
		}
	})
}
