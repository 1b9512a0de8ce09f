package milter_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	peer "github.com/emersion/go-milter"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin/milter"
	"github.com/mtad/mtad/plugins/sdk"
)

// script is a milter that notes what it is told and answers as it is told to.
type script struct {
	mu      sync.Mutex
	told    []string
	answers map[string]peer.Response
	edit    func(m *peer.Modifier) error
}

func (s *script) note(stage, format string, args ...any) (peer.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, stage+" "+fmt.Sprintf(format, args...))
	if r := s.answers[stage]; r != nil {
		return r, nil
	}
	return peer.RespContinue, nil
}

func macros(m *peer.Modifier, names ...string) string {
	var out []string
	for _, n := range names {
		if v, ok := m.Macros[n]; ok {
			out = append(out, n+"="+v)
		}
	}
	return strings.Join(out, " ")
}

func (s *script) Connect(host, family string, port uint16, addr net.IP, m *peer.Modifier) (peer.Response, error) {
	return s.note("connect", "%s %s %d %s %s", host, family, port, addr, macros(m, "j", "{daemon_name}", "_", "v"))
}
func (s *script) Helo(name string, m *peer.Modifier) (peer.Response, error) {
	return s.note("helo", "%s %s", name, macros(m, "{tls_version}", "{cipher}"))
}
func (s *script) MailFrom(from string, m *peer.Modifier) (peer.Response, error) {
	return s.note("mail", "%s %s", from, macros(m, "{mail_addr}", "{auth_authen}"))
}
func (s *script) RcptTo(to string, m *peer.Modifier) (peer.Response, error) {
	return s.note("rcpt", "%s %s", to, macros(m, "{rcpt_addr}"))
}
func (s *script) Header(name, value string, _ *peer.Modifier) (peer.Response, error) {
	return s.note("header", "%s: %q", name, value)
}
func (s *script) Headers(_ textproto.MIMEHeader, m *peer.Modifier) (peer.Response, error) {
	return s.note("eoh", "%s", macros(m, "i"))
}
func (s *script) BodyChunk(chunk []byte, _ *peer.Modifier) (peer.Response, error) {
	if len(chunk) > 100 {
		return s.note("body", "%d", len(chunk))
	}
	return s.note("body", "%q", chunk)
}
func (s *script) Body(m *peer.Modifier) (peer.Response, error) {
	if s.edit != nil {
		if err := s.edit(m); err != nil {
			return nil, err
		}
	}
	r, err := s.note("eom", "%s", macros(m, "i"))
	if r == peer.RespContinue {
		r = peer.RespAccept
	}
	return r, err
}
func (s *script) Abort(*peer.Modifier) error {
	_, err := s.note("abort", "")
	return err
}

func (s *script) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.told, "\n")
}

const allActions = peer.OptAddHeader | peer.OptChangeBody | peer.OptAddRcpt | peer.OptRemoveRcpt | peer.OptChangeHeader |
	peer.OptQuarantine | peer.OptChangeFrom | peer.OptAddRcptWithArgs | peer.OptSetSymList

// serve runs the script behind a socket and returns its address.
func (s *script) serve(t *testing.T, network string) string {
	t.Helper()
	where := "127.0.0.1:0"
	if network == "unix" {
		where = filepath.Join(t.TempDir(), "m")
	}
	l, err := net.Listen(network, where)
	if err != nil {
		t.Fatal(err)
	}
	srv := &peer.Server{NewMilter: func() peer.Milter { return s }, Actions: allActions,
		SymList: map[peer.Stage][]string{peer.StageMailFrom: {"{mail_addr}", "{auth_authen}"}}}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }()
	t.Cleanup(func() { l.Close(); <-done })
	if network == "unix" {
		return "unix:" + where
	}
	return "inet:" + l.Addr().String()
}

// draft is where a new body goes.
type draft struct{ b []byte }

func (d *draft) Write(p []byte) (int, error) { d.b = append(d.b, p...); return len(p), nil }
func (d *draft) Content() mail.Content       { return mail.Bytes(d.b) }
func (d *draft) Abort()                      { d.b = nil }

// world is an SMTP connection with one milter as its only plugin.
type world struct {
	t    *testing.T
	sess *hook.Session
	env  mail.Envelope
	msg  *hook.Message
	new  *draft
}

func connect(t *testing.T, kind mail.Kind, config map[string]string) *world {
	t.Helper()
	m, err := milter.New("milter", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	w := &world{t: t}
	set := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true}}}, hook.Options{})
	w.env = mail.Envelope{Sender: "a@b.example", Origin: mail.Origin{Kind: kind, ClientName: "client.example",
		Client: netip.MustParseAddrPort("192.0.2.1:2525"), Helo: "helo.example", SASLUser: "user", TLSVersion: "TLSv1.3", TLSCipher: "c"}}
	w.sess = set.Session(&w.env.Origin)
	return w
}

// run plays a transaction and returns the first refusal with its stage.
func (w *world) run(message string) (string, *status.Error) {
	ctx := context.Background()
	if e := w.sess.Connect(ctx); e != nil {
		return "connect", e
	}
	if e := w.sess.Helo(ctx); e != nil {
		return "helo", e
	}
	return w.mail(message, "c@d.example", "e@f.example")
}

func (w *world) mail(message string, rcpts ...string) (stage string, e *status.Error) {
	ctx := context.Background()
	w.env.Recipients, w.env.ID = nil, ""
	w.msg = w.sess.Begin(&w.env)
	defer func() {
		if e != nil {
			w.msg.Abort(ctx)
		}
	}()
	if e := w.msg.Mail(ctx, "BODY=8BITMIME"); e != nil {
		return "mail", e
	}
	for _, r := range rcpts {
		rc := mail.Recipient{Address: r, Original: r}
		if e := w.msg.Rcpt(ctx, &rc); e != nil {
			if len(rcpts) == 1 {
				return "rcpt", e
			}
			continue
		}
		w.env.Recipients = append(w.env.Recipients, rc)
	}
	w.env.ID = "ID1"
	if e := w.msg.Data(ctx); e != nil {
		return "data", e
	}
	if w.msg.Discard {
		return "", nil
	}
	n, _ := mail.SplitFrom([]byte(message), 0)
	e = w.msg.EOM(ctx, hook.Text{Header: mail.ParseHeader([]byte(message[:n])), Rest: mail.Bytes(message[n:]), BodyOff: 2, Fork: func() hook.NewText {
		w.new = &draft{}
		return w.new
	}})
	if e != nil {
		return "eom", e
	}
	return "", nil
}

const message = "Subject: one\r\n two\r\nX-A:  1\r\nX-A: 2\r\n\r\nbody\r\n.dot\r\n"

func TestAMilterIsToldEverything(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run("over "+network, func(t *testing.T) {
			s := &script{}
			w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, network), "hostname": "mx.example", "macro_v": "mtad 1"})
			if stage, e := w.run(message); e != nil {
				t.Fatal(stage, e)
			}
			want := `connect client.example tcp4 2525 192.0.2.1 j=mx.example {daemon_name}=mx.example _=client.example [192.0.2.1] v=mtad 1
helo helo.example {tls_version}=TLSv1.3 {cipher}=c
mail a@b.example {mail_addr}=a@b.example {auth_authen}=user
rcpt c@d.example {rcpt_addr}=c@d.example
rcpt e@f.example {rcpt_addr}=e@f.example
header Subject: "one\n two"
header X-A: " 1"
header X-A: "2"
eoh i=ID1
body "body\r\n.dot\r\n"
eom i=ID1`
			if got := s.said(); got != want {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestABodyComesInChunks(t *testing.T) {
	s := &script{}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
	if stage, e := w.run("\r\n" + strings.Repeat("x", 70000)); e != nil {
		t.Fatal(stage, e)
	}
	if got := s.said(); !strings.Contains(got, "body 65535\nbody 4465\neom") {
		t.Fatal(got)
	}
}

func TestWhatAMilterAnswersIsWhatThePeerMeets(t *testing.T) {
	replied := peer.NewResponseStr('y', "554 5.7.9 no %% thanks")
	for _, c := range []struct {
		name, stage string
		answer      peer.Response
		at, reply   string
	}{
		{"reject at connect refuses the connection", "connect", peer.RespReject, "connect", "550 5.7.1 Command rejected"},
		{"tempfail at helo", "helo", peer.RespTempFail, "helo", "451 4.7.1 Service unavailable - try again later"},
		{"reject at mail", "mail", peer.RespReject, "mail", "550 5.7.1 Command rejected"},
		{"a reply of its own at the end of the header", "eoh", replied, "eom", "554 5.7.9 no % thanks"},
		{"reject at a header field", "header", peer.RespReject, "eom", "550 5.7.1 Command rejected"},
		{"tempfail at the body", "body", peer.RespTempFail, "eom", "451 4.7.1 Service unavailable - try again later"},
		{"reject at the end", "eom", peer.RespReject, "eom", "550 5.7.1 Command rejected"},
		{"accept at connect asks no more", "connect", peer.RespAccept, "", ""},
		{"accept at a header field asks no more of the message", "header", peer.RespAccept, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answers: map[string]peer.Response{c.stage: c.answer}}
			w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
			stage, e := w.run(message)
			if stage != c.at || e != nil && e.Reply.String() != c.reply {
				t.Fatalf("%q at %q, want %q at %q", e, stage, c.reply, c.at)
			}
			if told := s.said(); !strings.HasPrefix(told[strings.LastIndex("\n"+strings.TrimSuffix(told, "\nabort "), "\n"):], c.stage) {
				t.Fatalf("it was asked on after %s:\n%s", c.stage, told)
			}
		})
	}
}

func TestARefusedRecipientDoesNotEndTheMessage(t *testing.T) {
	s := &script{answers: map[string]peer.Response{"rcpt": peer.RespReject}}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
	if stage, e := w.run(message); e != nil {
		t.Fatal(stage, e)
	}
	if len(w.env.Recipients) != 0 || !strings.Contains(s.said(), "eom") {
		t.Fatalf("%v\n%s", w.env.Recipients, s.said())
	}
}

func TestDiscardThrowsTheMessageAway(t *testing.T) {
	for _, stage := range []string{"mail", "rcpt", "header", "body", "eom"} {
		t.Run("at "+stage, func(t *testing.T) {
			s := &script{answers: map[string]peer.Response{stage: peer.RespDiscard}}
			w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
			if stage, e := w.run(message); e != nil || !w.msg.Discard {
				t.Fatal(stage, e)
			}
		})
	}
}

func TestEditsAreApplied(t *testing.T) {
	s := &script{edit: func(m *peer.Modifier) error {
		for _, f := range []func() error{
			func() error { return m.AddHeader("X-Last", "end") },
			func() error { return m.InsertHeader(0, "X-First", "a\n\tb") },
			func() error { return m.InsertHeader(2, "X-Third", "3") },
			func() error { return m.ChangeHeader(2, "x-a", "second") },
			func() error { return m.ChangeHeader(1, "Subject", "") },
			func() error { return m.ChangeHeader(5, "X-New", "added") },
			func() error { return m.AddRecipient("new@x.example") },
			func() error { return m.DeleteRecipient("C@d.example") },
			func() error { return m.ChangeFrom("other@x.example") },
			func() error { return m.ReplaceBody([]byte("new ")) },
			func() error { return m.ReplaceBody([]byte("body\r\n")) },
		} {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
	if stage, e := w.run(message); e != nil {
		t.Fatal(stage, e)
	}
	want := "X-First: a\r\n\tb\r\nX-Third: 3\r\nX-A:  1\r\nX-A: second\r\nX-Last: end\r\nX-New: added\r\n"
	if got := string(w.msg.Header().Bytes()); got != want {
		t.Errorf("header %q\nwant   %q", got, want)
	}
	body, _ := io.ReadAll(mail.Reader(w.msg.Replaced().Content()))
	if string(body) != "\r\nnew body\r\n" {
		t.Errorf("body %q", body)
	}
	if w.env.Sender != "other@x.example" || len(w.env.Recipients) != 2 || w.env.Recipients[1].Address != "new@x.example" {
		t.Errorf("envelope %+v", w.env)
	}
}

func TestQuarantineHolds(t *testing.T) {
	s := &script{edit: func(m *peer.Modifier) error { return m.Quarantine("odd") }}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
	if stage, e := w.run(message); e != nil || !w.msg.Hold || !strings.Contains(w.msg.Reason, "odd") {
		t.Fatal(stage, e, w.msg.Decision)
	}
}

func TestOneConnectionServesManyMessages(t *testing.T) {
	s := &script{}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp")})
	if stage, e := w.run(message); e != nil {
		t.Fatal(stage, e)
	}
	if stage, e := w.mail(message, "z@z.example"); e != nil {
		t.Fatal(stage, e)
	}
	if got := s.said(); strings.Count(got, "connect ") != 1 || strings.Count(got, "eom ") != 2 || !strings.Contains(got, "rcpt z@z.example") {
		t.Fatal(got)
	}
	w.sess.Close()
}

func TestMailThatDidNotComeBySMTPIsShownAtOnce(t *testing.T) {
	s := &script{}
	w := connect(t, mail.KindSendmail, map[string]string{"address": s.serve(t, "tcp"), "mail": "local", "hostname": "mx.example"})
	w.env.Recipients = []mail.Recipient{{Address: "c@d.example", Original: "c@d.example"}}
	if stage, e := w.mail(message, "c@d.example"); e != nil {
		t.Fatal(stage, e)
	}
	if got := s.said(); !strings.HasPrefix(got, "connect localhost tcp4 ") || !strings.Contains(got, "helo mx.example ") || !strings.Contains(got, "rcpt c@d.example") {
		t.Fatal(got)
	}
	w = connect(t, mail.KindBounce, map[string]string{"address": "inet:127.0.0.1:1", "mail": "local"})
	if stage, e := w.mail(message, "c@d.example"); e != nil {
		t.Fatal("a notice was shown to the milter", stage, e)
	}
}

func TestTheDefaultActionHoldsForAMilterThatIsNotThere(t *testing.T) {
	for _, c := range []struct{ action, stage, reply string }{
		{"tempfail", "connect", "451 4.7.1 Service unavailable - try again later"},
		{"reject", "connect", "550 5.5.0 Service unavailable"},
		{"shutdown", "connect", "421 4.7.0 Server closing connection"},
		{"accept", "", ""}, {"quarantine", "", ""},
	} {
		t.Run(c.action, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			w := connect(t, mail.KindSMTP, map[string]string{"address": "inet:" + l.Addr().String(), "default_action": c.action})
			stage, e := w.run(message)
			if stage != c.stage || e != nil && e.Reply.String() != c.reply {
				t.Fatalf("%v at %q", e, stage)
			}
			if e == nil && w.msg.Hold != (c.action == "quarantine") {
				t.Fatalf("%+v", w.msg.Decision)
			}
		})
	}
}

// A milter that breaks off, or talks nonsense, at each of its answers: nothing of its edits stays.
func TestAMilterThatBreaksChangesNothing(t *testing.T) {
	good := "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x00\x00\x00" // negotiation
	cont := "\x00\x00\x00\x01c"
	whole := good + strings.Repeat(cont, 9) + // connect helo mail rcpt rcpt data header eoh body: see message
		"\x00\x00\x00\x06hX\x00Y\x00" + "\x00\x00\x00\x04bnew"
	for name, answers := range map[string]string{
		"nothing": "", "half a negotiation": good[:9], "an unknown answer": good + "\x00\x00\x00\x01Z", "an endless packet": good + "\xff\xff\xff\xffc",
		"an empty packet": good + "\x00\x00\x00\x00", "edits, then the end": whole, "an edit cut short": whole + "\x00\x00\x00\x03m\x00\x00",
		"a reply without a code": good + "\x00\x00\x00\x04yhm\x00",
	} {
		for _, action := range []string{"accept", "tempfail"} {
			t.Run(name+", default action "+action, func(t *testing.T) {
				w := connect(t, mail.KindSMTP, map[string]string{"address": replay(t, answers), "default_action": action})
				_, e := w.run("X-A: 1\r\n\r\nbody\r\n")
				switch {
				case action == "tempfail" && (e == nil || e.Reply.Code != 451):
					t.Fatalf("got %v", e)
				case e == nil && string(w.msg.Header().Bytes()) != "X-A: 1\r\n":
					t.Fatalf("the header is %q", w.msg.Header().Bytes())
				case e == nil && w.msg.Replaced() != nil:
					t.Fatal("the body was replaced")
				}
			})
		}
	}
}

// replay answers every connection with the same bytes, reads what it is told, and closes.
func replay(t *testing.T, answers string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				io.WriteString(c, answers)
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return "inet:" + l.Addr().String()
}

func TestBadSettingsAreNamed(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"address", "", "set address"}, {"address", "inet:8891", "want inet:host:port"}, {"address", "tcp:x:1", "want unix:/path"},
		{"default_action", "drop", "want accept"}, {"protocol", "5", "want 2, 3, 4 or 6"}, {"mail", "x", "want smtp, local or all"},
		{"command_timeout", "0", "above zero"}, {"colour", "red", "no such setting"}, {"macro_defaults", "x", "want name=value"},
	} {
		t.Run(c.name+" = "+c.value, func(t *testing.T) {
			config := map[string]string{"address": "inet:localhost:1", c.name: c.value}
			if _, err := milter.New("m", config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHeaderChecksSeeWhatAMilterPutsThere(t *testing.T) {
	table := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(table, []byte("/^X-Ignore:/ IGNORE\n/^X-Replace: (.*)/ REPLACE X-Other: $1\n/^X-Reject:/ REJECT 5.7.9 not that\n/^X-Later:/ REJECT 4.7.9 later\n"+
		"/^X-Hold:/ HOLD look\n/^X-Discard:/ DISCARD\n/^X-Filter:/ FILTER smtp:[x]\n/^X-Redirect:/ REDIRECT q@x.example\n/^X-Bcc:/ BCC copy@x.example\n"+
		"/^X-Prepend:/ PREPEND X-A: 1\n/^X-Strange:/ WHAT\n/^X-Info:/ INFO look\n/^Subject: changed/ REPLACE Subject: changed again\n/^X-Bad:/ REPLACE no field\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]func(w *world, e *status.Error, header string) bool{
		"X-Plain": func(_ *world, e *status.Error, h string) bool {
			return e == nil && strings.Contains(h, "X-Plain: v\r\n")
		},
		"X-Ignore": func(_ *world, e *status.Error, h string) bool { return e == nil && !strings.Contains(h, "X-Ignore") },
		"X-Replace": func(_ *world, e *status.Error, h string) bool {
			return e == nil && strings.Contains(h, "X-Other: v\r\n") && !strings.Contains(h, "X-Replace")
		},
		"X-Reject": func(_ *world, e *status.Error, _ string) bool {
			return e != nil && e.Reply.String() == "550 5.7.9 not that"
		},
		"X-Later": func(_ *world, e *status.Error, _ string) bool {
			return e != nil && e.Reply.String() == "451 4.7.9 later"
		},
		"X-Hold":     func(w *world, e *status.Error, _ string) bool { return e == nil && w.msg.Hold },
		"X-Discard":  func(w *world, e *status.Error, _ string) bool { return e == nil && w.msg.Discard },
		"X-Filter":   func(w *world, e *status.Error, _ string) bool { return e == nil && w.msg.Filter == "smtp:[x]" },
		"X-Redirect": func(w *world, e *status.Error, _ string) bool { return e == nil && w.msg.Redirect == "q@x.example" },
		"X-Bcc": func(w *world, e *status.Error, _ string) bool {
			return e == nil && w.env.Recipients[len(w.env.Recipients)-1].Address == "copy@x.example"
		},
		"X-Prepend": func(_ *world, e *status.Error, h string) bool {
			return e == nil && strings.Contains(h, "X-Prepend: v\r\n") && !strings.Contains(h, "X-A: 1\r\nX-Prepend")
		},
		"X-Strange": func(_ *world, e *status.Error, h string) bool {
			return e == nil && strings.Contains(h, "X-Strange: v\r\n")
		},
		"X-Bad": func(_ *world, e *status.Error, h string) bool { return e == nil && strings.Contains(h, "X-Bad: v\r\n") },
		"X-Info": func(_ *world, e *status.Error, h string) bool {
			return e == nil && strings.Contains(h, "X-Info: v\r\n")
		},
	} {
		t.Run(field, func(t *testing.T) {
			s := &script{edit: func(m *peer.Modifier) error { return m.AddHeader(field, "v") }}
			w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp"), "header_checks": "regexp:" + table})
			_, e := w.run(message)
			if !want(w, e, string(w.msg.Header().Bytes())) {
				t.Fatalf("%v %+v\n%s", e, w.msg.Decision, w.msg.Header().Bytes())
			}
		})
	}
	s := &script{edit: func(m *peer.Modifier) error { return m.ChangeHeader(1, "Subject", "changed") }}
	w := connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp"), "header_checks": "regexp:" + table})
	if _, e := w.run("Subject: x\r\n\r\nbody\r\n"); e != nil || string(w.msg.Header().Bytes()) != "Subject: changed again\r\n" {
		t.Fatalf("%v %s", e, w.msg.Header().Bytes())
	}
	s = &script{edit: func(m *peer.Modifier) error { return m.AddHeader("X-A", "v") }}
	w = connect(t, mail.KindSMTP, map[string]string{"address": s.serve(t, "tcp"), "header_checks": "fail:maintenance"})
	if _, e := w.run(message); e == nil || e.Reply.Code != 451 {
		t.Fatalf("a table that cannot be asked gives %v", e)
	}
}

func TestNoticesAreShownWhenTheyAreToBe(t *testing.T) {
	for service, want := range map[string]bool{"bounce": true, "notify": false} {
		s := &script{}
		w := connect(t, mail.KindBounce, map[string]string{"address": s.serve(t, "tcp"), "mail": "local", "internal": "bounce"})
		w.env.Origin.Service = service
		w.env.Recipients = []mail.Recipient{{Address: "c@d.example", Original: "c@d.example"}}
		if stage, e := w.mail(message, "c@d.example"); e != nil || strings.Contains(s.said(), "eom") != want {
			t.Errorf("%s: %s %v: the milter was told %q", service, stage, e, s.said())
		}
	}
}
