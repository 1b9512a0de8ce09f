package hook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// module is a plugin made of a function.
type module struct {
	name string
	fn   func(p sdk.Point, h sdk.Host) (sdk.Action, error)
}

func (m module) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: m.name, Kind: "test", Hooks: 1<<sdk.NumPoints - 1}
}
func (m module) Call(_ context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	return m.fn(p, h)
}
func (module) Close(context.Context) error { return nil }

func plug(name string, fn func(p sdk.Point, h sdk.Host) (sdk.Action, error)) Plugin {
	return Plugin{Module: module{name, fn}, Allow: map[string]bool{sdk.CapEdit: true}}
}

// verdict is a plugin that always answers v.
func verdict(name string, v sdk.Verdict) Plugin {
	return plug(name, func(_ sdk.Point, h sdk.Host) (sdk.Action, error) { return sdk.Answer(h, v), nil })
}

// text is NewText in memory.
type text struct {
	bytes.Buffer
	aborted bool
}

func (t *text) Content() mail.Content { return mail.Bytes(t.Bytes()) }
func (t *text) Abort()                { t.aborted = true }

// try runs the eom hook over one message and returns what is left of it.
func try(t *testing.T, kind mail.Kind, plugins ...Plugin) (m *Message, msg string, e *status.Error) {
	t.Helper()
	set := NewSet(plugins, Options{})
	origin := mail.Origin{Kind: kind}
	env := &mail.Envelope{ID: "ID1", Sender: "a@b", Recipients: []mail.Recipient{{Address: "r1@x"}, {Address: "r2@x"}}, Origin: origin}
	m = set.Session(&origin).Begin(env)
	head := mail.ParseHeader([]byte("Subject: hello\r\nX-Old: 1\r\n"))
	e = m.EOM(context.Background(), Text{Header: head, Rest: mail.Bytes("\r\nbody\r\n"), BodyOff: 2, Fork: func() NewText { return &text{} }})
	rest := "\r\nbody\r\n"
	if n := m.Replaced(); n != nil {
		b, _ := io.ReadAll(mail.Reader(n.Content()))
		rest = string(b)
	}
	return m, string(m.Header().Bytes()) + rest, e
}

func TestEachPluginSeesTheEditsOfThoseBefore(t *testing.T) {
	first := plug("first", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		tx := sdk.Tx{Host: h}
		tx.SetHeader("Subject", "changed")
		tx.ReplaceBody(strings.NewReader("new\nbody\r\nwith\rcr"))
		tx.AddRcpt("r3@x")
		return sdk.ActContinue, nil
	})
	second := plug("second", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		tx := sdk.Tx{Host: h}
		b, _ := io.ReadAll(tx.Body())
		whole, _ := io.ReadAll(tx.Message())
		tx.AddHeader("X-Saw", tx.Header("subject")+"/"+strings.Join(tx.Recipients(), ",")+"/"+string(b[:3]))
		if !strings.HasSuffix(string(whole), "X-Old: 1\r\n\r\nnew\r\nbody\r\nwith cr\r\n") {
			t.Errorf("message reads %q", whole)
		}
		tx.DelHeader("X-Old")
		return sdk.ActContinue, nil
	})
	_, msg, e := try(t, mail.KindSMTP, first, second)
	want := "Subject: changed\r\nX-Saw: changed/r1@x,r2@x,r3@x/new\r\n\r\nnew\r\nbody\r\nwith cr\r\n"
	if e != nil || msg != want {
		t.Fatalf("%v\n%q, want\n%q", e, msg, want)
	}
}

func TestAFailedHookChangesNothing(t *testing.T) {
	var body *text
	half := plug("half", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		tx := sdk.Tx{Host: h}
		tx.SetHeader("Subject", "half")
		tx.SetSender("evil@x")
		tx.DelRcpt("r1@x")
		h.BodyBegin()
		h.BodyWrite([]byte("half a bo"))
		body = h.(*host).body.(*text)
		return 0, errors.New("died")
	})
	half.OnError = FailContinue
	m, msg, e := try(t, mail.KindSMTP, half)
	if e != nil || msg != "Subject: hello\r\nX-Old: 1\r\n\r\nbody\r\n" || m.env.Sender != "a@b" || len(m.env.Recipients) != 2 {
		t.Fatalf("%v %q %+v", e, msg, m.env)
	}
	if !body.aborted {
		t.Fatal("the half-written body was not given back")
	}
}

func TestFailurePolicies(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy OnError
		kind   mail.Kind
		code   int
	}{
		{"tempfail answers 451", FailTemp, mail.KindSMTP, 451},
		{"reject answers 550", FailReject, mail.KindSMTP, 550},
		{"continue lets the message through", FailContinue, mail.KindSMTP, 0},
		{"a notice is let through whatever the policy", FailReject, mail.KindBounce, 0},
	} {
		for cause, fn := range map[string]func(sdk.Point, sdk.Host) (sdk.Action, error){
			"an error":                     func(sdk.Point, sdk.Host) (sdk.Action, error) { return 0, errors.New("x") },
			"an unknown verdict":           func(sdk.Point, sdk.Host) (sdk.Action, error) { return 77, nil },
			"a negative verdict":           func(sdk.Point, sdk.Host) (sdk.Action, error) { return -1, nil },
			"a verdict of another point":   func(sdk.Point, sdk.Host) (sdk.Action, error) { return sdk.ActFound, nil },
			"a redirect to nobody":         func(sdk.Point, sdk.Host) (sdk.Action, error) { return sdk.ActRedirect, nil },
			"a reply of another class":     func(_ sdk.Point, h sdk.Host) (sdk.Action, error) { h.Reply(250, "", "ok"); return sdk.ActReject, nil },
			"a body begun and never ended": func(_ sdk.Point, h sdk.Host) (sdk.Action, error) { h.BodyBegin(); return sdk.ActContinue, nil },
		} {
			t.Run(c.name+" at "+cause, func(t *testing.T) {
				p := plug("bad", fn)
				p.OnError = c.policy
				_, msg, e := try(t, c.kind, p)
				if got := codeOf(e); got != c.code {
					t.Fatalf("code %d, want %d", got, c.code)
				}
				if c.code == 0 && msg != "Subject: hello\r\nX-Old: 1\r\n\r\nbody\r\n" {
					t.Fatalf("message %q", msg)
				}
			})
		}
	}
}

func codeOf(e *status.Error) int {
	if e == nil {
		return 0
	}
	return e.Reply.Code
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name string
		v    sdk.Verdict
		kind mail.Kind
		code int
		want Decision
	}{
		{"reject with the default reply", sdk.Verdict{Action: sdk.ActReject}, mail.KindSMTP, 550, Decision{}},
		{"reject with its own reply", sdk.Reject("5.7.9", "no"), mail.KindSMTP, 550, Decision{}},
		{"tempfail", sdk.Verdict{Action: sdk.ActTempfail}, mail.KindSMTP, 451, Decision{}},
		{"discard", sdk.Discard, mail.KindSMTP, 0, Decision{Discard: true}},
		{"hold", sdk.Hold("look"), mail.KindSMTP, 0, Decision{Hold: true, Reason: "plugin p: look"}},
		{"quarantine", sdk.Quarantine("virus"), mail.KindSMTP, 0, Decision{Hold: true, Reason: "quarantine plugin p: virus"}},
		{"redirect", sdk.Redirect("q@x"), mail.KindSMTP, 0, Decision{Redirect: "q@x"}},
		{"filter", sdk.Filter("smtp:[1.2.3.4]:10025"), mail.KindSMTP, 0, Decision{Filter: "smtp:[1.2.3.4]:10025"}},
		{"a notice is never rejected", sdk.Reject("5.7.1", "no"), mail.KindBounce, 0, Decision{}},
		{"a notice is never discarded", sdk.Discard, mail.KindBounce, 0, Decision{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _, e := try(t, c.kind, verdict("p", c.v))
			if codeOf(e) != c.code || m.Decision != c.want {
				t.Fatalf("got %v, %+v; want %d, %+v", e, m.Decision, c.code, c.want)
			}
			if e != nil && e.Rule != "plugin p" {
				t.Fatalf("rule %q", e.Rule)
			}
		})
	}
}

func TestAcceptSkipsTheRestOfTheChain(t *testing.T) {
	_, _, e := try(t, mail.KindSMTP, verdict("yes", sdk.Accept), verdict("no", sdk.Reject("5.7.1", "no")))
	if e != nil {
		t.Fatal(e)
	}
}

func TestShadowDecidesAndChangesNothing(t *testing.T) {
	p := plug("shadow", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		sdk.Tx{Host: h}.SetHeader("Subject", "changed")
		return sdk.ActReject, nil
	})
	p.Shadow = true
	_, msg, e := try(t, mail.KindSMTP, p)
	if e != nil || !strings.HasPrefix(msg, "Subject: hello") {
		t.Fatalf("%v %q", e, msg)
	}
}

func TestWithoutTheCapabilityNothingCanBeEdited(t *testing.T) {
	p := plug("p", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		if e := h.HdrAdd("X", "y", 0); e != sdk.ErrDenied {
			t.Errorf("HdrAdd answered %v", e)
		}
		if e := h.RcptAdd("x@y", 0); e != sdk.ErrDenied {
			t.Errorf("RcptAdd answered %v", e)
		}
		return sdk.ActContinue, nil
	})
	p.Allow = nil
	try(t, mail.KindSMTP, p)
}

func TestEditsCannotSmuggle(t *testing.T) {
	p := plug("p", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		h.HdrAdd("X-A", "1\r\nEvil: 2\r\n\r\nbody", 0)
		for _, bad := range []string{"a b", "X\r\nEvil", "", "X:Y"} {
			if e := h.HdrAdd(bad, "v", 0); e != sdk.ErrInvalid {
				t.Errorf("name %q answered %v", bad, e)
			}
		}
		for _, bad := range []string{"", "a@b\r\nRCPT TO:<c@d>", "a b@c", "<a@b>", strings.Repeat("a", 400)} {
			if e := h.RcptAdd(bad, 0); e != sdk.ErrInvalid {
				t.Errorf("recipient %q answered %v", bad, e)
			}
		}
		return sdk.ActContinue, nil
	})
	_, msg, _ := try(t, mail.KindSMTP, p)
	if n, _ := mail.Split([]byte(msg)); mail.ParseHeader([]byte(msg[:n])).Count("Evil") != 0 {
		t.Fatalf("message %q", msg)
	}
}

func TestTheBreakerStopsCallingAndTriesAgain(t *testing.T) {
	now, calls := time.Unix(1e9, 0), 0
	p := plug("bad", func(sdk.Point, sdk.Host) (sdk.Action, error) { calls++; return 0, errors.New("x") })
	set := NewSet([]Plugin{p}, Options{Clock: func() time.Time { return now }})
	origin := mail.Origin{Kind: mail.KindSMTP}
	for range 20 {
		if e := set.Session(&origin).Connect(context.Background()); codeOf(e) != 451 {
			t.Fatalf("got %v", e)
		}
	}
	if calls != BreakerFailures {
		t.Fatalf("called %d times, want %d", calls, BreakerFailures)
	}
	now = now.Add(BreakerPause + time.Second)
	set.Session(&origin).Connect(context.Background())
	if calls != BreakerFailures+1 {
		t.Fatalf("after the pause it was called %d times", calls)
	}
}

func TestStashLivesAsLongAsItsScope(t *testing.T) {
	var got []string
	p := plug("p", func(pt sdk.Point, h sdk.Host) (sdk.Action, error) {
		tx := sdk.Tx{Host: h}
		got = append(got, pt.String()+":"+string(tx.Stashed(sdk.ScopeConnection, "k"))+"/"+string(tx.Stashed(sdk.ScopeMessage, "k")))
		tx.Stash(sdk.ScopeConnection, "k", []byte("c"))
		tx.Stash(sdk.ScopeMessage, "k", []byte("m"))
		if e := h.StashSet(sdk.ScopeMessage, "big", make([]byte, stashLimit)); e != sdk.ErrLimit {
			t.Errorf("a stash over its limit answered %v", e)
		}
		return sdk.ActContinue, nil
	})
	other := plug("other", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		if v := (sdk.Tx{Host: h}).Stashed(sdk.ScopeConnection, "k"); v != nil {
			t.Errorf("a plugin sees another's stash: %q", v)
		}
		return sdk.ActContinue, nil
	})
	origin := mail.Origin{Kind: mail.KindSMTP}
	ss := NewSet([]Plugin{p, other}, Options{}).Session(&origin)
	for range 2 {
		m := ss.Begin(&mail.Envelope{})
		m.Mail(context.Background(), "")
		m.Data(context.Background())
	}
	if want := "mail:/ data:c/m mail:c/ data:c/m"; strings.Join(got, " ") != want {
		t.Fatalf("got %v", got)
	}
}

func TestADecisionIsLogged(t *testing.T) {
	var out bytes.Buffer
	l := maillog.New(maillog.Options{Writer: &out})
	set := NewSet([]Plugin{verdict("nospam", sdk.Reject("5.7.1", "go away\r\nevil"))}, Options{Log: l.Service("smtpd")})
	origin := mail.Origin{Kind: mail.KindSMTP, Helo: "h", Proto: "ESMTP"}
	m := set.Session(&origin).Begin(&mail.Envelope{Sender: "a@b"})
	m.Rcpt(context.Background(), &mail.Recipient{Address: "c@d"})
	l.Flush()
	want := "NOQUEUE: reject: RCPT from unknown[unknown]: 550 5.7.1 go away  evil [nospam]; from=<a@b> to=<c@d> proto=ESMTP helo=<h>\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Fatalf("log %q", out.String())
	}
}

func BenchmarkEOMWithANullPlugin(b *testing.B) {
	set := NewSet([]Plugin{verdict("null", sdk.Continue)}, Options{})
	origin := mail.Origin{Kind: mail.KindSMTP}
	ss := set.Session(&origin)
	env := &mail.Envelope{ID: "x", Recipients: []mail.Recipient{{Address: "a@b"}}}
	head, rest := mail.ParseHeader([]byte("Subject: x\r\n")), mail.Bytes("\r\nbody\r\n")
	b.ReportAllocs()
	for b.Loop() {
		m := ss.Begin(env)
		if e := m.EOM(context.Background(), Text{Header: head, Rest: rest, BodyOff: 2}); e != nil {
			b.Fatal(e)
		}
	}
}
