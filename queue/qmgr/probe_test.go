package qmgr_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// Whatever becomes of a probe, it is over after one attempt, nobody gets a notice, and who asked is
// told; with soft_bounce too.
func TestAProbeIsAnsweredAndForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		var got []string
		w.o.OnProbe = func(r queue.Report) {
			got = append(got, r.Recipient.Original+" as "+r.Recipient.Address+": "+r.Result.Outcome.String()+" "+r.Result.Reply.String())
		}
		w.o.SoftBounce = true
		w.resolve = func(_ context.Context, r mail.Recipient) (queue.Route, error) {
			switch r.Address {
			case "lost@smtp.x":
				return queue.Route{}, status.New(451, "4.3.0", "no table")
			case "moved@smtp.x":
				return queue.Route{Transport: "smtp", Nexthop: "y", Recipient: "there@y"}, nil
			}
			return byDomain(context.Background(), r)
		}
		w.setAgent(func(_ context.Context, req *queue.Request) []queue.Result {
			rs := sentAll(req)
			switch req.Recipients[0].Address {
			case "no@smtp.x":
				rs[0] = queue.Result{Outcome: queue.Bounced, Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: "no"}}
			case "later@smtp.x":
				rs[0] = queue.Result{Outcome: queue.Deferred4, Reply: status.Reply{Code: 450, Enhanced: "4.2.0", Text: "later"}}
			}
			return rs
		})
		w.start()
		var ids []string
		for _, to := range []string{"yes@smtp.x", "no@smtp.x", "later@smtp.x", "lost@smtp.x", "moved@smtp.x"} {
			ids = append(ids, w.probe(to))
			synctest.Wait()
		}
		w.wantGone(ids...)
		if n := w.noticed(); len(n) != 0 {
			t.Errorf("notices %+v", n)
		}
		want := []string{"yes@smtp.x as yes@smtp.x: sent 250 2.0.0 Ok", "no@smtp.x as no@smtp.x: bounced 550 5.1.1 no", "later@smtp.x as later@smtp.x: deferred 450 4.2.0 later",
			"lost@smtp.x as lost@smtp.x: deferred 451 4.3.0 no table", "moved@smtp.x as there@y: sent 250 2.0.0 Ok"}
		if !slices.Equal(got, want) {
			t.Errorf("answers\n%q\nwant\n%q", got, want)
		}
		w.wantLog("smtp", "status=deliverable (250 2.0.0 Ok)")
		w.wantLog("smtp", "status=undeliverable (no)")
	})
}

// probe is send for a probe.
func (w *world) probe(to string) string {
	env := mail.Envelope{Sender: "double-bounce@here", Arrived: time.Now(), Origin: mail.Origin{Kind: mail.KindVerify},
		Recipients: []mail.Recipient{{Address: to, Original: to}}}
	e := w.store.commit(env, queue.Incoming)
	w.m.Accepted(e)
	return e.ID
}
