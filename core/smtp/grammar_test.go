package smtp

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
)

var (
	lenient = grammar{maxLocal: 64, maxDomain: 255}
	strict  = grammar{strict: true, maxLocal: 64, maxDomain: 255}
)

// TestAddresses has what is between the angle brackets, what a lenient grammar makes of it, and
// what a strict one ("" for a refusal).
func TestAddresses(t *testing.T) {
	local64, label63 := strings.Repeat("l", 64), strings.Repeat("d", 63)
	domain255 := label63 + "." + label63 + "." + label63 + "." + label63
	for _, c := range []struct{ in, lenient, strict string }{
		{"a@b.example", "a@b.example", "a@b.example"},
		{"A.b+c=d/e@B.Example", "A.b+c=d/e@B.Example", "A.b+c=d/e@B.Example"},
		{"!#$%&'*+-/=?^_`{|}~@b.example", "!#$%&'*+-/=?^_`{|}~@b.example", "!#$%&'*+-/=?^_`{|}~@b.example"},
		{"postmaster", "postmaster", "postmaster"},
		{"PostMaster", "PostMaster", "PostMaster"},
		{"user", "user", ""},
		{" a@b.example\t", "a@b.example", ""},
		{"", "", ""},
		{"@b.example", "", ""},
		{"a@", "", ""},
		{"a@b@c.example", "", ""},
		{"a b@c.example", "", ""},
		{"a,b@c.example", "", ""},
		{"a(comment)@c.example", "", ""},
		{"Joe <a@b.example>", "", ""},
		{"a@b..example", "", ""},
		{"a@.b.example", "", ""},
		{"a@b.example.", "a@b.example", ""},
		{"a@b.example..", "", ""},
		{"a@-b.example", "", ""},
		{"a@b-.example", "", ""},
		{"a@b--c.example", "a@b--c.example", "a@b--c.example"},
		{"a@b_c.example", "a@b_c.example", ""},
		{"a@b c.example", "", ""},
		{"a@1.2.3.4", "", ""},
		{"a@12", "", ""},
		{"a@1.2.3.de", "a@1.2.3.de", "a@1.2.3.de"},
		{"a@b", "a@b", "a@b"},
		// local parts
		{"a..b@c.example", `"a..b"@c.example`, ""},
		{".a@c.example", `".a"@c.example`, ""},
		{"a.@c.example", `"a."@c.example`, ""},
		{`"a b"@c.example`, `"a b"@c.example`, `"a b"@c.example`},
		{`"ab"@c.example`, "ab@c.example", "ab@c.example"},
		{`"a.b"@c.example`, "a.b@c.example", "a.b@c.example"},
		{`"a\b"@c.example`, "ab@c.example", "ab@c.example"},
		{`"a\"b"@c.example`, `"a\"b"@c.example`, `"a\"b"@c.example`},
		{`"a\\b"@c.example`, `"a\\b"@c.example`, `"a\\b"@c.example`},
		{`"a@b"@c.example`, `"a@b"@c.example`, `"a@b"@c.example`},
		{`"a>b"@c.example`, `"a>b"@c.example`, `"a>b"@c.example`},
		{`""@c.example`, `""@c.example`, `""@c.example`},
		{`"postmaster"`, "postmaster", "postmaster"},
		{`"a"."b"@c.example`, "a.b@c.example", ""},
		{`"a b".c@c.example`, `"a b.c"@c.example`, ""},
		{`a."b c"@c.example`, `"a.b c"@c.example`, ""},
		{`"a"b@c.example`, "", ""},
		{`a"b"@c.example`, "", ""},
		{`"a@c.example`, "", ""},
		{`"a\`, "", ""},
		{`a\@b@c.example`, `"a@b"@c.example`, ""},
		{"\"a\tb\"@c.example", "", ""},
		// source routes
		{"@x.example:a@b.example", "a@b.example", "a@b.example"},
		{"@x.example,@y.example:a@b.example", "a@b.example", "a@b.example"},
		{"@[IPv6:::1]:a@b.example", "a@b.example", "a@b.example"},
		{`@x.example:"a b"@b.example`, `"a b"@b.example`, `"a b"@b.example`},
		{"@x.example:", "", ""},
		{"@x.example,y.example:a@b.example", "", ""},
		{"@x..example:a@b.example", "", ""},
		{"@:a@b.example", "", ""},
		// address literals
		{"a@[192.0.2.1]", "a@[192.0.2.1]", "a@[192.0.2.1]"},
		{"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
		{"a@[ipv6:::ffff:192.0.2.1]", "a@[ipv6:::ffff:192.0.2.1]", "a@[ipv6:::ffff:192.0.2.1]"},
		{"a@[192.0.2.256]", "", ""},
		{"a@[192.0.2]", "", ""},
		{"a@[2001:db8::1]", "", ""},
		{"a@[IPv6:192.0.2.1]", "", ""},
		{"a@[IPv6:fe80::1%eth0]", "", ""},
		{"a@[tag:content]", "", ""},
		{"a@[]", "", ""},
		{"a@[192.0.2.1", "", ""},
		{"a@[192.0.2.1]x", "", ""},
		// UTF-8
		{"jürgen@bücher.example", "jürgen@bücher.example", "jürgen@bücher.example"},
		{`"jürgen x"@b.example`, `"jürgen x"@b.example`, `"jürgen x"@b.example`},
		// lengths
		{local64 + "@b.example", local64 + "@b.example", local64 + "@b.example"},
		{local64 + "l@b.example", "", ""},
		{local64 + "l", "", ""},
		{"a@" + label63 + ".example", "a@" + label63 + ".example", "a@" + label63 + ".example"},
		{"a@" + label63 + "d.example", "", ""},
		{"a@" + domain255, "a@" + domain255, "a@" + domain255},
		{"a@" + domain255 + ".d", "", ""},
	} {
		t.Run(c.in, func(t *testing.T) {
			for _, g := range []struct {
				grammar
				want string
			}{{lenient, c.lenient}, {strict, c.strict}} {
				got, ok := g.address(c.in)
				if ok != (g.want != "") || ok && got != g.want {
					t.Errorf("strict %t: %q, %t; want %q", g.strict, got, ok, g.want)
				}
			}
		})
	}
}

func TestReplyLinesArePartedAtSpaces(t *testing.T) {
	word := strings.Repeat("w", 300)
	for _, c := range []struct {
		name, text string
		lines      int
	}{
		{"a short text is one line", "Ok", 1},
		{"no text is one line", "", 1},
		{"two words that do not fit are two lines", word + " " + word, 2},
		{"a word that does not fit is cut", word + word, 2},
		{"a line of the exact length stays one", strings.Repeat("x", maxReplyLine-len("550 5.7.1 \r\n")), 1},
		{"one octet more does not", strings.Repeat("x", maxReplyLine-len("550 5.7.1 \r\n")+1), 2},
		{"a space at the end of a full line is dropped", strings.Repeat("x", maxReplyLine-len("550 5.7.1 \r\n")) + " y", 2},
		{"characters are not torn", strings.Repeat("ä", 400), 2},
		{"line ends part, too", "a\nb\n\n", 2},
		{"a text without end is cut", strings.Repeat("x ", 10000), 17},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := string(appendReply(nil, status.Reply{Code: 550, Enhanced: "5.7.1", Text: c.text}, false))
			checkReply(t, out)
			if n := strings.Count(out, "\r\n"); n != c.lines {
				t.Errorf("%d lines, want %d:\n%s", n, c.lines, out)
			}
		})
	}
}

// checkReply demands that out is one reply, or several, as the protocol has them.
func checkReply(t *testing.T, out string) {
	t.Helper()
	code := ""
	for line := range strings.Lines(out) {
		text, ok := strings.CutSuffix(line, "\r\n")
		switch {
		case !ok || len(line) > maxReplyLine:
			t.Fatalf("a line of %d octets: %q", len(line), line)
		case strings.ContainsAny(text, "\r\n\x00\x7f\t") || !utf8.ValidString(text):
			t.Fatalf("a line with what must not be: %q", line)
		case len(text) < 4 || text[0] < '2' || text[0] > '5' || text[3] != ' ' && text[3] != '-':
			t.Fatalf("no reply line: %q", line)
		case code != "" && text[:3] != code:
			t.Fatalf("two codes in one reply: %q", out)
		}
		if code = text[:3]; text[3] == ' ' {
			code = ""
		}
	}
	if code != "" {
		t.Fatalf("a reply without its last line: %q", out)
	}
}

// FuzzCommand feeds the parsers of a command line. What they make of an address must be taken for
// the same address when it is sent on.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{
		"MAIL FROM:<a@b.example> SIZE=1 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<> SMTPUTF8",
		`MAIL FROM: "a b"."c\"d"@b.example.`, "MAIL FROM:<>", "MAIL FROM:<@x,@y:a..b@[IPv6:::1]>",
		"RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;a\\x{E9}@b", "BDAT 12 LAST", "AUTH PLAIN =", "EHLO [1.2.3.4]", "Subject: x",
	} {
		f.Add([]byte(line), true)
	}
	f.Fuzz(func(t *testing.T, line []byte, isStrict bool) {
		g := lenient
		if isStrict {
			g = strict
		}
		state := checkLine(line)
		cmd := parseCommand(line)
		if strings.ContainsAny(cmd.logged(), "\r\n\x00") {
			t.Fatalf("%q is logged as %q", line, cmd.logged())
		}
		cmd.isHeader()
		if name := heloName(cmd.arg); !addr.IsASCII(name) || strings.ContainsAny(name, " \t\r\n<>\x00") {
			t.Fatalf("HELO name %q", name)
		}
		if size, _, ok := parseBdat(string(cmd.arg)); ok && size < 0 {
			t.Fatalf("a chunk of %d", size)
		}
		if state != lineGood {
			return
		}
		all := offered{dsn: true, auth: true, smtputf8: true, binary: true}
		if path, ok := afterKeyword(string(cmd.arg), "FROM:"); ok {
			m, refusal := parseMail(path, g, all)
			if refusal.Code == 0 {
				checkMail(t, m, g)
			}
		}
		if path, ok := afterKeyword(string(cmd.arg), "TO:"); ok {
			r, refusal := parseRcpt(path, g, all, true)
			if refusal.Code == 0 && (r.Recipient == "" || !sameAgain(r.Recipient, g)) {
				t.Fatalf("recipient %q", r.Recipient)
			}
			if refusal.Code == 0 && r.ORcpt != "" && !isORcpt(r.ORcpt) {
				t.Fatalf("ORCPT %q", r.ORcpt)
			}
		}
	})
}

func checkMail(t *testing.T, m MailArgs, g grammar) {
	t.Helper()
	if m.Sender != "" && !sameAgain(m.Sender, g) {
		t.Fatalf("sender %q", m.Sender)
	}
	if m.Size < -1 || m.EnvID != "" && !isEnvID(m.EnvID) || !isPrintable(m.Auth) {
		t.Fatalf("%+v", m)
	}
	if !m.SMTPUTF8 && !addr.IsASCII(m.Sender) {
		t.Fatalf("%q without SMTPUTF8", m.Sender)
	}
}

// sameAgain reports whether an address is read as itself, and is minimally quoted.
func sameAgain(address string, g grammar) bool {
	path, rest, ok := g.cutPath("<" + address + ">")
	again, good := g.address(path)
	local, domain, hasDomain := addr.Split(address)
	minimal := addr.Quote(addr.Unquote(local))
	if hasDomain {
		minimal += "@" + domain
	}
	return ok && good && rest == "" && again == address && minimal == address
}
