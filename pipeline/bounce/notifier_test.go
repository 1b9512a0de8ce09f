package bounce_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/queue"
)

var gone = failedBy(550, "5.1.1", "unknown user")

// told is who got a notice, from whom, and about whom.
func told(t *testing.T, w *world) string {
	t.Helper()
	var b strings.Builder
	for i, env := range w.door.envs {
		b.WriteString("<" + env.Sender + "> to " + env.Recipients[0].Address + ":")
		for _, f := range parse(t, w.door.texts[i]).fields[1:] {
			b.WriteString(" " + strings.TrimPrefix(f["Final-Recipient"], "rfc822; "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestWhoIsToldOfAFailure(t *testing.T) {
	all := []queue.Report{
		about("default@x", gone), wishing(mail.NotifyFailure, about("failure@x", gone)), wishing(mail.NotifyNever, about("never@x", gone)),
		wishing(mail.NotifyDelay|mail.NotifySuccess, about("others@x", gone)),
	}
	for _, c := range []struct {
		name, sender, classes string
		failed                []queue.Report
		told, log             string
	}{
		{"the sender, of those whose NOTIFY says so", "alice@x", "resource, software", all,
			"<> to alice@x: default@x failure@x\n", "4F1A2B: sender non-delivery notification: 5B1\n"},
		{"nobody when no NOTIFY wants it", "alice@x", "", all[2:], "", "4F1A2B: sender non-delivery notification not wanted (NOTIFY)\n"},
		{"nobody when nobody failed", "alice@x", "bounce", nil, "", ""},
		{"postmaster too, of all", "alice@x", "bounce", all,
			"<> to alice@x: default@x failure@x\n<double-bounce@mx.example.org> to postmaster@example.org: default@x failure@x never@x others@x\n",
			"4F1A2B: sender non-delivery notification: 5B1\n4F1A2B: postmaster non-delivery notification: 5B2\n"},
		{"postmaster when the sender is null", "", "2bounce", all,
			"<double-bounce@mx.example.org> to 2b@example.com: default@x failure@x never@x others@x\n", "4F1A2B: postmaster non-delivery notification: 5B1\n"},
		{"bounce implies 2bounce", "", "bounce", all[:1],
			"<double-bounce@mx.example.org> to 2b@example.com: default@x\n", "4F1A2B: postmaster non-delivery notification: 5B1\n"},
		{"nobody when the sender is null and postmaster does not care", "", "delay, resource", all, "",
			"4F1A2B: undeliverable message from <> discarded (notify_classes has no 2bounce)\n"},
		{"nobody when postmaster cannot be told", "Double-Bounce@MX.Example.org", "bounce, 2bounce", all, "",
			"warning: 4F1A2B: undeliverable postmaster notification discarded\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			classes, err := bounce.ParseClasses(c.classes)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(o *bounce.Options) { o.Classes, o.DoubleBounceRecipient = classes, "2b@example.com" })
			if err := w.Bounce(context.Background(), entry(c.sender), text(plain), c.failed); err != nil {
				t.Fatal(err)
			}
			if got := told(t, w); got != c.told {
				t.Errorf("told\n%swant\n%s", got, c.told)
			}
			if got := w.logged(); got != c.log {
				t.Errorf("log\n%swant\n%s", got, c.log)
			}
		})
	}
}

func TestWhoIsToldOfADelay(t *testing.T) {
	late := failedBy(451, "4.4.1", "timeout")
	all := []queue.Report{
		about("default@x", late), wishing(mail.NotifyDelay, about("delay@x", late)), wishing(mail.NotifyFailure, about("failure@x", late)),
	}
	for _, c := range []struct {
		name, sender string
		classes      bounce.Classes
		told, log    string
	}{
		{"the sender", "alice@x", bounce.ClassBounce, "<> to alice@x: default@x delay@x\n", "4F1A2B: sender delay notification: 5B1\n"},
		{"and postmaster", "alice@x", bounce.ClassDelay,
			"<> to alice@x: default@x delay@x\n<double-bounce@mx.example.org> to postmaster@example.org: default@x delay@x failure@x\n",
			"4F1A2B: sender delay notification: 5B1\n4F1A2B: postmaster delay notification: 5B2\n"},
		{"postmaster alone when the sender is null", "", bounce.ClassDelay,
			"<double-bounce@mx.example.org> to postmaster@example.org: default@x delay@x failure@x\n", "4F1A2B: postmaster delay notification: 5B1\n"},
		{"nobody when the sender is null", "", bounce.ClassBounce | bounce.ClassDoubleBounce, "", ""},
		{"nobody when a notice to postmaster is late", "double-bounce@mx.example.org", bounce.ClassDelay, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) { o.Classes = c.classes })
			if err := w.Delay(context.Background(), entry(c.sender), text(plain), all, now); err != nil {
				t.Fatal(err)
			}
			if got := told(t, w); got != c.told {
				t.Errorf("told\n%swant\n%s", got, c.told)
			}
			if got := w.logged(); got != c.log {
				t.Errorf("log\n%swant\n%s", got, c.log)
			}
		})
	}
}

func TestSuccessIsReportedToThoseWhoAskedAndByNobodyElse(t *testing.T) {
	ok := queue.Result{Outcome: queue.Sent, Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "ok"}}
	relayed := ok
	relayed.DSNRelayed = true
	all := []queue.Report{
		about("default@x", ok), wishing(mail.NotifySuccess, about("asked@x", ok)), wishing(mail.NotifySuccess, about("nexthop@x", relayed)),
	}
	for sender, want := range map[string]string{
		"alice@x": "<> to alice@x: asked@x\n", "": "", "double-bounce@mx.example.org": "",
	} {
		w := newWorld(t, func(o *bounce.Options) { o.Classes = ^bounce.Classes(0) })
		if err := w.Success(context.Background(), entry(sender), text(plain), all); err != nil {
			t.Fatal(err)
		}
		if got := told(t, w); got != want {
			t.Errorf("sender %q: told %q, want %q", sender, got, want)
		}
		if sender == "alice@x" && w.logged() != "4F1A2B: sender delivery status notification: 5B1\n" {
			t.Errorf("log %q", w.logged())
		}
	}
}

func TestTheEnvelopeOfANotice(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err != nil {
		t.Fatal(err)
	}
	env := w.door.envs[0]
	if o := env.Origin; o.Kind != mail.KindBounce || !o.Local || o.Hops != 3 || o.UID != -1 || o.Service != "bounce" {
		t.Errorf("origin %+v", o)
	}
	if r := env.Recipients; len(r) != 1 || r[0] != (mail.Recipient{Address: "alice@x", Original: "alice@x"}) {
		t.Errorf("recipients %+v", r)
	}
	if env.ID != "" || env.Sender != "" || env.Ret != mail.RetDefault || env.EnvID != "" || env.SMTPUTF8 {
		t.Errorf("envelope %+v", env)
	}
	if _, ok := w.door.ctx.Deadline(); !ok {
		t.Error("the submission has no deadline")
	}
}

func TestANoticeThatCannotBeQueuedFails(t *testing.T) {
	full := status.New(452, "4.3.1", "no room")
	failed := []queue.Report{about("bob@x", gone)}
	for name, send := range map[string]func(*world, bounce.Text) error{
		"failure": func(w *world, text bounce.Text) error {
			return w.Bounce(context.Background(), entry("alice@x"), text, failed)
		},
		"double bounce": func(w *world, text bounce.Text) error { return w.Bounce(context.Background(), entry(""), text, failed) },
		"delay": func(w *world, text bounce.Text) error {
			return w.Delay(context.Background(), entry("alice@x"), text, failed, now)
		},
		"success": func(w *world, text bounce.Text) error {
			return w.Success(context.Background(), entry("alice@x"), text, []queue.Report{wishing(mail.NotifySuccess, failed[0])})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) { o.Classes = bounce.ClassBounce })
			w.door.errs = []error{full}
			if err := send(w, text(plain)); !errors.Is(err, full) {
				t.Errorf("the queue is full: %v", err)
			}
			lost := func() (mail.Content, error) { return nil, errors.New("bad sector") }
			if err := send(w, lost); err == nil || !status.From(err).Temporary() {
				t.Errorf("the text cannot be opened: %v", err)
			}
			short := func() (mail.Content, error) { return short{mail.Bytes(plain)}, nil }
			if err := send(w, short); err == nil || !status.From(err).Temporary() {
				t.Errorf("the text cannot be read: %v", err)
			}
			if len(w.door.texts) != 0 || w.logged() != "" {
				t.Errorf("told %q, log %q", told(t, w), w.logged())
			}
		})
	}
}

// short claims more bytes than it has.
type short struct{ mail.Bytes }

// Size is one too many.
func (s short) Size() int64 { return int64(len(s.Bytes)) + 1 }

func TestAMessageThatIsRefusedIsReturnedWithoutItsBody(t *testing.T) {
	w := newWorld(t, nil)
	w.door.errs = []error{status.New(552, "5.3.4", "message file too big")}
	if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err != nil {
		t.Fatal(err)
	}
	if p := parse(t, w.door.texts[0]); p.types[2] != "text/rfc822-headers" {
		t.Errorf("part 3 is %s", p.types[2])
	}
	if !strings.HasSuffix(w.logged(), "\n4F1A2B: sender non-delivery notification: 5B1\n") || !strings.Contains(w.logged(), "message file too big") {
		t.Errorf("log %q", w.logged())
	}
}

func TestAPostmasterCopyThatFailsIsOnlyLogged(t *testing.T) {
	w := newWorld(t, func(o *bounce.Options) { o.Classes = bounce.ClassBounce })
	w.door.errs = []error{nil, errors.New("no luck")}
	if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err != nil {
		t.Fatal(err)
	}
	if want := "warning: 4F1A2B: postmaster non-delivery notification failed: no luck\n"; !strings.HasSuffix(w.logged(), want) {
		t.Errorf("log %q", w.logged())
	}
}

func TestWhatOfTheMessageIsReturned(t *testing.T) {
	big := plain + strings.Repeat("0123456789\r\n", 5000)
	for _, c := range []struct {
		name  string
		limit int64
		ret   mail.Ret
		text  string
		full  bool
	}{
		{"all of it", 50000, mail.RetDefault, plain, true},
		{"all of it when RET says so", 50000, mail.RetFull, plain, true},
		{"the header when RET says so", 50000, mail.RetHeaders, plain, false},
		{"the header of a large one, whatever RET says", 50000, mail.RetFull, big, false},
		{"all of one that is as large as allowed", int64(len(big)), mail.RetFull, big, true},
		{"all of a large one without a limit", 0, mail.RetDefault, big, true},
		{"all of one without a body", 50000, mail.RetDefault, "Subject: x\r\n", true},
		{"all of one without a header", 50000, mail.RetDefault, "\r\nbody\r\n", true},
		{"nothing of the header of one without a header", 50000, mail.RetHeaders, "\r\nbody\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) { o.SizeLimit = c.limit })
			e := entry("alice@x")
			e.Ret = c.ret
			if err := w.Bounce(context.Background(), e, text(c.text), []queue.Report{about("bob@x", gone)}); err != nil {
				t.Fatal(err)
			}
			p := parse(t, w.door.texts[0])
			var ok bool
			if p.parts[2], ok = strings.CutPrefix(p.parts[2], "Return-Path: <alice@x>\r\n"); !ok {
				t.Errorf("part 3 does not begin with the return path: %q", p.parts[2])
			}
			if c.full && (p.types[2] != "message/rfc822" || p.parts[2] != c.text) {
				t.Errorf("part 3 is %s, %d bytes", p.types[2], len(p.parts[2]))
			}
			header, _, _ := strings.Cut("\r\n"+c.text, "\r\n\r\n")
			if !c.full && (p.types[2] != "text/rfc822-headers" || strings.TrimSuffix(p.parts[2], "\r\n") != strings.TrimPrefix(header, "\r\n")) {
				t.Errorf("part 3 is %s: %q", p.types[2], p.parts[2])
			}
		})
	}
}

func TestAStatusFitsItsNotice(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply status.Reply
		want  string
	}{
		{"the reply's own", status.Reply{Code: 550, Enhanced: "5.7.1", Text: "no"}, "5.7.1"},
		{"a temporary one that lasted too long", status.Reply{Code: 451, Enhanced: "4.4.1", Text: "timeout"}, "4.4.1"},
		{"a reply without one", status.Reply{Code: 554, Text: "no"}, "5.0.0"},
		{"no reply at all", status.Reply{}, "5.0.0"},
		{"a server that answers success to what failed", status.Reply{Code: 250, Enhanced: "2.0.0", Text: "?"}, "5.0.0"},
		{"nonsense", status.Reply{Code: 550, Enhanced: "5.1.1\r\nX: 1", Text: "no"}, "5.0.0"},
	} {
		w := newWorld(t, nil)
		r := remote(queue.Result{Outcome: queue.Bounced, Reply: c.reply})
		if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", r)}); err != nil {
			t.Fatal(err)
		}
		if got := parse(t, w.door.texts[0]).fields[1]["Status"]; got != c.want {
			t.Errorf("%s: status %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBoundariesCannotBeGuessed(t *testing.T) {
	w := newWorld(t, func(o *bounce.Options) { o.Random = nil })
	seen := map[string]bool{}
	for range 20 {
		if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range w.door.texts {
		p := parse(t, text)
		_, params, err := p.header.ContentType()
		if err != nil || seen[params["boundary"]] || len(params["boundary"]) > 70 {
			t.Errorf("boundary %q, %v", params["boundary"], err)
		}
		seen[params["boundary"]] = true
	}
	w = newWorld(t, func(o *bounce.Options) { o.Random = strings.NewReader("short") })
	if err := w.Bounce(context.Background(), entry("alice@x"), text(plain), []queue.Report{about("bob@x", gone)}); err == nil {
		t.Error("a notice without randomness was sent")
	}
}

func TestParseClasses(t *testing.T) {
	for value, want := range map[string]bounce.Classes{
		"resource, software": bounce.ClassResource | bounce.ClassSoftware, "": 0,
		"2bounce\tBounce": bounce.ClassBounce | bounce.ClassDoubleBounce, "data,delay,policy,protocol": bounce.ClassData | bounce.ClassDelay | bounce.ClassPolicy | bounce.ClassProtocol,
	} {
		if got, err := bounce.ParseClasses(value); got != want || err != nil {
			t.Errorf("%q: %b, %v", value, got, err)
		}
	}
	if _, err := bounce.ParseClasses("bounce, bounces"); err == nil || !strings.Contains(err.Error(), `"bounces"`) {
		t.Errorf("unknown class: %v", err)
	}
}

func TestNewRefusesToWorkWithoutItsParts(t *testing.T) {
	good := bounce.Options{Hostname: "h", Origin: "o", Submitter: &door{}, Log: maillog.Discard().Service("bounce"), Timeout: time.Second}
	if _, err := bounce.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*bounce.Options){
		"myhostname": func(o *bounce.Options) { o.Hostname = "" }, "myorigin": func(o *bounce.Options) { o.Origin = "" },
		"submitter": func(o *bounce.Options) { o.Submitter = nil }, "log": func(o *bounce.Options) { o.Log = nil },
	} {
		o := good
		spoil(&o)
		if _, err := bounce.New(o); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
