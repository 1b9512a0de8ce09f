package scan

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
)

// open makes a message of its text.
func open(text string) *Message {
	n, _ := mail.Split([]byte(text))
	off := int64(0)
	if strings.HasPrefix(text[n:], "\r\n") {
		off = 2
	}
	return New([]byte(text[:n]), mail.Bytes(text[n:]), off, nil)
}

func lines(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// A message with what filters have to see: nested multiparts, an attached message, encodings, names.
var mixed = lines(`Subject: test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe =
aus K=F6ln
--inner
Content-Type: TEXT/HTML

<p>hello</p>
--inner--
epilogue
--outer
Content-Type: application/octet-stream; name=weird name.exe
Content-Disposition: attachment; filename==?utf-8?q?b=C3=B6se.exe?=
Content-Transfer-Encoding: base64

TVqQ AAMA
!AAAE
--outer
this line is no field
Content-Type: message/rfc822

Subject: inside
Content-Type: application/zip; name*=utf-8''d%C3%A4ta.zip

PK
--outer--
`)

func TestPartsAreWhatMailProgramsSee(t *testing.T) {
	m := open(mixed)
	want := []struct {
		Part
		content string
	}{
		{Part{"text/plain", "", "iso-8859-1", ""}, "Grüße aus Köln"},
		{Part{"text/html", "", "", ""}, "<p>hello</p>"},
		{Part{"application/octet-stream", "böse.exe", "", "attachment"}, "MZ\x90\x00\x03\x00\x00\x00\x04"},
		{Part{"application/zip", "däta.zip", "", ""}, "PK"},
	}
	if n, err := m.Count(); n != len(want) || err != nil {
		t.Fatalf("%d parts, %v: %+v", n, err, m.leaves)
	}
	for i, w := range want {
		p, err := m.Part(i)
		if err != nil || p != w.Part {
			t.Errorf("part %d is %+v, %v; want %+v", i, p, err, w.Part)
		}
		buf := make([]byte, 100)
		n, err := m.ReadPart(i, 0, buf)
		if got := string(buf[:n]); err != nil || got != w.content {
			t.Errorf("part %d reads %q, %v; want %q", i, got, err, w.content)
		}
		if size, err := m.PartSize(i); size != int64(len(w.content)) || err != nil {
			t.Errorf("part %d has size %d, %v", i, size, err)
		}
	}
	if _, err := m.Part(len(want)); err != ErrPart {
		t.Errorf("a part too many: %v", err)
	}
}

func TestOddMessagesHaveParts(t *testing.T) {
	for _, c := range []struct {
		name, text, want string // types and contents
	}{
		{"no header at all", "just text\r\n", "text/plain:just text\r\n"},
		{"no body", "Subject: x\r\n", "text/plain:"},
		{"a multipart that does not end", lines("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n"), "text/plain:one text/plain:two\r\n"},
		{"a multipart without a boundary", lines("Content-Type: multipart/mixed\n\n--b\n\none\n"), "multipart/mixed:--b\r\n\r\none\r\n"},
		{"a part that is only a header", lines("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n--b--\n"), "image/png:"},
		{"a header without the empty line", lines("Content-Type: text/html\nno field\n"), "text/html:no field\r\n"},
		{"an inner multipart that does not end", lines("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n"), "text/plain:one text/plain:two"},
		{"broken base64 reads as far as it goes", lines("Content-Transfer-Encoding: base64\n\naGVsbG8=\n%%%\n"), "text/plain:hello"},
		{"an unknown encoding is raw", lines("Content-Transfer-Encoding: x-yenc\n\nabc"), "text/plain:abc"},
		{"bare LF", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\n\none\n--b--\n", "text/plain:one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := open(c.text)
			n, err := m.Count()
			var got []string
			for i := range n {
				p, _ := m.Part(i)
				b, _ := io.ReadAll(m.part(i))
				got = append(got, p.Type+":"+string(b))
			}
			if s := strings.Join(got, " "); err != nil || s != c.want {
				t.Fatalf("%v %q, want %q", err, s, c.want)
			}
		})
	}
}

func TestDepthAndNumberOfPartsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3 * MaxDepth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	if n, err := open(b.String()).Count(); n != 1 || err != nil {
		t.Fatalf("%d parts, %v", n, err)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 3*MaxParts)
	if n, err := open(many).Count(); n != MaxParts || err != nil {
		t.Fatalf("%d parts, %v", n, err)
	}
}

// naive finds a set by comparing at each place: the truth that the automaton is held to.
func naive(words []string, text string, from int) (begin, end int) {
	fold := func(s string) string {
		b := []byte(s)
		for i := range b {
			b[i] = lower(b[i])
		}
		return string(b)
	}
	low := fold(text)
	for e := from + 1; e <= len(text); e++ {
		for b := from; b < e; b++ {
			for _, w := range words {
				if w != "" && fold(w) == low[b:e] {
					return b, e
				}
			}
		}
	}
	return -1, -1
}

func TestWordsFindsWhatComparingFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abAB-\xe4"[rng.IntN(6)]
		}
		return string(b)
	}
	for range 500 {
		var words []string
		for range 1 + rng.IntN(6) {
			words = append(words, letters(1+rng.IntN(5)))
		}
		text := letters(rng.IntN(60))
		w, err := CompileWords(words)
		if err != nil {
			t.Fatal(err)
		}
		m := New(nil, mail.Bytes(text), 0, nil)
		from := rng.IntN(len(text) + 1)
		b, e := naive(words, text, from)
		got, ok, err := m.FindWords(w, Body, int64(from))
		if err != nil || ok != (e >= 0) || ok && (got.Begin != int64(b) || got.End != int64(e) || string(got.Found) != text[b:e]) {
			t.Fatalf("%q in %q from %d: %+v %v %v, want %d %d", words, text, from, got, ok, err, b, e)
		}
	}
}

func TestMatchesAcrossBlocksAreFound(t *testing.T) {
	const word = "Needle-in-the-haystack"
	w, err := CompileWords([]string{word})
	if err != nil {
		t.Fatal(err)
	}
	p, err := CompilePattern("(?i)needle-in-[a-z]+-haystack")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 16<<10 - 5, 32<<10 - 5, 64<<10 - 21, 100_000} {
		text := strings.Repeat("x", at) + word + strings.Repeat("y", 50_000)
		m := open("S: 1\r\n\r\n" + text)
		for name, find := range map[string]func() (Match, bool, error){
			"words":  func() (Match, bool, error) { return m.FindWords(w, Body, 0) },
			"regexp": func() (Match, bool, error) { return m.FindPattern(p, Body, 0) },
		} {
			got, ok, err := find()
			if err != nil || !ok || got.Begin != int64(at) || got.End != int64(at+len(word)) || string(got.Found) != word {
				t.Errorf("%s at %d: %+v %v %v", name, at, got, ok, err)
			}
		}
	}
}

func TestEachTextIsScannedByItsName(t *testing.T) {
	m := open(mixed)
	for _, c := range []struct {
		word string
		text int
		want bool
	}{
		{"subject: test", Header, true}, {"hello", Header, false}, {"subject: test", Body, false}, {"hello", Body, true},
		{"subject: test", Whole, true}, {"preamble", Whole, true}, {"grüße aus köln", Whole, false},
		{"Grüße aus Köln", Decoded, true}, {"MZ", Decoded, false}, {"hello", Decoded, true}, {"MZ", Parts + 2, true}, {"PK", Parts + 3, true},
	} {
		w, _ := CompileWords([]string{c.word})
		if _, ok, err := m.FindWords(w, c.text, 0); ok != c.want || err != nil {
			t.Errorf("%q in text %d: %v, %v", c.word, c.text, ok, err)
		}
		p, _ := CompilePattern("(?i)" + regexp.QuoteMeta(c.word))
		if _, ok, err := m.FindPattern(p, c.text, 0); ok != c.want || err != nil {
			t.Errorf("pattern %q in text %d: %v, %v", c.word, c.text, ok, err)
		}
	}
	if _, _, err := m.FindPattern(&Pattern{re: regexp.MustCompile("x")}, Parts+9, 0); err != ErrPart {
		t.Errorf("a text that is not there: %v", err)
	}
}

func TestHashes(t *testing.T) {
	m := open("A: b\r\n\r\nhello")
	for _, c := range []struct {
		alg, want string
	}{
		{"md5", "5d41402abc4b2a76b9719d911017c592"}, {"sha1", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
		{"sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	} {
		if got, err := m.Hash(c.alg, Body); got != c.want || err != nil {
			t.Errorf("%s: %s, %v", c.alg, got, err)
		}
	}
	if _, err := m.Hash("crc", Body); err != ErrHash {
		t.Errorf("an unknown hash: %v", err)
	}
}

func TestWhenTheTimeIsOverEveryCallSaysSo(t *testing.T) {
	m := open(mixed)
	m.Late(func() bool { return true })
	w, _ := CompileWords([]string{"x"})
	p, _ := CompilePattern("(a+)+$")
	for name, fn := range map[string]func() error{
		"count":  func() error { _, err := m.Count(); return err },
		"words":  func() error { _, _, err := m.FindWords(w, Decoded, 0); return err },
		"regexp": func() error { _, _, err := m.FindPattern(p, Body, 0); return err },
		"hash":   func() error { _, err := m.Hash("md5", Whole); return err },
		"read":   func() error { _, err := m.ReadPart(0, 0, make([]byte, 9)); return err },
	} {
		if err := fn(); !errors.Is(err, ErrTime) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.Late(nil)
	if n, err := m.Count(); n != 4 || err != nil {
		t.Errorf("afterwards there are %d parts, %v", n, err)
	}
}

func TestPartsAreReadInPiecesAndFromAnyPlace(t *testing.T) {
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	m := open("Content-Transfer-Encoding: base64\r\nContent-Type: a/b\r\n\r\n" + base64.StdEncoding.EncodeToString(data))
	var got []byte
	buf := make([]byte, 4096)
	for {
		n, err := m.ReadPart(0, int64(len(got)), buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("pieces do not make the content")
	}
	if n, err := m.ReadPart(0, 1000, buf); err != nil || !bytes.Equal(buf[:n], data[1000:1000+n]) {
		t.Fatalf("from 1000: %d, %v", n, err)
	}
	if n, err := m.ReadPart(0, 1<<40, buf); n != 0 || err != nil {
		t.Fatalf("beyond the end: %d, %v", n, err)
	}
}

func TestSetsAndPatternsHaveLimits(t *testing.T) {
	if _, err := CompileWords([]string{strings.Repeat("x", MaxWord+1)}); err != ErrLimit {
		t.Errorf("a long word: %v", err)
	}
	var many []string
	for i := range 60_000 {
		many = append(many, fmt.Sprintf("word-%d-%x", i, i*7919))
	}
	if _, err := CompileWords(many); err != ErrLimit {
		t.Errorf("many words: %v", err)
	}
	for _, bad := range []string{strings.Repeat("x", MaxPattern+1), "(((a{100}){100}){100})", "(", `\C`} {
		if _, err := CompilePattern(bad); err == nil {
			t.Errorf("pattern %.20q was compiled", bad)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(mixed)
	f.Add("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\n--\r\n")
	w, _ := CompileWords([]string{"a", "boundary"})
	f.Fuzz(func(t *testing.T, text string) {
		m := open(text)
		n, err := m.Count()
		if err != nil || n > MaxParts {
			t.Fatalf("%d parts, %v", n, err)
		}
		for i := range n {
			if _, err := m.PartSize(i); err != nil {
				t.Fatalf("part %d: %v", i, err)
			}
		}
		if _, _, err := m.FindWords(w, Decoded, 0); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkWords200(b *testing.B) {
	var words []string
	for i := range 200 {
		words = append(words, fmt.Sprintf("never-%d-there", i))
	}
	w, _ := CompileWords(words)
	m := open("Subject: x\r\n\r\n" + strings.Repeat("The quick brown fox jumps over the lazy dog.\r\n", 89))
	b.ReportAllocs()
	b.SetBytes(4096)
	for b.Loop() {
		if _, ok, err := m.FindWords(w, Body, 0); ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
