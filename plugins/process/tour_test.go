package process_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/pipeline/hook/rehearse"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

// tour calls everything at every hook and logs what it is told.
type tour struct{}

var everyProperty = strings.Fields(`client.addr client.port client.name client.reverse tls.version helo auth.user origin.kind
	mail.from mail.params queue.id rcpt.addr rcpt.params rewrite.class rewrite.addr route.transport route.nexthop lookup.key
	event.kind event.reply event.rcpt body.offset body.length scan.match mime.count point plugin.name nonsense`)

func (tour) Init(tx sdk.Tx) error {
	tx.Log(sdk.LevelInfo, "init "+tx.Config("colour", "none"))
	return nil
}

func (tour) see(tx sdk.Tx) {
	h := tx.Host
	say := func(what string, v ...any) {
		h.Log(sdk.LevelInfo, strings.ToValidUTF8(what+" "+fmt.Sprintf("%q", v), "?"))
	}
	for _, p := range everyProperty {
		v, e := h.Get(p)
		say("get", p, v, e)
	}
	say("hdr", h.HdrCount(), h.HdrFind("subject", 0), h.HdrFind("received", 1), h.HdrFind("", 0))
	for i := -1; i < h.HdrCount()+1; i++ {
		for part := range sdk.Part(4) {
			v, e := h.HdrGet(i, part)
			say("hdr_get", i, part, string(v[:min(len(v), 300)]), len(v), e)
		}
	}
	say("rcpt", h.RcptCount())
	for i := -1; i < h.RcptCount()+1; i++ {
		for part := range sdk.RcptPart(4) {
			v, e := h.RcptGet(i, part)
			say("rcpt_get", i, part, v, e)
		}
	}
	say("body", h.BodySize())
	for _, at := range []struct {
		off int64
		n   int
	}{{-1, 5}, {0, 0}, {0, 5}, {3, 70_000}, {100_000, 200_000}, {1 << 40, 9}} {
		b := make([]byte, at.n)
		n, e := h.BodyRead(at.off, b)
		say("body_read", at.off, n, string(b[:min(n, 20)]), e)
		n, e = h.MsgRead(at.off, b)
		say("msg_read", at.off, n, string(b[:min(n, 20)]), e)
		n, e = h.MIMERead(1, at.off, b)
		say("mime_read", at.off, n, string(b[:min(n, 20)]), e)
	}
	say("config", tx.Config("colour", "none"), tx.Config("none", "none"))
	for _, f := range []string{"abi1", "stash", "counter", "edit", "kv", "dns", "nonsense"} {
		say("feature", f, h.Feature(f))
	}
	say("counter", h.Counter("seen", 1), h.Counter("bad name", 1), h.Counter("seen", -1))
	say("now", h.Now(0)/1e12)
	tour{}.serve(h, say)
}

// serve calls what needs a capability, and the stash.
func (tour) serve(h sdk.Host, say func(string, ...any)) {
	for _, s := range []sdk.Scope{0, 1, 2} {
		v, e := h.StashGet(s, "k")
		say("stash", string(v), e, h.StashSet(s, "k", []byte{0xff, byte(s)}), h.StashSet(s, "big", make([]byte, 80<<10)))
	}
	v, e := h.MapGet("access", "a@example.com")
	say("map", v, e)
	v, e = h.MapGet("access", "down@example.com")
	say("map", v, e)
	b, e := h.KVGet("n")
	n, e2 := h.KVIncr("n", 2, 60)
	say("kv", string(b), e, n, e2, h.KVSet("text", []byte("x\x00y"), 0), h.KVDel("none"), h.KVSet("", nil, 0))
	v, e = h.DNS(sdk.DNSTXT, "example.com")
	say("dns", v, e)
	v, e = h.DNS(sdk.DNSMX, "none.example.com")
	say("dns", v, e)
	m, e := h.Words("words", sdk.TextMessage, 0)
	say("words", m, e)
	m, e = h.Regexp("l[aeiou]t", sdk.TextBody, 3)
	say("regexp", m, e)
	_, e = h.Regexp("(", sdk.TextBody, 0)
	say("regexp", e)
	v, e = h.Hash(sdk.SHA256, sdk.TextMessage)
	say("hash", v, e)
	for i := range 3 {
		for what := range sdk.MIMEInfo(6) {
			v, e = h.MIMEPart(i, what)
			say("mime", i, what, v, e)
		}
	}
}

// edit changes everything there is, and looks at it again.
func (t tour) edit(tx sdk.Tx) {
	h := tx.Host
	errs := []sdk.Errno{h.HdrAdd("X-Tour", "begun\r\nEvil: x", 0), h.HdrAdd("bad name", "x", -1), h.HdrAdd("X-Big", strings.Repeat("b", 70<<10), -1),
		h.HdrAdd("X-Huge", strings.Repeat("b", 400<<10), -1), h.HdrSet(1, "new value"), h.HdrSet(99, "x"), h.HdrDel(2), h.HdrDel(-1),
		h.EnvFrom("new@example.net"), h.EnvFrom("bad <"), h.RcptAdd("third@example.com", 0), h.RcptAdd("x@example.com", 1), h.RcptDel(0), h.RcptDel(77)}
	tx.Log(sdk.LevelWarn, fmt.Sprint(errs))
	t.see(tx)
	errs = []sdk.Errno{h.BodyWrite([]byte("early")), h.BodyBegin(), h.BodyWrite([]byte("new\nbody ")), h.BodyWrite(bytes.Repeat([]byte("0123456789abcde\n"), 20_000)), h.BodyEnd()}
	tx.Log(sdk.LevelWarn, fmt.Sprint(errs))
	t.see(tx)
}

func (t tour) all(tx sdk.Tx) sdk.Verdict { t.see(tx); return sdk.Continue }

func (t tour) Connect(tx sdk.Tx) sdk.Verdict { return t.all(tx) }
func (t tour) Helo(tx sdk.Tx) sdk.Verdict    { t.see(tx); return sdk.Tempfail("4.7.9", "not now") }
func (t tour) Auth(tx sdk.Tx) sdk.Verdict    { return t.all(tx) }
func (t tour) Mail(tx sdk.Tx) sdk.Verdict    { t.see(tx); return sdk.Hold("because of " + tx.Sender()) }
func (t tour) Rcpt(tx sdk.Tx) sdk.Verdict    { t.see(tx); return sdk.Reject("5.1.1", "no "+tx.Rcpt()) }
func (t tour) Data(tx sdk.Tx) sdk.Verdict    { t.see(tx); return sdk.Verdict{Action: 42} }
func (t tour) Headers(tx sdk.Tx) sdk.Verdict { t.edit(tx); return sdk.Filter("smtp:[next]") }
func (t tour) Body(tx sdk.Tx) sdk.Verdict {
	b, err := io.ReadAll(tx.Chunk())
	tx.Log(sdk.LevelInfo, fmt.Sprint(len(b), err, bytes.Count(b, []byte("l"))))
	return t.all(tx)
}
func (t tour) EOM(tx sdk.Tx) sdk.Verdict {
	t.see(tx)
	t.edit(tx)
	b, err := io.ReadAll(tx.Body())
	tx.Log(sdk.LevelInfo, fmt.Sprint(len(b), err))
	return sdk.Quarantine("tour")
}
func (t tour) Abort(tx sdk.Tx) { t.see(tx) }
func (t tour) Rewrite(tx sdk.Tx) sdk.Verdict {
	t.see(tx)
	return sdk.FoundAddr("r-" + tx.RewriteAddr())
}
func (t tour) Route(tx sdk.Tx) sdk.Verdict  { t.see(tx); return sdk.FoundRoute("smtp", "[next]:25") }
func (t tour) Lookup(tx sdk.Tx) sdk.Verdict { t.see(tx); return sdk.FoundValue("v " + tx.LookupKey()) }
func (t tour) Event(tx sdk.Tx)              { t.see(tx) }
func (t tour) Deliver(tx sdk.Tx) sdk.Verdict {
	t.see(tx)
	tx.Host.Set("deliver.relay", "here")
	tx.Log(sdk.LevelInfo, fmt.Sprint(tx.Sent(0, "kept"), tx.Bounced(1, "5.1.1", "nobody"), tx.Sent(9, "x"), tx.Bounced(0, "4.1.1", "misfit")))
	return sdk.Tempfail("4.2.1", "the rest later")
}

const journey = `
config colour = green
config words = "latin\nwords"
%s
map access a@example.com = REJECT
map access down@example.com unavailable
dns TXT example.com = "v=spf1\n-all"
connect 192.0.2.1 client.name=mail.example.net
helo mail.example.net
auth alice PLAIN
mail sender@example.net BODY=8BITMIME
rcpt alice@example.com NOTIFY=NEVER
rcpt bob@example.com
data
message
| Received: by one
| received: by
|  two
| Subject: hello
| X-Odd: caf%s
| Content-Type: multipart/mixed; boundary=b
|
| --b
| Content-Type: text/plain
|
| let us have some latin words
* 9000 "a line of text that goes on\r\n"
| --b
| Content-Type: application/x-thing; name="a.bin"
| Content-Transfer-Encoding: base64
|
| aGVsbG8=
| --b--
headers
body
eom
abort
rewrite envelope_recipient x+y@example.com
route bob@example.com smtp:[old]
deliver tour:there
lookup key
event queued
event sent bob@example.com event.reply="250 2.0.0 ok"
connect
mail sender@example.net
rcpt alice@example.com
message
| X-Large: %s
|
headers
eom
`

// The same value, linked in and served as a process, is told the same by every function at every
// hook, and what comes of its verdicts and edits is the same: at the first call, when everything is
// asked for, and later, when it is sent along.
func TestAProcessIsToldAndAnswersTheSameAsABuiltIn(t *testing.T) {
	for _, allow := range []string{"allow edit kv map dns scan deliver", "allow edit", ""} {
		t.Run("with "+allow, func(t *testing.T) {
			text := fmt.Sprintf(journey, allow, "\xe9\xff", strings.Repeat("x", 150<<10))
			sc, err := sdktest.Parse(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			steps := sc.Steps
			sc.Steps = slices.Concat(steps, steps) // the second round has learned from the first
			for i := range sc.Steps {
				sc.Steps[i].Observe = true
			}
			builtin := outcomes(t, sdktest.Linked(func() sdk.Plugin { return tour{} }), sc)
			served := outcomes(t, subject(t, "tour"), sc)
			for i := range min(len(builtin), len(served)) {
				if builtin[i] != served[i] {
					t.Fatalf("outcome %d: built in\n%s\nas a process\n%s", i, difference(builtin[i], served[i]), difference(served[i], builtin[i]))
				}
			}
			if len(builtin) != len(served) || len(builtin) < 40 {
				t.Errorf("%d outcomes built in, %d as a process", len(builtin), len(served))
			}
		})
	}
}

func outcomes(t *testing.T, s sdktest.Subject, sc sdktest.Script) (all []string) {
	t.Helper()
	r := sdktest.Play(context.Background(), s, sc, rehearse.Options())
	for _, one := range r.Results {
		if one.Outcome != nil {
			all = append(all, one.Step.Verb+"\n"+strings.Join(one.Outcome.Lines(), "\n"))
		}
	}
	return all
}

// difference is the first line of a that is not b's.
func difference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i, line := range as {
		if i >= len(bs) || bs[i] != line {
			return fmt.Sprintf("%s, line %d: %.400s", as[0], i, line)
		}
	}
	return as[0] + ": nothing more"
}

func TestTheFootprintOfAProcessIsKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known on Linux only")
	}
	m := load(t, plugin(t, "tour"))
	if memory, _ := m.Footprint(); memory < 1<<20 || memory > 1<<30 {
		t.Errorf("the process has %d bytes", memory)
	}
	shut(t, m)
	if memory, processor := m.Footprint(); memory != 0 || processor != 0 {
		t.Errorf("no process has %d bytes and used %v", memory, processor)
	}
}
