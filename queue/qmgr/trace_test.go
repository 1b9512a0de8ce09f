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

// traced is send for a message whose sender wants a report.
func (w *world) traced(trace mail.Trace, to ...string) string {
	env := mail.Envelope{Sender: "me@here", Arrived: time.Now(), Trace: trace}
	for _, a := range to {
		env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: a})
	}
	e := w.store.commit(env, queue.Incoming)
	w.m.Accepted(e)
	return e.ID
}

// fates answers by the local part.
func fates(_ context.Context, req *queue.Request) []queue.Result {
	rs := sentAll(req)
	for i := range req.Recipients {
		switch req.Recipients[i].Address {
		case "no@smtp.x":
			rs[i] = queue.Result{Outcome: queue.Bounced, Reply: status.Reply{Code: 550, Enhanced: "5.1.1", Text: "no"}}
		case "later@smtp.x":
			rs[i] = queue.Result{Outcome: queue.Deferred4, Reply: status.Reply{Code: 450, Enhanced: "4.2.0", Text: "later"}}
		}
	}
	return rs
}

func kinds(ns []notice) (all []string) {
	for _, n := range ns {
		to := slices.Clone(n.to)
		slices.Sort(to)
		for _, a := range to {
			all = append(all, n.kind+" "+a)
		}
	}
	slices.Sort(all)
	return all
}

// One report has all recipients of a message that only asks; then it is gone.
func TestWhoOnlyAsksIsToldOfEveryRecipient(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setAgent(fates)
		w.start()
		id := w.traced(mail.TraceVerify, "yes@smtp.x", "no@smtp.x", "later@smtp.x")
		synctest.Wait()
		w.wantGone(id)
		if got := kinds(w.noticed()); !slices.Equal(got, []string{"trace later@smtp.x", "trace no@smtp.x", "trace yes@smtp.x"}) {
			t.Errorf("notices %q", got)
		}
	})
}

// A report that cannot be made is made later: who only asks loses nothing by being asked again.
func TestAReportThatFailsIsTriedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setAgent(fates)
		w.refuseWith(status.New(451, "4.3.0", "full"))
		w.start()
		id := w.traced(mail.TraceVerify, "yes@smtp.x", "no@smtp.x")
		synctest.Wait()
		if len(w.noticed()) != 0 {
			t.Fatal("a notice that was refused")
		}
		w.wantLog("qmgr", id+": delivery status report failed: ")
		w.refuseWith(nil)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		w.wantGone(id)
		if got := kinds(w.noticed()); !slices.Equal(got, []string{"trace no@smtp.x", "trace yes@smtp.x"}) {
			t.Errorf("notices %q", got)
		}
	})
}

// The report on a delivery is about the first attempt, beside the notices that the delivery makes anyway.
func TestTheFirstAttemptIsReportedOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setAgent(fates)
		w.start()
		id := w.traced(mail.TraceRecord, "yes@smtp.x", "no@smtp.x", "later@smtp.x")
		synctest.Wait()
		want := []string{"bounce no@smtp.x", "trace later@smtp.x", "trace no@smtp.x", "trace yes@smtp.x"}
		if got := kinds(w.noticed()); !slices.Equal(got, want) {
			t.Errorf("notices %q", got)
		}
		w.setAgent(func(_ context.Context, req *queue.Request) []queue.Result { return sentAll(req) })
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		w.wantGone(id)
		if got := kinds(w.noticed()); !slices.Equal(got, want) {
			t.Errorf("after the second attempt: notices %q", got)
		}
	})
}
