package cleanup

import (
	"context"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// every is a plugin with each hook that a message meets at the door. It writes down where it was
// asked and answers v at one point.
type every struct {
	saw *[]string
	at  sdk.Point
	v   sdk.Verdict
}

func (every) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "every", Kind: "test", Hooks: 1<<sdk.NumPoints - 1}
}
func (p every) Call(_ context.Context, pt sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	*p.saw = append(*p.saw, strings.TrimSpace(pt.String()+" "+tx.OriginKind()+" "+tx.Property("origin.uid")+" "+tx.Rcpt()))
	if pt != p.at {
		return sdk.ActContinue, nil
	}
	return sdk.Answer(h, p.v), nil
}
func (every) Close(context.Context) error { return nil }

func submit(t *testing.T, kind mail.Kind, p hook.Plugin) (*world, error) {
	t.Helper()
	set := hook.NewSet([]hook.Plugin{p}, hook.Options{})
	w := newWorld(t, func(o *Options) { o.Hooks = set })
	env := envelope(kind)
	env.Recipients = append(env.Recipients, mail.Recipient{Address: "second@d.example", Original: "second@d.example"})
	env.Origin.Client, env.Origin.ClientName = mail.Origin{}.Client, ""
	_, err := w.Submit(context.Background(), env, strings.NewReader("Subject: x\n\nbody\n"))
	return w, err
}

func TestMailOfEveryOriginPassesTheHooksFromMailOn(t *testing.T) {
	for _, c := range []struct {
		kind mail.Kind
		want string
	}{
		{mail.KindSendmail, "mail sendmail 1000, rcpt sendmail 1000 c@d.example, rcpt sendmail 1000 second@d.example, data sendmail 1000, headers sendmail 1000, body sendmail 1000, eom sendmail 1000"},
		{mail.KindBounce, "mail bounce, rcpt bounce  c@d.example, rcpt bounce  second@d.example, data bounce, headers bounce, body bounce, eom bounce"},
		{mail.KindForward, "mail forward, rcpt forward  c@d.example, rcpt forward  second@d.example, data forward, headers forward, body forward, eom forward"},
	} {
		var saw []string
		w, err := submit(t, c.kind, hook.Plugin{Module: every{saw: &saw}})
		if got := strings.Join(saw, ", "); err != nil || got != c.want || len(w.queued) != 1 || len(w.queued[0].Recipients) != 2 {
			t.Errorf("%s: %v, %d queued, the plugin saw\n%s\nwant\n%s", c.kind, err, len(w.queued), got, c.want)
		}
	}
}

func TestARefusalAtAnyHookRefusesASubmissionButNeverANotice(t *testing.T) {
	for _, at := range []sdk.Point{sdk.PointMail, sdk.PointRcpt, sdk.PointData, sdk.PointHeaders, sdk.PointBody, sdk.PointEOM} {
		var saw []string
		p := hook.Plugin{Module: every{saw: &saw, at: at, v: sdk.Reject("5.7.1", "not here")}}
		w, err := submit(t, mail.KindSendmail, p)
		if err == nil || !strings.Contains(err.Error(), "550 5.7.1 not here") || len(w.queued) != 0 {
			t.Errorf("at %s: %v, %d queued", at, err, len(w.queued))
		}
		if w, err = submit(t, mail.KindBounce, p); err != nil || len(w.queued) != 1 {
			t.Errorf("a notice at %s: %v, %d queued", at, err, len(w.queued))
		}
	}
}

func TestQuarantineHoldsUnderItsNameAndANoticeToo(t *testing.T) {
	for _, kind := range []mail.Kind{mail.KindSendmail, mail.KindBounce} {
		var saw []string
		w, err := submit(t, kind, hook.Plugin{Module: every{saw: &saw, at: sdk.PointEOM, v: sdk.Quarantine("virus")}})
		if err != nil || w.store.Counts()[queue.Hold] != 1 || len(w.queued) != 0 {
			t.Errorf("%s: %v, %d on hold, %d queued", kind, err, w.store.Counts()[queue.Hold], len(w.queued))
		}
	}
}

// access(5): REDIRECT overrides FILTER; FILTER overrides content_filter.
func TestRedirectOverridesFilters(t *testing.T) {
	for _, c := range []struct {
		name         string
		verdict      sdk.Verdict
		filter, rcpt string
	}{
		{"redirect", sdk.Redirect("one@x.example"), "", "one@x.example"},
		{"filter", sdk.Filter("smtp:[192.0.2.9]:10025"), "smtp:[192.0.2.9]:10025", "c@d.example"},
	} {
		var saw []string
		w := newWorld(t, nil)
		env := envelope(mail.KindSMTP)
		env.Filter = "smtp:[192.0.2.8]:10024" // content_filter
		set := hook.NewSet([]hook.Plugin{{Module: every{saw: &saw, at: sdk.PointEOM, v: c.verdict}}}, hook.Options{})
		if _, _, err := w.pass(t, env, set.Session(&env.Origin).Begin(env), "Subject: x\r\n\r\nbody\r\n", 100); err != nil {
			t.Fatal(err)
		}
		if e := w.queued[0]; e.Filter != c.filter || len(e.Recipients) != 1 || e.Recipients[0].Address != c.rcpt {
			t.Errorf("%s: filter %q, recipients %+v", c.name, e.Filter, e.Recipients)
		}
	}
}

// editor edits all that it may, at every hook, and decides.
type editor struct{ v sdk.Verdict }

func (editor) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "editor", Kind: "test", Hooks: 1<<sdk.NumPoints - 1}
}
func (p editor) Call(_ context.Context, pt sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	tx.PrependHeader("X-Edited", pt.String())
	tx.SetHeader("Subject", "edited")
	tx.SetSender("edited@x.example")
	tx.AddRcpt("added@x.example")
	tx.ReplaceBody(strings.NewReader("edited\n"))
	h.Set("rewrite.result", "rewritten@x.example")
	if pt == sdk.PointRewrite {
		return sdk.ActFound, nil
	}
	if !p.v.Action.AllowedAt(pt) {
		return sdk.ActContinue, nil
	}
	return sdk.Answer(h, p.v), nil
}
func (editor) Close(context.Context) error { return nil }

func TestAShadowPluginLeavesEveryByteAsItWas(t *testing.T) {
	text := "From: f@b.example\r\nSubject: x\r\n\r\n" + strings.Repeat("a line of the body\r\n", 10_000)
	pass := func(hooks *hook.Set) string {
		w := newWorld(t, func(o *Options) { o.Rewriter = rewrite.New(rewrite.Options{Origin: "example"}) })
		env := envelope(mail.KindSMTP)
		env.Origin.Local = true // header addresses are rewritten
		var m *hook.Message
		if hooks != nil {
			m = hooks.Session(&env.Origin).Begin(env)
			if e := m.Mail(context.Background(), ""); e != nil {
				t.Fatal(e)
			}
		}
		got, r, err := w.pass(t, env, m, text, 4096)
		if err != nil || r.Held || r.Discarded {
			t.Fatalf("%v %+v", err, r)
		}
		e := w.queued[0]
		return strings.ReplaceAll(got, r.ID, "ID") + e.Sender + e.Filter + e.Recipients[0].Address
	}
	want := pass(nil)
	for _, v := range []sdk.Verdict{sdk.Continue, sdk.Reject("5.7.1", "no"), sdk.Tempfail("4.7.1", "later"), sdk.Discard, sdk.Hold("x"),
		sdk.Quarantine("x"), sdk.Redirect("r@x.example"), sdk.Filter("smtp:x")} {
		p := hook.Plugin{Module: editor{v}, Allow: map[string]bool{sdk.CapEdit: true}, Shadow: true}
		if got := pass(hook.NewSet([]hook.Plugin{p}, hook.Options{})); got != want {
			t.Errorf("with a shadow plugin that answers %s the message is\n%.300q\nwithout\n%.300q", v.Action, got, want)
		}
	}
}
