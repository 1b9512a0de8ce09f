package bounce_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/bounce"
	"github.com/mtad/mtad/queue"
)

const eightBit = "From: alice@example.com\r\nSubject: hello\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"

const utf8Header = "From: j\xc3\xbcrgen@example.com\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nhello\r\n"

var long = "a reply " + strings.Repeat("that goes on and on ", 12) + strings.Repeat("x", 300)

// notices are all the kinds of notice there are.
var notices = []struct {
	name   string
	change func(*queue.Entry)
	text   string
	send   func(ctx context.Context, w *world, e *queue.Entry, text bounce.Text) error
}{
	{"failure", func(e *queue.Entry) { e.EnvID = "QQ314+2B15" }, plain,
		fail(
			about("bob@example.org", failedBy(550, "5.1.1", `unknown user: "bob"`)),
			about("carol@example.net", remote(failedBy(550, "5.7.1", "Rejected by policy\nsee https://example.net/why"))),
			about("dave@example.net", remote(failedBy(550, "5.7.1", "host mx.example.net[192.0.2.1] said: 550 5.7.1 go away (in reply to RCPT TO command)"))),
			queue.Report{Recipient: mail.Recipient{Address: "erin@elsewhere.example", Original: "sales@example.org", ORcpt: "rfc822;Sales+2BEU@example.org"},
				Result: failedBy(451, "4.4.1", "connect to elsewhere.example[192.0.2.9]:25: connection timed out"), At: now},
		)},
	{"failure_header_only", func(e *queue.Entry) { e.Ret = mail.RetHeaders }, plain, fail(about("bob@example.org", failedBy(552, "5.2.2", "the mailbox is full")))},
	{"failure_too_large", nil, plain + strings.Repeat("a line\r\n", 8000), fail(about("bob@example.org", failedBy(552, "", "too much")))},
	{"failure_8bit_body", func(e *queue.Entry) { e.Body = mail.Body8BitMIME }, eightBit, fail(about("bob@example.org", failedBy(550, "5.1.1", "unknown user")))},
	{"failure_8bit_reply", nil, plain, fail(about("bob@example.net", remote(failedBy(550, "5.1.1", "usager inconnu \xc3\xa0 cette adresse \xff"))))},
	{"failure_long_reply", nil, plain, fail(about("bob@example.net", remote(failedBy(550, "5.1.1", long))))},
	{"failure_utf8", func(e *queue.Entry) { e.SMTPUTF8, e.Sender = true, "jürgen@example.com" }, utf8Header,
		fail(
			queue.Report{Recipient: mail.Recipient{Address: "björn@example.org", Original: "björn@example.org", ORcpt: `utf-8;bj\x{F6}rn@example.org`},
				Result: failedBy(550, "5.1.1", `unknown user: "björn"`), At: now},
		)},
	{"failure_utf8_not_needed", func(e *queue.Entry) { e.SMTPUTF8 = true }, plain, fail(about("bob@example.org", failedBy(550, "5.1.1", "unknown user")))},
	{"failure_utf8_alias", nil, plain, fail(
		queue.Report{Recipient: mail.Recipient{Address: "björn@example.org", Original: "bob@example.org"}, Result: failedBy(550, "5.6.7", "non-ASCII address"), At: now})},
	{"delay", nil, plain, func(ctx context.Context, w *world, e *queue.Entry, text bounce.Text) error {
		r := failedBy(451, "4.4.1", "connect to example.net[192.0.2.1]:25: connection refused")
		r.Outcome = queue.Deferred4
		return w.Delay(ctx, e, text, []queue.Report{about("bob@example.net", r)}, now.Add(4*24*time.Hour))
	}},
	{"success", nil, plain, func(ctx context.Context, w *world, e *queue.Entry, text bounce.Text) error {
		ok := queue.Result{Outcome: queue.Sent, Relay: "local", Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "delivered to maildir"}}
		fwd, rel := ok, remote(ok)
		fwd.Outcome, fwd.Reply.Text = queue.Expanded, "forwarded as 5A2"
		rel.Reply.Text = "Ok: queued as 77"
		return w.Success(ctx, e, text, []queue.Report{
			wishing(mail.NotifySuccess, about("bob@example.org", ok)), wishing(mail.NotifySuccess, about("info@example.org", fwd)),
			wishing(mail.NotifySuccess|mail.NotifyFailure, about("carol@example.net", rel)), about("dave@example.net", rel),
		})
	}},
	{"report_of_a_question", func(e *queue.Entry) { e.Trace = mail.TraceVerify }, plain, report},
	{"report_of_a_delivery", func(e *queue.Entry) { e.Trace = mail.TraceRecord }, plain, report},
	{"double_bounce", func(e *queue.Entry) { e.Sender = "" }, plain, fail(wishing(mail.NotifyNever, about("bob@example.org", failedBy(550, "5.1.1", "unknown user"))))},
}

// report is about one recipient of each fate; NOTIFY does not matter to it.
func report(ctx context.Context, w *world, e *queue.Entry, text bounce.Text) error {
	ok := remote(queue.Result{Outcome: queue.Sent, Relay: "mx.example.net[192.0.2.1]:25", Reply: status.Reply{Code: 250, Enhanced: "2.1.5", Text: "Ok"}})
	late := failedBy(451, "4.4.1", "connection refused")
	late.Outcome = queue.Deferred4
	return w.Trace(ctx, e, text, []queue.Report{about("carol@example.net", ok), about("dave@example.net", late),
		wishing(mail.NotifyNever, about("bob@example.org", failedBy(550, "5.1.1", "unknown user")))})
}

func fail(rs ...queue.Report) func(context.Context, *world, *queue.Entry, bounce.Text) error {
	return func(ctx context.Context, w *world, e *queue.Entry, text bounce.Text) error {
		return w.Bounce(ctx, e, text, rs)
	}
}

func TestNoticesReadAsTheGoldenFilesSay(t *testing.T) {
	for _, c := range notices {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *bounce.Options) { o.Classes = bounce.ClassDoubleBounce })
			e := entry("alice@example.com")
			if c.change != nil {
				c.change(e)
			}
			if err := c.send(context.Background(), w, e, text(c.text)); err != nil {
				t.Fatal(err)
			}
			if len(w.door.texts) != 1 {
				t.Fatalf("%d notices", len(w.door.texts))
			}
			golden(t, c.name, w.door.texts[0])
			checkForm(t, e, w.door.envs[0], w.door.texts[0], c.text)
		})
	}
}

// checkForm checks what is true of every notice.
func checkForm(t *testing.T, e *queue.Entry, env mail.Envelope, notice, original string) {
	t.Helper()
	p := parse(t, notice)
	if _, params, err := p.header.ContentType(); err != nil || !strings.HasPrefix(strings.TrimPrefix(params["report-type"], "global-"), "delivery-status") {
		t.Errorf("report-type %q, %v", params["report-type"], err)
	}
	if p.header.Get("To") != env.Recipients[0].Address || !strings.Contains(p.header.Get("From"), "<MAILER-DAEMON@example.org>") {
		t.Errorf("From %q To %q", p.header.Get("From"), p.header.Get("To"))
	}
	if !strings.HasPrefix(p.header.Get("Auto-Submitted"), "auto-") || p.header.Get("Date") == "" || p.header.Get("Subject") == "" {
		t.Errorf("header %v", p.header)
	}
	if f := p.fields[0]; f["Reporting-MTA"] != "dns; mx.example.org" || f["X-mtad-Queue-ID"] != e.ID || f["Arrival-Date"] == "" {
		t.Errorf("fields of the message: %q", f)
	}
	for _, f := range p.fields[1:] {
		if f["Final-Recipient"] == "" || f["Action"] == "" || len(f["Status"]) < 5 {
			t.Errorf("fields of a recipient: %q", f)
		}
	}
	back, ok := strings.CutPrefix(p.parts[2], "Return-Path: <"+e.Sender+">\r\n")
	if !ok {
		t.Errorf("no return path: %q", back)
	}
	if !strings.HasPrefix(original, back) || !strings.HasSuffix(p.types[2], "headers") && back != original {
		t.Errorf("returned %q", back)
	}
	checkBytes(t, p, env, notice)
	for line := range strings.Lines(notice) {
		if len(line) > 1000 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// checkBytes checks that 8-bit bytes stand only where they are announced.
func checkBytes(t *testing.T, p *parsed, env mail.Envelope, notice string) {
	t.Helper()
	for i, part := range p.parts {
		if announced := p.heads[i].Get("Content-Transfer-Encoding") == "8bit"; announced != !addr.IsASCII(part) {
			t.Errorf("part %d: 8bit announced %v", i, announced)
		}
	}
	want := mail.Body7Bit
	if !addr.IsASCII(notice) {
		want = mail.Body8BitMIME
	}
	if env.Body != want || (p.header.Get("Content-Transfer-Encoding") == "8bit") != (want == mail.Body8BitMIME) {
		t.Errorf("envelope says body %v", env.Body)
	}
	if env.SMTPUTF8 == addr.IsASCII(env.Recipients[0].Address) {
		t.Errorf("SMTPUTF8 %v for %s", env.SMTPUTF8, env.Recipients[0].Address)
	}
}
