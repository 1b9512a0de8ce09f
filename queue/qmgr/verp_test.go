package qmgr_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

func TestVERPGivesEachRecipientItsSender(t *testing.T) {
	inWorld(t, func(w *world) {
		var mu sync.Mutex // guards senders
		var senders []string
		w.agent = func(_ context.Context, req *queue.Request) []queue.Result {
			mu.Lock()
			defer mu.Unlock()
			if len(req.Recipients) != 1 || req.Entry.VERP != "" {
				t.Errorf("%d recipients, VERP %q", len(req.Recipients), req.Entry.VERP)
			}
			senders = append(senders, req.Entry.Sender+" "+req.Recipients[0].Address)
			return sentAll(req)
		}
		w.start()
		env := mail.Envelope{Sender: "list@here", VERP: "+=", Arrived: time.Now()}
		for _, a := range []string{"a@smtp.x", "b@smtp.x", "c@smtp.y"} {
			env.Recipients = append(env.Recipients, mail.Recipient{Address: a, Original: strings.ToUpper(a)})
		}
		e := w.store.commit(env, queue.Incoming)
		w.m.Accepted(e)
		synctest.Wait()
		slices.Sort(senders)
		if got := strings.Join(senders, "; "); got != "list+A=SMTP.X@here a@smtp.x; list+B=SMTP.X@here b@smtp.x; list+C=SMTP.Y@here c@smtp.y" {
			t.Errorf("got %s", got)
		}
		w.wantGone(e.ID)
		w.wantLog("qmgr", e.ID+": from=<list@here>")
	})
}

// confirm_delay_cleared: whoever was told of a delay is told of its end, if the parameter says so, and
// nobody else.
func TestTheEndOfADelayIsTold(t *testing.T) {
	for _, c := range []struct {
		name    string
		confirm bool
		notify  mail.Notify
		want    string
	}{
		{"it is told", true, mail.NotifyDefault, "delay success"},
		{"also who asked for delays", true, mail.NotifyDelay, "delay success"},
		{"not who did not", true, mail.NotifyFailure, "delay"},
		{"nor without the parameter", false, mail.NotifyDefault, "delay"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.o.DelayWarning, w.o.ConfirmCleared = time.Hour, c.confirm
				w.agent = always(deferAll)
				w.start()
				env := mail.Envelope{Sender: "s@here", Arrived: time.Now(), Recipients: []mail.Recipient{{Address: "a@smtp.x", Original: "a@smtp.x", Notify: c.notify}}}
				w.m.Accepted(w.store.commit(env, queue.Incoming))
				time.Sleep(3 * time.Hour)
				w.setAgent(always(sentAll))
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				var kinds []string
				for _, n := range w.noticed() {
					kinds = append(kinds, n.kind)
				}
				if got := strings.Join(kinds, " "); got != c.want {
					t.Errorf("told %q, want %q", got, c.want)
				}
			})
		})
	}
}
