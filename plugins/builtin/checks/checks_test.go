package checks_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin/checks"
	"github.com/mtad/mtad/plugins/sdk"
)

// outcome is what became of a message.
type outcome struct {
	refused *status.Error
	text    string
	env     mail.Envelope
	hook.Decision
	log []string
}

type draft struct{ b []byte }

func (d *draft) Write(p []byte) (int, error) { d.b = append(d.b, p...); return len(p), nil }
func (d *draft) Content() mail.Content       { return mail.Bytes(d.b) }
func (d *draft) Abort()                      { d.b = nil }

// world is tables and the chain that asks them.
type world struct {
	set *hook.Set
	log []string
}

// newWorld writes tables (parameter → lines of a pcre table) and opens them.
func newWorld(t testing.TB, tables map[string]string) *world {
	t.Helper()
	w, dir, config := &world{}, t.TempDir(), map[string]string{}
	for name, lines := range tables {
		if strings.HasSuffix(name, "_limit") {
			config[name] = lines
			continue
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(lines+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		config[name] = "pcre:" + file
	}
	m, err := checks.New("checks", config, func(line string) { w.log = append(w.log, line) })
	if err != nil {
		t.Fatal(err)
	}
	w.set = hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true}}}, hook.Options{})
	return w
}

func (w *world) pass(kind mail.Kind, message string) outcome {
	env := mail.Envelope{ID: "ID1", Sender: "a@b.example", Recipients: []mail.Recipient{{Address: "c@d.example"}},
		Origin: mail.Origin{Kind: kind, ClientName: "client.example", Client: netip.MustParseAddrPort("192.0.2.1:25"), Helo: "h.example", Proto: "ESMTP"}}
	m := w.set.Session(&env.Origin).Begin(&env)
	n, _ := mail.SplitFrom([]byte(message), 0)
	rest := mail.Bytes(message[n:])
	o := outcome{}
	if o.refused = m.Headers(context.Background(), mail.ParseHeader([]byte(message[:n]))); o.refused == nil {
		o.refused = m.EOM(context.Background(), hook.Text{Header: m.Header(), Rest: rest, BodyOff: 2,
			Fork: func() hook.NewText { return &draft{} }})
	}
	o.Decision, o.env, o.log = m.Decision, env, w.log
	if r := m.Replaced(); r != nil {
		b, _ := io.ReadAll(mail.Reader(r.Content()))
		rest = b
	}
	o.text = string(m.Header().Bytes()) + string(rest)
	return o
}

const message = "Subject: buy\r\n now\r\nContent-Type: text/plain\r\nX-A: 1\r\n\r\nline one\r\nbad words\r\nline three\r\n"

func TestActions(t *testing.T) {
	tail := " from client.example[192.0.2.1]; from=<a@b.example> to=<c@d.example> proto=ESMTP helo=<h.example>"
	for _, c := range []struct {
		name, table, rule, log string
		check                  func(o outcome) bool
	}{
		{"REJECT", "header_checks", "/^Subject: buy/ REJECT", "reject: header Subject: buy\n now" + tail + ": 5.7.1 message content rejected",
			func(o outcome) bool { return o.refused.Reply.String() == "550 5.7.1 message content rejected" }},
		{"REJECT with an enhanced code", "body_checks", "/^bad/ REJECT 5.7.9 no spam", "reject: body bad words" + tail + ": 5.7.9 no spam",
			func(o outcome) bool { return o.refused.Reply.String() == "550 5.7.9 no spam" }},
		{"a reply code is text", "header_checks", "/^X-A/ REJECT 421 later", "reject: header X-A: 1" + tail + ": 5.7.1 421 later",
			func(o outcome) bool { return o.refused.Reply.String() == "550 5.7.1 421 later" }},
		{"REJECT for now by an enhanced code", "header_checks", "/^X-A/ reject 4.2.0 later", "reject: header X-A: 1" + tail + ": 4.2.0 later",
			func(o outcome) bool { return o.refused.Reply.String() == "451 4.2.0 later" }},
		{"a folded field is one text", "header_checks", "/^Subject: buy..now$/ INFO folded", "info: header Subject: buy\n now" + tail + ": folded",
			func(o outcome) bool { return o.text == message }},
		{"DISCARD", "body_checks", "/bad/ DISCARD gone", "discard: body bad words" + tail + ": gone", func(o outcome) bool { return o.Discard }},
		{"HOLD", "header_checks", "/X-A/ HOLD look", "hold: header X-A: 1" + tail + ": look", func(o outcome) bool { return o.Hold && o.Reason != "" }},
		{"FILTER", "header_checks", "/X-A/ FILTER scan:[127.0.0.1]:10025", "filter: header X-A: 1" + tail + ": scan:[127.0.0.1]:10025",
			func(o outcome) bool { return o.Filter == "scan:[127.0.0.1]:10025" }},
		{"REDIRECT", "body_checks", "/bad/ REDIRECT other@x.example", "redirect: body bad words" + tail + ": other@x.example",
			func(o outcome) bool {
				return o.Redirect == "other@x.example" && len(o.env.Recipients) == 1
			}},
		{"BCC", "header_checks", "/X-A/ BCC copy@x.example", "bcc: header X-A: 1" + tail + ": copy@x.example",
			func(o outcome) bool {
				return len(o.env.Recipients) == 2 && o.env.Recipients[1].Address == "copy@x.example"
			}},
		{"HOLD and FILTER", "body_checks", "/one/ HOLD look\n/bad/ FILTER scan:[127.0.0.1]:10025",
			"hold: body line one" + tail + ": look|ID1: filter: body bad words" + tail + ": scan:[127.0.0.1]:10025",
			func(o outcome) bool { return o.Hold && o.Filter == "scan:[127.0.0.1]:10025" }},
		{"FILTER and REDIRECT that ends it", "body_checks", "/one/ FILTER a:b\n/bad/ REDIRECT c@d\n/three/ DISCARD",
			"filter: body line one" + tail + ": a:b|ID1: redirect: body bad words" + tail + ": c@d",
			func(o outcome) bool { return !o.Discard && o.Filter == "a:b" && o.Redirect == "c@d" }},
		{"IGNORE in the header", "header_checks", "/X-A/ IGNORE", "", func(o outcome) bool { return o.text == strings.Replace(message, "X-A: 1\r\n", "", 1) }},
		{"IGNORE in the body", "body_checks", "/bad/ IGNORE", "", func(o outcome) bool { return o.text == strings.Replace(message, "bad words\r\n", "", 1) }},
		{"STRIP", "header_checks", "/Subject/ STRIP out", "strip: header Subject: buy\n now" + tail + ": out",
			func(o outcome) bool { return o.text == strings.Replace(message, "Subject: buy\r\n now\r\n", "", 1) }},
		{"REPLACE in the header", "header_checks", "/^Subject: (.*)$/ REPLACE Subject: [x] $1", "replace: header Subject: buy\n now" + tail + ": Subject: [x] buy\n now",
			func(o outcome) bool { return strings.HasPrefix(o.text, "Subject: [x] buy\r\n now\r\nContent-Type") }},
		{"REPLACE in the body", "body_checks", "/^bad (.*)/ REPLACE good $1", "replace: body bad words" + tail + ": good words",
			func(o outcome) bool { return o.text == strings.Replace(message, "bad words", "good words", 1) }},
		{"PREPEND in the header", "header_checks", "/^X-A/ PREPEND X-B: 2", "prepend: header X-A: 1" + tail + ": X-B: 2",
			func(o outcome) bool { return o.text == strings.Replace(message, "X-A", "X-B: 2\r\nX-A", 1) }},
		{"PREPEND in the body", "body_checks", "/bad/ PREPEND before", "prepend: body bad words" + tail + ": before",
			func(o outcome) bool { return o.text == strings.Replace(message, "bad", "before\r\nbad", 1) }},
		{"WARN", "body_checks", "/bad/ WARN hm", "warning: body bad words" + tail + ": hm", func(o outcome) bool { return o.text == message }},
		{"PASS ends the inspection", "body_checks", "/one/ PASS\n/bad/ REJECT", "pass: body line one" + tail, func(o outcome) bool { return o.refused == nil }},
		{"DUNNO leaves the line", "body_checks", "/bad words/ DUNNO\n/bad/ REJECT", "", func(o outcome) bool { return o.text == message }},
		{"a field about MIME is not for header_checks", "header_checks", "/^Content-Type/ REJECT", "", func(o outcome) bool { return o.refused == nil }},
		{"a field about MIME is for mime_header_checks", "mime_header_checks", "/./ INFO", "info: header Content-Type: text/plain" + tail, func(o outcome) bool { return o.text == message }},
		{"an action that is none changes nothing", "body_checks", "/bad/ EXPLODE", "", func(o outcome) bool { return o.text == message }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newWorld(t, map[string]string{c.table: c.rule}).pass(mail.KindSMTP, message)
			if c.log != "" {
				c.log = "ID1: " + c.log
			}
			if got := strings.Join(o.log, "|"); got != c.log {
				t.Errorf("log  %q\nwant %q", got, c.log)
			}
			if !c.check(o) {
				t.Errorf("%+v", o)
			}
		})
	}
}

const nested = "Content-Type: multipart/mixed;\r\n boundary=\"o\"\r\n\r\npreamble\r\n--o\r\nContent-Type: text/plain;\r\n name=x\r\nX-Part: 1\r\n\r\ntext\r\n" +
	"--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nX-Deep: 1\r\n\r\ndeep\r\n--i--\r\nafter\r\n--o--\r\nepilogue\r\n"

func TestEveryLineMeetsTheTablesOfItsClass(t *testing.T) {
	w := newWorld(t, map[string]string{"header_checks": "/^(.*)$/ INFO h", "mime_header_checks": "/./ INFO m",
		"nested_header_checks": "/./ INFO n", "body_checks": "/./ INFO b"})
	o := w.pass(mail.KindSMTP, "Subject: outer\r\n"+nested)
	var got []string
	for _, l := range o.log {
		line, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(l, "ID1: info: "), "header "), " from client")
		got = append(got, l[len(l)-1:]+" "+strings.ReplaceAll(strings.TrimPrefix(line, "body "), "\n", "|"))
	}
	want := `h Subject: outer
m Content-Type: multipart/mixed;| boundary="o"
b preamble
b --o
m Content-Type: text/plain;| name=x
m X-Part: 1
b text
b --o
m Content-Type: message/rfc822
n Subject: inner
m Content-Type: multipart/mixed; boundary=i
b --i
m X-Deep: 1
b deep
b --i--
b after
b --o--
b epilogue`
	if s := strings.Join(got, "\n"); s != want {
		t.Fatalf("got\n%s\nwant\n%s", s, want)
	}
}

func TestFieldsOfPartsAreEditedInTheBody(t *testing.T) {
	w := newWorld(t, map[string]string{"mime_header_checks": "/^X-Part/ REPLACE X-Other: 2\n/name=x/ PREPEND X-Before: 1\n/X-Deep/ IGNORE"})
	want := strings.NewReplacer("X-Part: 1", "X-Other: 2", "--o\r\nContent-Type: text", "--o\r\nX-Before: 1\r\nContent-Type: text", "X-Deep: 1\r\n", "").Replace(nested)
	if o := w.pass(mail.KindSMTP, nested); o.text != want {
		t.Fatalf("got\n%q\nwant\n%q", o.text, want)
	}
}

func TestTheSizeLimitCountsByPart(t *testing.T) {
	w := newWorld(t, map[string]string{"body_checks": "/^(needle.)/ WARN", "body_checks_size_limit": "100"})
	filler := strings.Repeat("0123456789\r\n", 20)
	w.pass(mail.KindSMTP, "Content-Type: multipart/mixed; boundary=o\r\n\r\nneedle1\r\n"+filler+"needle2\r\n--o\r\n\r\nneedle3\r\n"+filler+"needle4\r\n--o--\r\n")
	if got := strings.Join(w.log, "\n"); strings.Count(got, "warning:") != 2 || !strings.Contains(got, "needle1") || !strings.Contains(got, "needle3") {
		t.Fatal(got)
	}
}

func TestLongBodiesKeepTheirBytes(t *testing.T) {
	var b strings.Builder
	b.WriteString("\r\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "line %d %s\r\n", i, strings.Repeat("x", i%90))
	}
	b.WriteString(strings.Repeat("long", 50000) + "\r\nlast without an end")
	w := newWorld(t, map[string]string{"body_checks": "/^line (3|11111|19999) / IGNORE", "body_checks_size_limit": "100000000"})
	want := b.String()
	for _, n := range []int{3, 11111, 19999} {
		want = strings.Replace(want, fmt.Sprintf("\r\nline %d %s\r\n", n, strings.Repeat("x", n%90)), "\r\n", 1)
	}
	if o := w.pass(mail.KindSMTP, b.String()); o.text != want+"\r\n" {
		t.Fatalf("%d bytes, want %d", len(o.text), len(want)+2)
	}
}

func TestWhoIsNotLookedAt(t *testing.T) {
	for _, kind := range []mail.Kind{mail.KindBounce, mail.KindForward} {
		if o := newWorld(t, map[string]string{"header_checks": "/./ REJECT"}).pass(kind, message); o.refused != nil {
			t.Errorf("%s: %v", kind, o.refused)
		}
	}
	if o := newWorld(t, map[string]string{"header_checks": "/./ REJECT"}).pass(mail.KindSendmail, message); o.refused == nil {
		t.Error("mail from sendmail passed")
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"header_checks", "pcre:/nonexistent/file", "header_checks: table pcre:"}, {"colour", "red", "no such setting"},
		{"body_checks_size_limit", "x", "want a number"}, {"body_checks", "", "set header_checks"},
	} {
		config := map[string]string{"header_checks": "static:DUNNO"}
		if c.name == "body_checks" {
			delete(config, "header_checks")
		}
		config[c.name] = c.value
		if _, err := checks.New("c", config, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzMessage: a body that no action changes is not touched, and one that is rewritten with the
// lines it had stays what it was.
func FuzzMessage(f *testing.F) {
	f.Add(nested)
	f.Add(message)
	f.Add("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\n--b--")
	same := newWorld(f, map[string]string{"mime_header_checks": "/^(.*)$/ REPLACE $1", "nested_header_checks": "/^(.*)$/ REPLACE $1",
		"body_checks": "/^(.+)$/ REPLACE $1", "body_checks_size_limit": "1000000"})
	none := newWorld(f, map[string]string{"body_checks": "/never-there/ REJECT", "mime_header_checks": "/never-there/ REJECT"})
	f.Fuzz(func(t *testing.T, s string) {
		s = "Content-Type: multipart/mixed; boundary=o\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, "\r", ""), "\x00", ""), "\n", "\r\n") + "\r\n"
		if o := none.pass(mail.KindSMTP, s); o.refused != nil || o.text != s {
			t.Fatalf("%v\n%q\n%q", o.refused, o.text, s)
		}
		o := same.pass(mail.KindSMTP, s)
		if squeeze(o.text) != squeeze(s) {
			t.Fatalf("%q\n%q", o.text, s)
		}
		same.log, none.log = nil, nil
	})
}

// squeeze leaves out what REPLACE may change: white space, and empty lines.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// The cost of tables that never match: 100 patterns for headers, 100 for the body.
func BenchmarkNeverMatching(b *testing.B) {
	var h, t strings.Builder
	for i := range 100 {
		fmt.Fprintf(&h, "/^Subject: .*offer number %d (today|tomorrow)/ REJECT\n", i)
		fmt.Fprintf(&t, "/click (here|there) for prize %d/ REJECT\n", i)
	}
	w := newWorld(b, map[string]string{"header_checks": h.String(), "body_checks": t.String()})
	msg := strings.Repeat("Received: from a.example (b.example [192.0.2.7]) by c.example; Mon, 1 Jan 2026 00:00:00 +0000\r\n", 14) +
		"Subject: minutes of the meeting\r\n\r\n" + strings.Repeat("The quick brown fox jumps over the lazy dog, and then again it does.\r\n", 38)
	b.ReportAllocs()
	for b.Loop() {
		w.pass(mail.KindSMTP, msg)
	}
}
