package bounce_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/queue"
)

func TestEachFailureGoesToTheSenderOfItsOwn(t *testing.T) {
	failed := []queue.Report{about("bob@x", gone), wishing(mail.NotifyNever, about("never@x", gone)), about("eve@x", gone)}
	for _, c := range []struct {
		name   string
		off    bool
		sender string
		want   string
	}{
		{"a notice for each", false, "list@l.example", "<> to list+bob=x@l.example: bob@x\n<> to list+eve=x@l.example: eve@x\n" +
			"<double-bounce@mx.example.org> to postmaster@example.org: bob@x never@x eve@x\n"},
		{"one for all (disable_verp_bounces)", true, "list@l.example", "<> to list@l.example: bob@x eve@x\n" +
			"<double-bounce@mx.example.org> to postmaster@example.org: bob@x never@x eve@x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) { o.NoVERP, o.Classes = c.off, bounce.ClassBounce })
			e := entry(c.sender)
			e.VERP = "+="
			if err := w.Bounce(t.Context(), e, text(plain), failed); err != nil {
				t.Fatal(err)
			}
			if got := told(t, w); got != c.want {
				t.Errorf("told\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestANoticeRefersToItsMessage(t *testing.T) {
	for head, want := range map[string]string{
		"Message-ID: <a@b>\r\n": "<a@b>", "Subject: x\r\n": "", "Message-ID: a b\r\n": "", "Message-ID: <a@b> (c)\r\n": "", "Message-ID: <ü@b>\r\n": "",
	} {
		for _, on := range []bool{true, false} {
			w := newWorld(t, func(o *bounce.Options) { o.Threaded = on })
			if err := w.Bounce(t.Context(), entry("alice@x"), text(head+"\r\nbody\r\n"), []queue.Report{about("bob@x", gone)}); err != nil {
				t.Fatal(err)
			}
			h := parse(t, w.door.texts[0]).header
			if !on {
				want = ""
			}
			if h.Get("References") != want || h.Get("In-Reply-To") != want {
				t.Errorf("%q, %v: got %q and %q", head, on, h.Get("References"), h.Get("In-Reply-To"))
			}
		}
	}
}

func TestTheEndOfADelayIsReported(t *testing.T) {
	w := newWorld(t, nil)
	late, other := about("late@x", gone), about("other@x", gone)
	late.Result, other.Result = queue.Result{Outcome: queue.Sent, Relay: "mx.x[192.0.2.9]:25"}, queue.Result{Outcome: queue.Sent}
	late.Cleared = true
	if err := w.Success(t.Context(), entry("alice@x"), text(plain), []queue.Report{late, other}); err != nil {
		t.Fatal(err)
	}
	if got := told(t, w); got != "<> to alice@x: late@x\n" {
		t.Errorf("told %s", got)
	}
	if len(w.door.texts) != 1 || !strings.Contains(w.door.texts[0], "Successful Mail Delivery Report") {
		t.Errorf("%q", w.door.texts)
	}
}
