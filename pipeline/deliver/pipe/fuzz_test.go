package pipe

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
)

// What an address contains changes no other argument, and never their number.
func FuzzArguments(f *testing.F) {
	f.Add("-d ${recipient} ${sender}", "a@b.test", "$(x) ${user}@c.test", "-x@s.test")
	f.Add("$user$$ $(domain)x{ -- ${extension}", `"a b"@b`, "c+d e@f", "")
	f.Fuzz(func(t *testing.T, words, first, second, sender string) {
		var argv []argument
		for _, w := range strings.Fields(words) {
			a, err := parseArgument(w)
			if err != nil {
				return
			}
			argv = append(argv, a)
		}
		agent := &Agent{Options{RecipientDelimiter: "+"}}
		message := func(macro) string { return sender }
		recipients := []values{
			agent.ofRecipient(mail.Recipient{Address: first, Original: first}, message),
			agent.ofRecipient(mail.Recipient{Address: second, Original: second}, message),
		}
		args := expandAll(argv, message, recipients)
		for _, a := range argv {
			each := []values{message}
			if a.ofRecipient() {
				each = recipients
			}
			for _, v := range each {
				if len(args) == 0 || args[0] != plain(a, v) {
					t.Fatalf("%q makes %q, want %q first", words, args, plain(a, v))
				}
				args = args[1:]
			}
		}
		if len(args) != 0 {
			t.Fatalf("%q left over", args)
		}
	})
}

// plain is an argument put together without any cleverness.
func plain(a argument, v values) string {
	s := ""
	for _, p := range a {
		if p.macro == 0 {
			s += p.text
		} else {
			s += v(p.macro)
		}
	}
	return s
}

// The stream does in blocks what a loop over lines does.
func FuzzText(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\nFrom a\n.b\rc\r"), uint16(dots|quoteFrom), "\r\n")
	f.Add(bytes.Repeat([]byte("From \r\n..\r\n"), 3000), uint16(quoteFrom|blankLine), "\n")
	f.Fuzz(func(t *testing.T, text []byte, set uint16, eol string) {
		c := Command{flags: flags(set), eol: eol}
		var got bytes.Buffer
		if err := c.copyText(&got, nil, mail.Bytes(text)); err != nil {
			t.Fatal(err)
		}
		if want := byLine(c, string(text)); got.String() != want {
			t.Fatalf("got %q, want %q", got.String(), want)
		}
	})
}

func byLine(c Command, text string) string {
	var b strings.Builder
	for text != "" {
		line, rest, whole := strings.Cut(text, "\n")
		if whole {
			line = strings.TrimSuffix(line, "\r")
		}
		if c.flags.has(quoteFrom) && strings.HasPrefix(line, "From ") {
			b.WriteByte('>')
		}
		if c.flags.has(dots) && strings.HasPrefix(line, ".") {
			b.WriteByte('.')
		}
		b.WriteString(line + c.eol)
		text = rest
	}
	if c.flags.has(blankLine) {
		b.WriteString(c.eol)
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add("flags=DRXhu user=a:b eol=\\r\\012 size=5 argv= /bin/x ${user} {x")
	f.Add("null_sender= directory=/ chroot=/ argv=x")
	f.Fuzz(func(t *testing.T, args string) {
		c, err := Parse(strings.Split(args, " "))
		if err == nil && (len(c.argv) == 0 || c.path() == "" || c.eol == "" || c.user == "") {
			t.Fatalf("%q makes %+v", args, c)
		}
	})
}
