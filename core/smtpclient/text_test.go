package smtpclient_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// sent returns what a peer without CHUNKING gets as text, from behind DATA to the final dot.
func sent(t testing.TB, text mail.Content, lineLimit int) string {
	t.Helper()
	nc := &canned{in: []byte("220 mx ESMTP\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n")}
	tx := deliver(t, nc, text, lineLimit)
	_, wire, ok := strings.Cut(nc.out.String(), "\r\nDATA\r\n")
	if !ok || tx.Results[0].Reply.Code != 250 {
		t.Fatalf("not sent: %+v", tx.Results)
	}
	return wire
}

// chunk returns what a peer with CHUNKING gets; ok is false when DATA was used.
func chunk(t testing.TB, text mail.Content) (wire string, ok bool) {
	t.Helper()
	nc := &canned{in: []byte("220 mx ESMTP\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n")}
	nc.in = bytes.Replace(nc.in, []byte("354 go\r\n250 done"), []byte("354 go\r\n250 done"), 1)
	c := smtpclient.New(nc, options())
	if _, err := c.Greet(); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	tx := message("", "x@to.test")
	tx.Text = text
	_ = c.Send(tx) // the replies do for DATA only
	_, rest, found := strings.Cut(nc.out.String(), "RCPT TO:<x@to.test>\r\n")
	if !found || !strings.HasPrefix(rest, "BDAT ") {
		return "", false
	}
	head, wire, _ := strings.Cut(rest, "\r\n")
	if head != fmt.Sprintf("BDAT %d LAST", len(wire)) {
		t.Fatalf("%q in front of %d bytes", head, len(wire))
	}
	return wire, true
}

func deliver(t testing.TB, nc *canned, text mail.Content, lineLimit int) *smtpclient.Transaction {
	t.Helper()
	c := smtpclient.New(nc, options(func(o *smtpclient.Options) { o.LineLimit = lineLimit }))
	if _, err := c.Greet(); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	tx := message("", "x@to.test")
	tx.Text = text
	if err := c.Send(tx); err != nil {
		t.Fatal(err)
	}
	return tx
}

// unstuff is the reference decoder: RFC 5321 §4.5.2 as a server reads it, byte by byte, and
// strict: a CR or LF of its own, a missing end or anything behind it is an error.
func unstuff(wire string) (string, error) {
	var text strings.Builder
	for {
		line, rest, ok := strings.Cut(wire, "\n")
		if !ok || !strings.HasSuffix(line, "\r") {
			return "", errors.New("line without CR LF: " + line)
		}
		line = strings.TrimSuffix(line, "\r")
		if strings.Contains(line, "\r") {
			return "", errors.New("bare CR in " + line)
		}
		if line == "." {
			if rest != "" {
				return "", errors.New("text behind the dot: " + rest)
			}
			return text.String(), nil
		}
		text.WriteString(strings.TrimPrefix(line, "."))
		text.WriteString("\r\n")
		wire = rest
	}
}

// normal is what text should arrive as, made in the simplest way.
func normal(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", " ")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}

func arrivesAs(t testing.TB, text, want string) {
	t.Helper()
	got, err := unstuff(sent(t, mail.Bytes(text), 0))
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%.200q arrived as %.200q, want %.200q", text, got, want)
	}
}

func TestText(t *testing.T) {
	block := strings.Repeat("x", 64<<10-7)
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"a line end", "\r\n", "\r\n"},
		{"no line end", "a", "a\r\n"},
		{"a dot", ".", ".\r\n"},
		{"a dot and no more", ".\r\n", ".\r\n"},
		{"dots", ".a\r\n..b\r\nc.\r\n.\r\n", ".a\r\n..b\r\nc.\r\n.\r\n"},
		{"bare LF", "a\nb\r\n", "a\r\nb\r\n"},
		{"bare CR", "a\rb\r\n", "a b\r\n"},
		{"bare CR at the end", "a\r", "a \r\n"},
		{"CR CR LF", "a\r\r\nb\r\n", "a \r\nb\r\n"},
		{"LF at the begin", "\na\r\n", "\r\na\r\n"},
		{"8-bit and NUL", "\x00\xff\xfe\r\n", "\x00\xff\xfe\r\n"},
		{"end of data with bare LFs", "a\n.\nMAIL FROM:<x>\n", "a\r\n.\r\nMAIL FROM:<x>\r\n"},
		{"end of data with bare CRs", "a\r.\rb\r\n", "a . b\r\n"},
		{"end of data, mixed", "a\n.\r\nb\r\n.\nc\r\n.\rd\r\n\r.\r\n", "a\r\n.\r\nb\r\n.\r\nc\r\n. d\r\n .\r\n"},
		{"CR LF across blocks", block + "yz\r\n.a\r\n", block + "yz\r\n.a\r\n"},
		{"a dot at the begin of a block", block + "\r\n.a\r\n", block + "\r\n.a\r\n"},
		{"a bare CR at the end of a block", block + "y\rz\r\n", block + "y z\r\n"},
		{"a bare LF at the begin of a block", block + "yz\n.a\r\n", block + "yz\r\n.a\r\n"},
		{"nothing but bare LFs", strings.Repeat("\n", 100_000), strings.Repeat("\r\n", 100_000)},
		{"nothing but dots in lines", strings.Repeat(".\n", 100_000), strings.Repeat(".\r\n", 100_000)},
		{"nothing but CRs", strings.Repeat("\r", 100_000), strings.Repeat(" ", 100_000) + "\r\n"},
		{"a line of 200 KB", strings.Repeat("x", 200_000) + "\r\n", strings.Repeat("x", 200_000) + "\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			arrivesAs(t, c.text, c.want)
			if n := normal(c.text); n != c.want {
				t.Errorf("the reference says %.200q", n)
			}
		})
	}
}

// Every alignment of every troublemaker to the border of a block.
func TestTextAcrossBlocks(t *testing.T) {
	for _, trouble := range []string{"\r\n.\r\n", "\n.\n", "\r.\r", "\r\r\n\n\r", "\r\n..\r\n"} {
		for shift := range len(trouble) + 2 {
			text := strings.Repeat("x", 64<<10-5-shift) + trouble + "end\r\n"
			arrivesAs(t, text, normal(text))
		}
	}
}

func TestLineLimit(t *testing.T) {
	line := strings.Repeat("0123456789", 20)
	for _, c := range []struct{ name, text, want string }{
		{"at the limit", line[:100] + "\r\n", line[:100] + "\r\n"},
		{"over the limit", line[:101] + "\r\nb\r\n", line[:100] + "\r\n " + line[100:101] + "\r\nb\r\n"},
		{"far over the limit, without end", line, line[:100] + "\r\n " + line[100:199] + "\r\n " + line[199:] + "\r\n"},
		{"a dot does not count", "." + line[:99] + "\r\n", "." + line[:99] + "\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := unstuff(sent(t, mail.Bytes(c.text), 100))
			if err != nil || got != c.want {
				t.Errorf("arrived as %q, %v", got, err)
			}
		})
	}
	t.Run("across blocks", func(t *testing.T) {
		text := strings.Repeat("x", 200_000)
		got, err := unstuff(sent(t, mail.Bytes(text), 998))
		if err != nil || strings.ReplaceAll(got, "\r\n ", "") != text+"\r\n" {
			t.Fatalf("arrived as %.80q…, %v", got, err)
		}
		for _, l := range strings.Split(got, "\r\n") {
			if len(l) > 998 {
				t.Errorf("a line of %d bytes", len(l))
			}
		}
	})
}

func TestOneShotIsForHarmlessText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"plain text", "Subject: x\r\n\r\n.\r\nhello", true},
		{"commands that begin no mail", "RCPT TO:<x>\r\nDATA\r\nQUIT\r\n", true},
		{"a mail in a line", "x MAIL FROM:<x>\r\n", true},
		{"a mail on the first line", "mail from:<x>\r\n", false},
		{"a mail behind white space", "a\r\n\r\n \t\x00MAIL FROM:<x>\r\n", false},
		{"old commands", "a\r\nSend from:<x>\r\n", false},
		{"more old commands", "a\r\nSOML FROM:<x>\r\n", false},
		{"and the last", "a\r\nSAML FROM:<x>", false},
		{"a bare LF", "a\nb\r\n", false},
		{"a bare CR", "a\rb\r\n", false},
		{"nothing", "", false},
		{"too large", strings.Repeat("x", 64<<10), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire, ok := chunk(t, mail.Bytes(c.text))
			if ok != c.ok || ok && wire != normal(c.text) {
				t.Errorf("chunk = %.80q, %v", wire, ok)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", ".", "\r\n.\r\n", "\n.\n", "a\r.\rb", "..\r\n.", "mail\r\n", "\r", "x\r\r\n"} {
		f.Add([]byte(s), uint32(0))
		f.Add([]byte(s), uint32(64<<10-6))
	}
	f.Fuzz(func(t *testing.T, text []byte, before uint32) {
		// Put the text around the border of two blocks too.
		whole := strings.Repeat("x", int(before%(70<<10))) + string(text)
		arrivesAs(t, whole, normal(whole))
		if wire, ok := chunk(t, mail.Bytes(whole)); ok && wire != normal(whole) {
			t.Errorf("chunk %q of %q", wire, whole)
		}
		if got := pieces(t, whole, 1+int(before%509)); got != sent(t, mail.Bytes(whole), 0) {
			t.Errorf("in pieces of %d: %q of %q", 1+before%509, got, whole)
		}
		if limited, err := unstuff(sent(t, mail.Bytes(whole), 64)); err != nil {
			t.Errorf("with a limit: %v", err)
		} else {
			for _, l := range strings.Split(limited, "\r\n") {
				if len(l) > 64 {
					t.Errorf("line of %d", len(l))
				}
			}
		}
	})
}

func TestRandomTextRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"\r", "\n", "\r\n", ".", "x", "some words ", strings.Repeat("y", 16<<10-3), "\r\n.\r\n"}
	for range 200 {
		var b strings.Builder
		for range rng.IntN(60) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		arrivesAs(t, b.String(), normal(b.String()))
	}
}
