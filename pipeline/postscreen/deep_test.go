package postscreen_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/smtp/smtptest"
	"github.com/mtad/mtad/pipeline/postscreen"
)

// deeply enables all tests after the greeting.
func deeply(action postscreen.Action) func(*postscreen.Options) {
	return func(o *postscreen.Options) {
		test := postscreen.Test{Enable: true, Action: action, TTL: 24 * time.Hour}
		o.Deep = postscreen.Deep{Pipelining: test, Forbidden: test, BareNewline: test, Commands: 20, SizeLimit: 1000,
			IsForbidden: func(word string) bool { return word == "GET" }}
	}
}

const letter = "EHLO client.test|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|QUIT"

func TestClientsPassAtRCPTAndComeBack(t *testing.T) {
	w := newWorld(t, deeply(postscreen.Enforce))
	got := w.say(false, strings.Split(letter, "|")...)
	want := "220-mx.test ESMTP\n220 mx.test ESMTP\n250-mx.test\n250-SIZE 1000\n250-VRFY\n250-ETRN\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250 SMTPUTF8\n" +
		"250 2.1.0 Ok\n450 4.3.2 Service currently unavailable\n221 2.0.0 Bye"
	if strings.TrimSpace(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	w.logged("450 4.3.2 Service currently unavailable; from=<a@x.test>, to=<b@y.test>, proto=ESMTP, helo=<client.test>")
	w.logged("PASS NEW [127.0.0.1]:")
	if got := w.say(false); !strings.Contains(got, "220 in") {
		t.Errorf("the second time: %s", got)
	}
	w.logged("PASS OLD [127.0.0.1]:")
}

func TestWhoGoesBeforeRCPTHasNotPassed(t *testing.T) {
	w := newWorld(t, deeply(postscreen.Enforce))
	for range 2 {
		if got := w.say(false, "HELO client.test", "QUIT"); strings.Contains(got, "220 in") {
			t.Errorf("passed: %s", got)
		}
	}
	if got := w.raw("HELO client.test"); strings.Contains(got, "220 in") {
		t.Errorf("passed: %s", got)
	}
	w.logged("in tests after SMTP handshake")
}

func TestTestsAfterTheGreeting(t *testing.T) {
	for _, c := range []struct {
		name, says          string // "|" waits for a reply, "&" does not; a line that ends with "!" ends with LF alone
		action              postscreen.Action
		reply, logged, then string // what is answered last, what is logged, what comes the next time
	}{
		{"pipelining, enforced", "EHLO c.test|MAIL FROM:<a@x.test>&RCPT TO:<b@y.test>|QUIT", postscreen.Enforce,
			"550 5.5.1 Protocol error", `COMMAND PIPELINING from [127.0.0.1]`, "220 mx.test"},
		{"pipelining, dropped", "EHLO c.test|MAIL FROM:<a@x.test>&RCPT TO:<b@y.test>|QUIT", postscreen.Drop,
			"521 5.5.1 Protocol error", `after MAIL: RCPT TO:<b@y.test>\r\n`, "220 mx.test"},
		{"pipelining, ignored", "EHLO c.test|MAIL FROM:<a@x.test>&RCPT TO:<b@y.test>|QUIT", postscreen.Ignore,
			"450 4.3.2 Service currently unavailable", `COMMAND PIPELINING from`, "220 in"},
		{"another protocol, dropped", "GET / HTTP/1.1", postscreen.Drop, "521 5.7.0 Error: I can break rules, too. Goodbye.",
			`NON-SMTP COMMAND from [127.0.0.1]`, "220 mx.test"},
		{"a header, enforced", "EHLO c.test|Subject: x|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|QUIT", postscreen.Enforce,
			"550 5.5.1 Protocol error", "after EHLO: Subject: x", "220 mx.test"},
		{"a bare newline, enforced", "EHLO c.test!|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|QUIT", postscreen.Enforce,
			"550 5.5.1 Protocol error", "BARE NEWLINE from [127.0.0.1]", "220 mx.test"},
		{"a bare newline, ignored", "EHLO c.test!|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|QUIT", postscreen.Ignore,
			"450 4.3.2 Service currently unavailable", "after EHLO c.test", "220 in"},
		{"too many commands", strings.Repeat("NOOP|", 21) + "QUIT", postscreen.Enforce, "421 mx.test Service unavailable - try again later",
			"COMMAND COUNT LIMIT from [127.0.0.1]", "220 mx.test"},
		{"a long line", "EHLO " + strings.Repeat("x", 3000), postscreen.Enforce, "521 5.5.1 Command too long", "COMMAND LENGTH LIMIT from", "220 mx.test"},
		{"an empty line", "|QUIT", postscreen.Enforce, "500 5.5.2 Error: bad syntax", "DISCONNECT", "220 mx.test"},
		{"no sender", "MAIL FROM:|RCPT TO:<b@y.test>|DATA", postscreen.Enforce, "503 5.5.1 Error: need RCPT command", "DISCONNECT", "220 in"},
		{"no recipient", "MAIL FROM:<>|MAIL FROM:<>|DATA|QUIT", postscreen.Enforce, "554 5.5.1 Error: no valid recipients", "DISCONNECT", "220 mx.test"},
		{"no TLS", "STARTTLS|QUIT", postscreen.Enforce, "502 5.5.1 Error: command not implemented", "DISCONNECT", "220 mx.test"},
		{"chunks", "BDAT 3", postscreen.Enforce, "521 5.5.1 Error: command not implemented", "DISCONNECT", "220 mx.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, deeply(c.action))
			var lines []string
			for _, l := range strings.Split(c.says, "|") {
				lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(l, "&", "\r\n"), "!", "\n\x00"))
			}
			if got := w.raw(lines...); !strings.Contains(got, "\n"+c.reply+"\n") {
				t.Errorf("got\n%s\nwant %s in it", got, c.reply)
			}
			w.logged(c.logged)
			if got := w.say(false, "QUIT"); !strings.Contains(got, c.then) {
				t.Errorf("the next time %s, want %s", got, c.then)
			}
		})
	}
}

// raw is say, of lines that may hold several, and that end with LF alone if they end with "\n\x00".
func (w *world) raw(lines ...string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.l.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	var got strings.Builder
	read := func(replies int) bool {
		for replies > 0 {
			line, err := r.ReadString('\n')
			got.WriteString(strings.TrimRight(line, "\r\n") + "\n")
			if err != nil {
				return false
			}
			if len(line) > 3 && line[3] == ' ' {
				replies--
			}
		}
		return true
	}
	read(1)
	for _, line := range lines {
		bare, isBare := strings.CutSuffix(line, "\n\x00")
		text := line + "\r\n"
		if isBare {
			text = bare + "\n"
		}
		if _, err := c.Write([]byte(text)); err != nil || !read(strings.Count(text, "\n")) {
			break
		}
	}
	return got.String()
}

func TestClientsPassAtSomeAddressesOnly(t *testing.T) {
	w := newWorld(t, func(o *postscreen.Options) {
		o.AllowAt = func(a netip.Addr) bool { return a != netip.MustParseAddr("127.0.0.1") }
	})
	for range 2 {
		if got := w.say(false, strings.Split(letter, "|")...); !strings.Contains(got, "450 4.3.2 Service currently unavailable") {
			t.Errorf("got %s", got)
		}
	}
	w.logged("ALLOWLIST VETO [127.0.0.1]:")
}

func TestWhatTablesSayOfTheDialogue(t *testing.T) {
	w := newWorld(t, func(o *postscreen.Options) {
		deeply(postscreen.Enforce)(o)
		o.Deep.Filter = func(line string) (string, bool, error) { return "NOOP", line == "HELP", nil }
		o.Deep.Footer = func(reply string, value func(string) string) string {
			return reply + "\nask " + value("client_address") + " of " + value("helo_name") + " at " + value("server_name")
		}
		o.Deep.Discard = func(netip.Addr) []string { return []string{"dsn", "VRFY"} }
		o.Deep.HeloRequired, o.Deep.NoVRFY = true, true
	})
	got := w.say(false, "HELP", "MAIL FROM:<a@x.test>", "VRFY x", "EHLO c.test", "QUIT")
	for _, want := range []string{"250 2.0.0 Ok\n503-5.5.1 Error: send HELO/EHLO first\n503 5.5.1 ask 127.0.0.1 of  at mx.test\n",
		"502-5.5.1 VRFY command is disabled\n", "250-SIZE 1000\n250-ETRN\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250 SMTPUTF8\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestClientsUnderTestMayBeginTLS(t *testing.T) {
	server, trust := smtptest.TLS(t)
	w := newWorld(t, func(o *postscreen.Options) {
		deeply(postscreen.Enforce)(o)
		o.Deep.TLS, o.Deep.RequireTLS = server, true
	})
	c, err := net.Dial("tcp", w.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	plain := smtptest.NewClient(t, c)
	plain.Play("S: 220-mx.test ESMTP\nS: 220 mx.test ESMTP\nC: MAIL FROM:<a@x.test>\nS: 530 5.7.0 Must issue a STARTTLS command first\nC: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n")
	secret := tls.Client(c, trust)
	smtptest.NewClient(t, secret).Play("C: HELO c.test\nS: 250 mx.test\nC: STARTTLS\nS: 554 5.5.1 Error: TLS already active\n" +
		"C: MAIL FROM:<a@x.test>\nS: 250 2.1.0 Ok\nC: RCPT TO:<b@y.test>\nS: 450 4.3.2 Service currently unavailable\nC: QUIT\nS: 221 2.0.0 Bye\n")
	w.logged("PASS NEW [127.0.0.1]:")
}
