package cleanup

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

func set(t *testing.T, text string) *Characters {
	t.Helper()
	c, err := ParseCharacters(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "ab": "ab", `\0`: "\x00", `\001\12x`: "\x01x", `\a\b\f\t\v\\`: "\a\b\f\t\v\\", `\r\n`: "", `\0411`: "!1", `\377`: "\xff",
	} {
		c := set(t, text)
		got := ""
		for i := range 256 {
			if c != nil && c[i] {
				got += string([]byte{byte(i)})
			}
		}
		sorted := ""
		for i := range 256 {
			if strings.IndexByte(want, byte(i)) >= 0 {
				sorted += string([]byte{byte(i)})
			}
		}
		if got != sorted {
			t.Errorf("%q: got %q, want %q", text, got, sorted)
		}
	}
	for _, text := range []string{`\`, `\x41`, `\400`, `a\q`} {
		if _, err := ParseCharacters(text); err == nil {
			t.Errorf("%q is a set of characters", text)
		}
	}
}

func FuzzParseCharacters(f *testing.F) {
	for _, s := range []string{"", "ab", `\0\377\a`, `\400`, `\`, `\x`, "\\\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCharacters(text)
		if err != nil || c == nil {
			return
		}
		if c['\r'] || c['\n'] {
			t.Errorf("%q has a line end", text)
		}
		if strings.IndexByte(text, '\\') >= 0 {
			return
		}
		for i := range len(text) {
			if b := text[i]; !c[b] && b != '\r' && b != '\n' {
				t.Errorf("%q lacks %q", text, b)
			}
		}
	})
}

func TestWhatTheTextMustBeLike(t *testing.T) {
	bad := func(o *Options) { o.Content.Reject = set(t, `#`) }
	strict := func(o *Options) { o.Content.Rules = &checks.Rules{Header: true, Body: true, Domain: true, Nesting: 10} }
	for _, c := range []struct {
		name   string
		change func(*Options)
		kind   mail.Kind
		text   string
		want   string // the text or the reply
	}{
		{"a character that is refused, in the header", bad, mail.KindSMTP, "X: #\r\n\r\n", "550 5.7.1 disallowed character"},
		{"a character that is refused, in the body", bad, mail.KindSendmail, "X: y\r\n\r\na\r\n#\r\n", "550 5.7.1 disallowed character"},
		{"mail that was here before is not looked at", bad, mail.KindForward, "X: #\r\n\r\n", "X: #\r\n\r\n"},
		{"nor are notices", bad, mail.KindBounce, "X: #\r\n\r\n", "X: #\r\n\r\n"},
		{"but those that are to be", func(o *Options) { bad(o); o.Content.Internal = []string{"bounce"} }, mail.KindBounce, "X: #\r\n\r\n", "550 5.7.1 disallowed character"},
		{"characters that are taken out", func(o *Options) { o.Content.Strip = set(t, "x\\\\") }, mail.KindSMTP, "Sub\\ject: axbx\r\n\r\n\\xx\r\nxy\r\n", "Subject: ab\r\n\r\n\r\ny\r\n"},
		{"a header with 8-bit text", strict, mail.KindSMTP, "X: ü\r\n\r\n", "550 5.6.0 improper use of 8-bit data in message header"},
		{"a body with 8-bit text", strict, mail.KindSMTP, "X: u\r\n\r\nx\r\nü\r\n", "550 5.6.0 improper use of 8-bit data in message body"},
		{"an encoded multipart", strict, mail.KindSMTP, "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b--\r\n",
			"550 5.6.0 invalid message/* or multipart/* encoding domain"},
		{"an enclosed header", strict, mail.KindSMTP, "Content-Type: message/rfc822\r\n\r\nX: ü\r\n\r\n", "550 5.6.0 improper use of 8-bit data in message header"},
		{"what is well", strict, mail.KindSMTP, "Content-Transfer-Encoding: 8bit\r\n\r\nü\r\n", "Content-Transfer-Encoding: 8bit\r\n\r\nü\r\n"},
		{"what says to be 8bit is encoded", func(o *Options) { o.Content.Convert = true }, mail.KindSMTP, "Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\nmehr",
			"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\nmehr"},
		{"and held to the rules as it is then", func(o *Options) { strict(o); o.Content.Convert = true }, mail.KindSMTP, "Content-Transfer-Encoding: 8bit\r\n\r\nü\r\n",
			"Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n=C3=BC\r\n"},
	} {
		for _, block := range []int{1, 5, 1 << 20} {
			w := newWorld(t, func(o *Options) { c.change(o) })
			env := envelope(c.kind)
			env.Origin.Local, env.Origin.Service = false, "bounce"
			got, _, err := w.pass(t, env, nil, c.text, block)
			if err != nil {
				got = status.From(err).Reply.String()
			} else if i := strings.Index(got, "(UTC)\r\n"); i >= 0 {
				got = got[i+len("(UTC)\r\n"):]
			}
			if got != c.want {
				t.Errorf("%s, in blocks of %d: got %q, want %q", c.name, block, got, c.want)
			}
		}
	}
}

// RFC 6532 §3.2: mail that came with SMTPUTF8 has UTF-8 in its header.
func TestAHeaderMayBeUTF8WhereThatWasAgreed(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Content.Rules = &checks.Rules{Header: true} })
	env := envelope(mail.KindSMTP)
	env.SMTPUTF8 = true
	if _, _, err := w.pass(t, env, nil, "Subject: ü\r\n\r\n", 100); err != nil {
		t.Fatal(err)
	}
}

func TestTheEncodingOfTheHeaderIsBelieved(t *testing.T) {
	for text, want := range map[string]mail.BodyType{
		"Content-Transfer-Encoding: 8BIT (as is)\r\n\r\n": mail.Body8BitMIME, "Content-Transfer-Encoding: base64\r\n\r\n": mail.BodyUnset,
		"Content-Transfer-Encoding: binary\r\n\r\n": mail.Body8BitMIME, "Content-Type: text/plain\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n": mail.BodyUnset,
		"Content-Type: Multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b--\r\n": mail.Body8BitMIME, "\r\n": mail.BodyUnset,
	} {
		for _, detect := range []bool{true, false} {
			w := newWorld(t, func(o *Options) { o.Detect8Bit = detect })
			if !detect {
				want = mail.BodyUnset
			}
			if _, _, err := w.pass(t, envelope(mail.KindSMTP), nil, text, 100); err != nil || w.queued[0].Body != want {
				t.Errorf("%q, %v: got %v, %v", text, detect, w.queued[0].Body, err)
			}
		}
	}
}

func TestNothingIsLookedAtWhenNothingIsAsked(t *testing.T) {
	w := newWorld(t, nil)
	j, err := w.Begin(t.Context(), envelope(mail.KindSMTP), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Abort(t.Context())
	if err := j.Write(t.Context(), []byte("X: ü\r\n\r\n#")); err != nil || j.sieve != nil || j.strict != nil {
		t.Fatalf("%v, %v, %v", err, j.sieve, j.strict)
	}
}
