package cleanup

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// value is a module made of a plugin value.
type value struct{ p sdk.Plugin }

func (v value) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "v", Kind: "test", Hooks: sdk.HooksOf(v.p)}
}
func (v value) Call(_ context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	return sdk.Answer(h, sdk.Dispatch(v.p, p, sdk.Tx{Host: h})), nil
}
func (value) Close(context.Context) error { return nil }

// reader reads the body as it arrives and keeps what it saw.
type reader struct {
	t    *testing.T
	body *strings.Builder
	stop int // bytes after which it refuses
}

func (r reader) Body(tx sdk.Tx) sdk.Verdict {
	b, err := io.ReadAll(tx.Chunk())
	if err != nil || len(b) == 0 || len(b) > hook.ChunkSize {
		r.t.Errorf("a chunk of %d bytes, %v", len(b), err)
	}
	if r.body.Write(b); r.body.Len() > r.stop {
		return sdk.Reject("5.6.0", "enough")
	}
	return sdk.Continue
}

func (r reader) EOM(tx sdk.Tx) sdk.Verdict {
	if whole, _ := io.ReadAll(tx.Body()); string(whole) != r.body.String() {
		r.t.Errorf("the chunks have %d bytes, the body %d", r.body.Len(), len(whole))
	}
	return sdk.Continue
}

func begin(p sdk.Plugin, env *mail.Envelope) *hook.Message {
	return hook.NewSet([]hook.Plugin{{Module: value{p}}}, hook.Options{}).Session(&env.Origin).Begin(env)
}

func TestTheBodyHookReadsAlong(t *testing.T) {
	line := strings.Repeat("x", 76) + "\r\n"
	for _, size := range []int{0, 1, 100, 1000, 10_000} { // lines: 0 to 780 KB, in memory and in a file
		for _, block := range []int{777, 32 << 10, 1 << 20} {
			w := newWorld(t, nil)
			env := envelope(mail.KindSMTP)
			body := strings.Repeat(line, size)
			r := reader{t, &strings.Builder{}, 1 << 30}
			if _, _, err := w.pass(t, env, begin(r, env), "Subject: x\r\n\r\n"+body, block); err != nil {
				t.Fatal(err)
			}
			if r.body.String() != body {
				t.Errorf("%d lines in blocks of %d: %d bytes were seen, %d sent", size, block, r.body.Len(), len(body))
			}
		}
	}
}

func TestTheBodyHookRefusesBeforeTheEnd(t *testing.T) {
	w := newWorld(t, nil)
	env := envelope(mail.KindSMTP)
	r := reader{t, &strings.Builder{}, 100_000}
	_, _, err := w.pass(t, env, begin(r, env), "Subject: x\r\n\r\n"+strings.Repeat("0123456789\r\n", 60_000), 4096)
	if err == nil || !strings.HasPrefix(err.Error(), "550 5.6.0 enough") || r.body.Len() != 2*hook.ChunkSize || len(w.queued) != 0 {
		t.Fatalf("%v after %d bytes", err, r.body.Len())
	}
}

// marker writes into each address of which class it is.
type marker struct{}

func (marker) Rewrite(tx sdk.Tx) sdk.Verdict {
	if strings.HasPrefix(tx.RewriteAddr(), "stop") {
		return sdk.Tempfail("4.3.0", "not now")
	}
	return sdk.FoundAddr(strings.ReplaceAll(tx.RewriteClass(), "_", "-") + "." + tx.RewriteAddr())
}

func TestTheRewriteHookSeesEveryAddress(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rewriter = rewrite.New(rewrite.Options{Origin: "example"}) })
	env := envelope(mail.KindSendmail)
	text, _, err := w.pass(t, env, begin(marker{}, env), "From: Someone <f@b.example>\r\nTo: t@d.example, \"U, V\" <u>\r\n\r\n", 100)
	if err != nil {
		t.Fatal(err)
	}
	e := w.queued[0]
	if e.Sender != "envelope-sender.a@b.example" || e.Recipients[0].Address != "envelope-recipient.c@d.example" {
		t.Errorf("envelope %s %+v", e.Sender, e.Recipients)
	}
	for _, want := range []string{"From: Someone <header-sender.f@b.example>\r\n", "To: header-recipient.t@d.example, \"U, V\" <header-recipient.u@example>\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	env = envelope(mail.KindSMTP)
	env.Recipients[0].Address = "stop@d.example"
	if _, _, err = w.pass(t, env, begin(marker{}, env), "From: f@b.example\r\n\r\n", 100); err == nil || !strings.HasPrefix(err.Error(), "451 4.3.0 not now") {
		t.Errorf("a tempfail gives %v", err)
	}
}

// holder holds everything.
type holder struct{}

func (holder) EOM(sdk.Tx) sdk.Verdict { return sdk.Hold("look") }

func TestTheDoorTellsWhatItQueued(t *testing.T) {
	var told []string
	w := newWorld(t, func(o *Options) {
		o.OnEvent = func(ev queue.Event) { told = append(told, ev.Kind+" "+ev.Entry.Sender) }
	})
	env := envelope(mail.KindSMTP)
	w.pass(t, env, nil, "Subject: x\r\n\r\n", 100)
	env = envelope(mail.KindSMTP)
	w.pass(t, env, begin(holder{}, env), "Subject: x\r\n\r\n", 100)
	if got := strings.Join(told, ", "); got != "queued a@b.example, queued a@b.example, held a@b.example" {
		t.Fatal(got)
	}
}

// twice keeps what the header is at headers and at eom.
type twice struct{ headers, eom *string }

func (p twice) Headers(tx sdk.Tx) sdk.Verdict { *p.headers = fields(tx); return sdk.Continue }
func (p twice) EOM(tx sdk.Tx) sdk.Verdict     { *p.eom = fields(tx); return sdk.Continue }

func fields(tx sdk.Tx) string {
	var b strings.Builder
	for i := range tx.Host.HdrCount() {
		raw, _ := tx.Host.HdrGet(i, sdk.PartRaw)
		b.Write(raw)
		b.WriteByte('\n')
	}
	return b.String()
}

// What signs at eom must sign what leaves: rewritten addresses, added fields, without Bcc.
func TestPluginsSeeTheHeaderAsItCameAndThenAsItLeaves(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Rewriter = rewrite.New(rewrite.Options{Origin: "example"}) })
	env := envelope(mail.KindSendmail)
	env.Sender = "root"
	var headers, eom string
	text, r, err := w.pass(t, env, begin(twice{&headers, &eom}, env), "To: someone\r\nBcc: x\r\n\r\nbody\r\n", 100)
	if err != nil {
		t.Fatal(err)
	}
	if want := "To: someone\nBcc: x\n"; headers != want {
		t.Errorf("at headers %q, want %q", headers, want)
	}
	want := "To: someone@example\nMessage-Id: <20261122120000." + r.ID + "@mx.example>\nDate: Sun, 22 Nov 2026 12:00:00 +0000 (UTC)\nFrom: root@example\n"
	if eom != want {
		t.Errorf("at eom %q, want %q", eom, want)
	}
	if leaves := strings.ReplaceAll(text, "\r\n", "\n"); !strings.HasSuffix(leaves, "\n"+want+"\nbody\n") {
		t.Errorf("what leaves is %q", leaves)
	}
}
