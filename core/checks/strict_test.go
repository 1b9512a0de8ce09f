package checks_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
)

// hold writes a message with LF for line ends to a Strict in pieces of n bytes.
func hold(r checks.Rules, text string, n int) *checks.Offence {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	head, _ := mail.Split([]byte(text))
	s := checks.NewStrict(r, mail.ParseHeader([]byte(text[:head])))
	body := strings.TrimPrefix(text[head:], "\r\n")
	for len(body) > 0 {
		k := min(n, len(body))
		s.Write([]byte(body[:k]))
		body = body[k:]
	}
	return s.Offence()
}

func TestStrict(t *testing.T) {
	const two = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n" +
		"Content-Type: multipart/mixed; boundary=d\n\n--d\nContent-Type: multipart/mixed; boundary=e\n\n--e\n\nx\n--e--\n--d--\n--c--\n--b--\n"
	all := checks.Rules{Header: true, Body: true, Domain: true, Nesting: 2}
	const (
		inHeader = "improper use of 8-bit data in message header"
		inBody   = "improper use of 8-bit data in message body"
		domain   = "invalid message/* or multipart/* encoding domain"
		nesting  = "MIME nesting exceeds safety limit"
	)
	for _, c := range []struct {
		name       string
		rules      checks.Rules
		text, want string
	}{
		{"plain text", all, "Subject: x\n\ntext\n", ""},
		{"a header", all, "Subject: grün\n\n", inHeader + "|Subject: grün"},
		{"a body", all, "Subject: x\n\nfirst\ngrün\n", inBody + "|grün"},
		{"a long line", all, "Subject: x\n\n" + strings.Repeat("x", 9000) + "ü\n", inBody},
		{"a declared body", all, "Content-Transfer-Encoding: 8bit\n\ngrün\n", ""},
		{"a folded declaration", all, "Content-Transfer-Encoding:\n 8bit\n\ngrün\n", ""},
		{"an unknown encoding", all, "Content-Transfer-Encoding: odd\n\ngrün\n", inBody + "|grün"},
		{"a part", all, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ngrün\n--b--\n", inBody + "|grün"},
		{"a declared part", all, "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: 8bit\n\ngrün\n--b--\n", ""},
		{"the header of a part", all, "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: a\n ü\n\n--b--\n", inHeader},
		{"a very long field of a part", all, "Content-Type: multipart/mixed; boundary=b\n\n--b\nX: " + strings.Repeat("x", 9000) + "\n ü\n\n--b--\n", inHeader},
		{"an enclosed message", all, "Content-Type: message/rfc822\n\nSubject: x\n\ngrün\n", inBody + "|grün"},
		{"an encoded multipart", all, "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b--\n", domain + "|base64"},
		{"an encoded message", all, "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\nX: y\n", domain + "|quoted-printable"},
		{"as deep as may be", all, two, ""},
		{"deeper", checks.Rules{Nesting: 1}, two, nesting},
		{"what is not asked for", checks.Rules{}, "Subject: ü\n\nü\n" + two, ""},
		{"a boundary behind text that is skipped", checks.Rules{Header: true}, "Content-Type: multipart/mixed; boundary=b\n\n--x\n-\ntext\n--b\nX: ü\n\n--b--\n", inHeader + "|X: ü"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{1, 7, 4096, 1 << 20} {
				got := ""
				if o := hold(c.rules, c.text, n); o != nil {
					got = o.Text
					if strings.Contains(c.want, "|") {
						got += "|" + o.Line
					}
				}
				if got != c.want {
					t.Errorf("in pieces of %d: got %q, want %q", n, got, c.want)
				}
			}
		})
	}
}

func FuzzStrict(f *testing.F) {
	f.Add("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nX: y\n\n\xfc\n--b--\n", uint8(3))
	f.Add("Content-Transfer-Encoding: 8bit\n\n\xfc\n", uint8(1))
	f.Add("Content-Type: multipart/digest; boundary=b\n\n--b\n\nX\xfc: y\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		r := checks.Rules{Header: true, Body: true, Domain: true, Nesting: 3}
		whole, pieces := hold(r, text, 1<<20), hold(r, text, int(n)+1)
		if (whole == nil) != (pieces == nil) || whole != nil && whole.Text != pieces.Text {
			t.Errorf("whole: %v, in pieces of %d: %v", whole, int(n)+1, pieces)
		}
	})
}
