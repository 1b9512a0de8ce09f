package mimeconv_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"encoding/base64"
	"mime/quotedprintable"

	mtadmail "github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/mimeconv"
)

func convert(t testing.TB, text string) string {
	t.Helper()
	c, err := mimeconv.SevenBit(mtadmail.Bytes(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(mtadmail.Reader(c))
	if err != nil || int64(len(got)) != c.Size() {
		t.Fatalf("read %d bytes of %d: %v", len(got), c.Size(), err)
	}
	return string(got)
}

// crlf writes a message of a test with plain line ends.
func crlf(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n")
}

func TestSevenBit(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"text becomes quoted-printable", `
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße = viele
`, `
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe =3D viele
`},
		{"a message without type is text, and gets a version", `
Subject: x
content-transfer-encoding: 8BIT

ü
`, `
Subject: x
content-transfer-encoding: quoted-printable
MIME-Version: 1.0

=C3=BC
`},
		{"data becomes base64, its last line end included", `
MIME-Version: 1.0
Content-Type: image/png
Content-Transfer-Encoding: binary

ü
`, `
MIME-Version: 1.0
Content-Type: image/png
Content-Transfer-Encoding: base64

w7wNCg==
`},
		{"a multipart keeps what needs nothing", `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b 1"
Content-Transfer-Encoding: 8bit

preamble ü
--b 1
Content-Type: text/plain
Content-Transfer-Encoding: 8bit

ü
--b 1x
--b 1  
Content-Type: text/plain

undeclared ü
--b 1
Content-Type: application/octet-stream
Content-Transfer-Encoding: 8bit

ü
--b 1
Content-Transfer-Encoding: quoted-printable

=FC
--b 1--
epilogue ü
`, `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b 1"
Content-Transfer-Encoding: 7bit

preamble ü
--b 1
Content-Type: text/plain
Content-Transfer-Encoding: quoted-printable

=C3=BC
--b 1x
--b 1  
Content-Type: text/plain

undeclared ü
--b 1
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

w7w=
--b 1
Content-Transfer-Encoding: quoted-printable

=FC
--b 1--
epilogue ü
`},
		{"enclosed messages and nested multiparts are opened", `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

Subject: inner
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=in
Content-Transfer-Encoding: 8bit

--in
Content-Type: text/html
Content-Transfer-Encoding: 8bit

<p>ü
--out
Content-Transfer-Encoding: 8bit

--in is not open any more: ü
--out--
`, `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

--out
Content-Type: message/rfc822
Content-Transfer-Encoding: 7bit

Subject: inner
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=in
Content-Transfer-Encoding: 7bit

--in
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<p>=C3=BC
--out
Content-Transfer-Encoding: quoted-printable

--in is not open any more: =C3=BC
--out--
`},
		{"parts of a digest are messages", `
MIME-Version: 1.0
Content-Type: multipart/digest; boundary=d

--d

Subject: one
Content-Transfer-Encoding: 8bit

ü
--d--
`, `
MIME-Version: 1.0
Content-Type: multipart/digest; boundary=d

--d

Subject: one
Content-Transfer-Encoding: quoted-printable

=C3=BC
--d--
`},
		{"empty parts stay empty", `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: image/png
Content-Transfer-Encoding: 8bit

--b
Content-Type: image/png
Content-Transfer-Encoding: 8bit


--b
Content-Type: text/plain
Content-Transfer-Encoding: 8bit
--b--
ü
`, `
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: image/png
Content-Transfer-Encoding: base64

--b
Content-Type: image/png
Content-Transfer-Encoding: base64


--b
Content-Type: text/plain
Content-Transfer-Encoding: 8bit
--b--
ü
`},
		{"a type that makes no sense is data, an encoding in the plural one", `
Content-Type: nonsense
Content-Transfer-Encoding: 8bit
X: y
Content-Transfer-Encoding: 8bit
MIME-Version: 1.0

ü`, `
Content-Type: nonsense
Content-Transfer-Encoding: base64
X: y
MIME-Version: 1.0

w7w=
`},
		{"white space at the end of a line, soft breaks", `
Content-Transfer-Encoding: 8bit
MIME-Version: 1.0

` + "ü \n\t\n" + strings.Repeat("x", 75) + "\n" + strings.Repeat("x", 76) + "\n" + strings.Repeat("x", 75) + "--b\n", `
Content-Transfer-Encoding: quoted-printable
MIME-Version: 1.0

` + "=C3=BC=20\n=09\n" + strings.Repeat("x", 75) + "\n" + strings.Repeat("x", 75) + "=\nx\n" + strings.Repeat("x", 75) + "=\n=2D-b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := convert(t, crlf(c.text)), crlf(c.want)
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if again := convert(t, got); again != got {
				t.Errorf("converted again:\n%s", again)
			}
		})
	}
}

func TestLeftAlone(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"undeclared text", "Subject: x\r\n\r\nü\r\n"},
		{"declared as what it is not", "Content-Transfer-Encoding: 7bit\r\n\r\nü\r\n"},
		{"encoded already", "Content-Transfer-Encoding: base64\r\n\r\nü\r\n"},
		{"a partial message", "Content-Type: message/partial; id=x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nü\r\n"},
		{"a multipart without boundary", "Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: 8bit\r\n\r\nü\r\n"},
		{"a header that never ends", "Content-Transfer-Encoding: 8bit\r\nX: ü\r\n"},
		{"a body without empty line", "Content-Transfer-Encoding: 8bit\r\nno field here, but ü\r\n\r\nü\r\n"},
		{"no header", "ü\r\n"},
		{"a giant header", "Content-Transfer-Encoding: 8bit\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\nü\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := convert(t, c.text); got != c.text {
				t.Errorf("got %.300q", got)
			}
		})
	}
	t.Run("nothing to do", func(t *testing.T) {
		text := mtadmail.Bytes("Content-Transfer-Encoding: 8bit\r\n\r\nplain\r\n")
		got, err := mimeconv.SevenBit(text)
		if err != nil || string(got.(mtadmail.Bytes)) != string(text) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// decode returns the bodies of all leaves as an independent reader (the standard library's) decodes
// them, in order.
func decode(t *testing.T, r io.Reader) []string {
	t.Helper()
	m, err := mail.ReadMessage(r)
	if err != nil {
		t.Fatal(err)
	}
	return leaves(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

func leaves(t *testing.T, kind, encoding string, body io.Reader) []string {
	t.Helper()
	mediaType, params, _ := mime.ParseMediaType(kind)
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		var all []string
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, leaves(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)...)
		}
	case mediaType == "message/rfc822":
		return decode(t, body)
	case encoding == "quoted-printable":
		body = quotedprintable.NewReader(body)
	case encoding == "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(b)}
}

func TestDecodingGivesTheOriginal(t *testing.T) {
	long := strings.Repeat("ü=\x01 \t.", 3000)
	data := strings.Repeat("\x00\xff--b\r", 5000)
	text := crlf(`
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain
Content-Transfer-Encoding: 8bit

first ü
  second  
` + long + `
.
--b
Content-Type: image/png
Content-Transfer-Encoding: 8bit

` + data + `
` + data + `

--b
Content-Type: message/rfc822
Content-Transfer-Encoding: 8bit

Subject: inner
Content-Type: text/plain
Content-Transfer-Encoding: 8bit

ü
--b--
`)
	got := convert(t, text)
	if i := strings.IndexFunc(got, func(r rune) bool { return r >= 0x80 }); i >= 0 {
		t.Errorf("8-bit left at %d", i)
	}
	for _, l := range strings.Split(got, "\r\n") {
		if len(l) > 76 {
			t.Errorf("a line of %d", len(l))
		}
	}
	want, have := decode(t, strings.NewReader(text)), decode(t, strings.NewReader(got))
	if len(want) != 3 || len(have) != 3 {
		t.Fatalf("%d and %d parts", len(want), len(have))
	}
	for i := range want {
		if want[i] != have[i] {
			t.Errorf("part %d is %.200q, was %.200q", i, have[i], want[i])
		}
	}
}

func TestReadAtAnyOffset(t *testing.T) {
	text := "Content-Transfer-Encoding: 8bit\r\n\r\n" + strings.Repeat("grün ", 20_000)
	whole := convert(t, text)
	c, err := mimeconv.SevenBit(mtadmail.Bytes(text))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, off := range []int64{0, 1000, 50, 50, c.Size() - 10, 30_000, c.Size(), -1} {
		buf := make([]byte, 1000)
		n, err := c.ReadAt(buf, off)
		if off < 0 || off >= c.Size() {
			if n != 0 || err != io.EOF {
				t.Errorf("at %d: %d, %v", off, n, err)
			}
			continue
		}
		want := whole[off:min(off+1000, c.Size())]
		if string(buf[:n]) != want || (err == nil) != (len(want) == 1000) {
			t.Errorf("at %d: %d bytes, %v", off, n, err)
		}
	}
}

type failing struct {
	mtadmail.Bytes
	after int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.after {
		return 0, errors.New("disk on fire")
	}
	return f.Bytes.ReadAt(p, off)
}

func TestAFailureToReadIsTold(t *testing.T) {
	text := mtadmail.Bytes("Content-Transfer-Encoding: 8bit\r\n\r\nü" + strings.Repeat("x", 100_000))
	for _, after := range []int64{0, 20_000} {
		if _, err := mimeconv.SevenBit(failing{text, after}); err == nil {
			t.Errorf("no error at %d", after)
		}
	}
}

// stream converts a text that comes in pieces of n bytes.
func stream(text string, n int) string {
	var s mimeconv.Stream
	var out []byte
	for len(text) > 0 {
		k := min(n, len(text))
		out = s.Append(out, []byte(text[:k]))
		text = text[k:]
	}
	return string(s.End(out))
}

func TestAStreamIsConvertedAsAWhole(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, text := range map[string]string{
		"text":            "Content-Transfer-Encoding: 8bit\r\n\r\nGrü\xdfe\r\nund mehr\r\n",
		"a long line":     "Content-Transfer-Encoding: 8bit\r\n\r\nü" + long + "\r\n" + long,
		"data":            "Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\xfc\r\r\n\r\n" + long + "\xfc",
		"parts":           "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nü\r\n--b--\r\n",
		"undeclared text": "Subject: x\r\n\r\nü\r\n",
		"no end of line":  "Content-Transfer-Encoding: 8bit\r\n\r\nü",
		"only a header":   "Content-Transfer-Encoding: 8bit\r\nX: ü",
		"nothing":         "",
	} {
		t.Run(name, func(t *testing.T) {
			want := convert(t, text)
			for _, n := range []int{1, 2, 7, 4096, 1 << 20} {
				if got := stream(text, n); got != want {
					t.Errorf("in pieces of %d: got %q, want %q", n, got, want)
				}
			}
		})
	}
}

func FuzzSevenBit(f *testing.F) {
	f.Add([]byte("Content-Transfer-Encoding: 8bit\r\n\r\n\xfc\r\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xfc--b\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: message/rfc822\r\n\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\xfc\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		once := convert(t, string(text))
		if again := convert(t, once); again != once {
			t.Errorf("%q converted again is %q", once, again)
		}
		if ascii := !bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }); ascii && once != string(text) {
			t.Errorf("%q became %q", text, once)
		}
		if got := stream(string(text), 3); bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) && got != once {
			t.Errorf("%q as a stream is %q, as a whole %q", text, got, once)
		}
		if len(once) > 5*len(text)+200 {
			t.Errorf("%d bytes became %d", len(text), len(once))
		}
	})
}
