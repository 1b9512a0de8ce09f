package grammar

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/addr"
)

var (
	lenient = Paths{MaxLocal: 64, MaxDomain: 255}
	strict  = Paths{Strict: true, MaxLocal: 64, MaxDomain: 255}
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
				Paths
				want string
			}{{lenient, c.lenient}, {strict, c.strict}} {
				got, ok := g.Address(c.in)
				if ok != (g.want != "") || ok && got != g.want {
					t.Errorf("strict %t: %q, %t; want %q", g.Strict, got, ok, g.want)
				}
			}
		})
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
		state := Check(line)
		cmd := Parse(line)
		if strings.ContainsAny(cmd.Logged(), "\r\n\x00") {
			t.Fatalf("%q is logged as %q", line, cmd.Logged())
		}
		cmd.IsHeader()
		if name := HeloName(cmd.Arg); !addr.IsASCII(name) || strings.ContainsAny(name, " \t\r\n<>\x00") {
			t.Fatalf("HELO name %q", name)
		}
		if size, _, ok := ParseChunk(string(cmd.Arg)); ok && size < 0 {
			t.Fatalf("a chunk of %d", size)
		}
		if state != Good {
			return
		}
		all := Offered{DSN: true, Auth: true, SMTPUTF8: true, BinaryMIME: true}
		if path, ok := AfterKeyword(string(cmd.Arg), "FROM:"); ok {
			m, refusal := ParseMail(path, g, all)
			if refusal.Code == 0 {
				checkMail(t, m, g)
			}
		}
		if path, ok := AfterKeyword(string(cmd.Arg), "TO:"); ok {
			r, refusal := ParseRcpt(path, g, all, true)
			if refusal.Code == 0 && (r.Recipient == "" || !sameAgain(r.Recipient, g)) {
				t.Fatalf("recipient %q", r.Recipient)
			}
			if refusal.Code == 0 && r.ORcpt != "" && !isORcpt(r.ORcpt) {
				t.Fatalf("ORCPT %q", r.ORcpt)
			}
		}
	})
}

func checkMail(t *testing.T, m MailArgs, g Paths) {
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
func sameAgain(address string, g Paths) bool {
	path, rest, ok := g.cutPath("<" + address + ">")
	again, good := g.Address(path)
	local, domain, hasDomain := addr.Split(address)
	minimal := addr.Quote(addr.Unquote(local))
	if hasDomain {
		minimal += "@" + domain
	}
	return ok && good && rest == "" && again == address && minimal == address
}
