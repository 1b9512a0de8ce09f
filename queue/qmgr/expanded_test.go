package qmgr_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// An alias that cleanup expanded, and whose sender asked for success: it is reported, delivered to
// nobody, and in no log line.
func TestAnExpandedAliasIsReportedAndNotDelivered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(sentAll)
		w.start()
		env := mail.Envelope{Sender: "s@here", Arrived: time.Now(), Recipients: []mail.Recipient{
			{Address: "a@smtp.x", Original: "fan@alias", Notify: mail.NotifyNever},
			{Address: "fan@alias", Original: "fan@alias", Notify: mail.NotifySuccess, Expanded: true}}}
		e := w.store.commit(env, queue.Incoming)
		w.m.Accepted(e)
		synctest.Wait()
		w.wantGone(e.ID)
		ns, tries := w.noticed(), w.tried()
		if len(ns) != 1 || ns[0].kind != "success" || len(ns[0].to) != 1 || ns[0].to[0] != "fan@alias" || ns[0].outcomes[0] != queue.Expanded {
			t.Errorf("notices %+v", ns)
		}
		if len(tries) != 1 || len(tries[0].to) != 1 || tries[0].to[0] != "a@smtp.x" {
			t.Errorf("tried %+v", tries)
		}
		if got := w.logged(": to=<fan@alias>"); len(got) > 0 {
			t.Errorf("logged %q", got)
		}
		w.wantLog("qmgr", e.ID+": from=<s@here>, size=1000, nrcpt=1 (queue active)")
	})
}

// The notice fails, and the alias has not become a delivery when it is made later.
func TestAnExpandedAliasIsReportedLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.agent = always(sentAll)
		w.refuse = errors.New("not now")
		w.start()
		env := mail.Envelope{Sender: "s@here", Arrived: time.Now(), Recipients: []mail.Recipient{
			{Address: "a@smtp.x", Original: "fan@alias", Notify: mail.NotifyNever},
			{Address: "fan@alias", Original: "fan@alias", Notify: mail.NotifySuccess, Expanded: true}}}
		e := w.store.commit(env, queue.Incoming)
		w.m.Accepted(e)
		time.Sleep(time.Second)
		w.refuseWith(nil)
		time.Sleep(2 * time.Hour)
		w.wantGone(e.ID)
		ns := w.noticed()
		if last := ns[len(ns)-1]; last.kind != "success" || last.outcomes[0] != queue.Expanded || len(w.tried()) != 1 {
			t.Errorf("notices %+v, %d tries", ns, len(w.tried()))
		}
	})
}
