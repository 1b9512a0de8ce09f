package smtp

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// reference is the decoder as one would write it on a blackboard: it has the whole input and looks
// at the byte in hand. It returns the text, how much of the input it took, whether the end of data
// was there, and whether a bare LF was before it.
func reference(in string, dots bool) (text string, used int, ended, bare bool) {
	const none, crlf, lf = 0, 1, 2
	var out strings.Builder
	line := crlf // what line end is just before i
	i := 0
	for i < len(in) {
		rest := in[i:]
		switch {
		case dots && line == crlf && strings.HasPrefix(rest, ".\r\n"):
			return out.String(), i + 3, true, bare
		case dots && line == lf && strings.HasPrefix(rest, ".\r\n"):
			i, line = i+3, crlf
		case dots && line != none && strings.HasPrefix(rest, ".\n"):
			i, line, bare = i+2, lf, true
		case dots && line != none && rest[0] == '.':
			i, line = i+1, none
		case strings.HasPrefix(rest, "\r\n"):
			out.WriteString("\r\n")
			i, line = i+2, crlf
		case rest[0] == '\n':
			out.WriteString("\r\n")
			i, line, bare = i+1, lf, true
		case rest[0] == '\r':
			out.WriteByte(' ')
			i, line = i+1, none
		default:
			out.WriteByte(rest[0])
			i, line = i+1, none
		}
	}
	return out.String(), i, false, bare
}

// trickle is a connection that gives its bytes in pieces whose sizes are the bytes of cuts, over
// and over (0 is 1).
type trickle struct {
	in   string
	cuts []byte
	n    int
}

func (c *trickle) Read(p []byte) (int, error) {
	if c.in == "" {
		return 0, io.EOF
	}
	size := len(c.in)
	if len(c.cuts) > 0 {
		size = max(1, int(c.cuts[c.n%len(c.cuts)]))
		c.n++
	}
	n := copy(p, c.in[:min(size, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}

func (c *trickle) Write(p []byte) (int, error)      { return len(p), nil }
func (c *trickle) Close() error                     { return nil }
func (c *trickle) LocalAddr() net.Addr              { return streamAddr{} }
func (c *trickle) RemoteAddr() net.Addr             { return streamAddr{} }
func (c *trickle) SetDeadline(time.Time) error      { return nil }
func (c *trickle) SetReadDeadline(time.Time) error  { return nil }
func (c *trickle) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = (*trickle)(nil)

// bench decodes for tests. Its servers have pools worth keeping.
type bench struct{ normal, strict *Server }

func newBench() *bench {
	o := Defaults()
	o.MaxMessageBytes = 0
	normal := New(o, nil)
	o.BareNewline = Reject
	return &bench{normal, New(o, nil)}
}

// decode reads a body to its end. left is what it did not take; err is Next's.
func (b *bench) decode(t *testing.T, in string, cuts []byte, reject bool) (text string, left string, err error) {
	t.Helper()
	srv := b.normal
	if reject {
		srv = b.strict
	}
	nc := &trickle{in: in, cuts: cuts}
	c := newConn(srv, newGroup(t.Context(), nil), nc)
	defer c.in.discard()
	c.beginBody(false)
	defer c.endBody()
	var out strings.Builder
	for {
		block, e := c.body.Next()
		if e != nil {
			err = e
			break
		}
		if len(block) == 0 {
			t.Fatal("an empty block")
		}
		out.Write(block)
	}
	rest, _ := io.ReadAll(nc)
	return out.String(), string(c.in.bytes()) + string(rest), err
}

func (b *bench) check(t *testing.T, in string, cuts []byte) {
	t.Helper()
	want, used, ended, bare := reference(in, true)
	text, left, err := b.decode(t, in, cuts, false)
	switch {
	case ended && (err != io.EOF || text != want || left != in[used:]):
		t.Fatalf("%q by %v:\n got %q, left %q, %v\nwant %q, left %q", in, cuts, text, left, err, want, in[used:])
	case !ended && err != io.ErrUnexpectedEOF:
		t.Fatalf("%q by %v has no end, but: %v", in, cuts, err)
	}
	checkWireForm(t, text)
	if ended {
		checkOutbound(t, text)
	}
	text, _, err = b.decode(t, in, cuts, true)
	if bare != errors.Is(err, ErrBareNewline) || ended && !bare && text != want {
		t.Fatalf("%q by %v, rejecting: got %q, %v", in, cuts, text, err)
	}
}

// checkWireForm demands that CRLF is the only line end and that no CR or LF stands alone.
func checkWireForm(t *testing.T, text string) {
	t.Helper()
	bare := strings.ReplaceAll(text, "\r\n", "")
	if i := strings.IndexAny(bare, "\r\n"); i >= 0 {
		t.Fatalf("text has a bare CR or LF: %q", text)
	}
}

// checkOutbound demands that the text, sent on with its dots doubled, ends where it ends for every
// kind of next hop: those that know CRLF only, and those that take a bare LF or CR for a line end.
func checkOutbound(t *testing.T, text string) {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\r\n") {
		t.Fatalf("text does not end with a line: %q", text)
	}
	sent := strings.ReplaceAll("\r\n"+text, "\r\n.", "\r\n..")[2:]
	wire := "\r\n" + sent + ".\r\n"
	for _, end := range []string{"\r\n.\r\n", "\n.\r\n", "\n.\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r"} {
		if i := strings.Index(wire, end); i >= 0 && i+len("\r\n.\r\n") < len(wire)-2 {
			t.Fatalf("%q ends inside of %q", end, wire)
		}
	}
}

func TestTextIsDecodedAsTheReferenceDoesWhateverTheReads(t *testing.T) {
	b := newBench()
	for _, in := range []string{
		".\r\n", "a\r\n.\r\n", "..\r\n.\r\n", ".a\r\n.\r\n", "...\r\n.\r\n", "a\r\n.", "a\r\n.\r", "a",
		"a\nb\n.\n.\r\n.\r\n", "\n.\r\n.\r\n", "\r.\r\n.\r\n", "a\rb\r\n.\r\n", "a\r\r\n.\r\n", "\r\r\r\n.\r\n",
		".\rz\r\n.\r\n", ".\r.\r\n.\r\n", ".\r\r\n.\r\n", "\n.\rx\n..\n...\n.\r\n.\r\n", "a\x00b\r\n.\r\n", "\r\n\x00.\r\n.\r\n",
		"a\r\n.\nb\r\n.\r\nQUIT\r\n", "a\n\r\n.\r\n",
	} {
		for _, cuts := range [][]byte{nil, {1}, {2}, {3}, {1, 2, 3}, {5}} {
			b.check(t, in, cuts)
		}
	}
}

// TestTextIsWhatPostfixMakesOfIt has texts that Postfix 3.7.11 relayed to a sink, with
// smtpd_forbid_bare_newline = normalize and cleanup_replace_stray_cr_lf = yes.
func TestTextIsWhatPostfixMakesOfIt(t *testing.T) {
	b := newBench()
	for in, want := range map[string]string{
		"x\n.\ny\n.\r\nz\r\n.\nw\r\r\nv\ru\r\n\r\n.\r\r\nend\r\n.\r\n":         "x\r\ny\r\nz\r\nw \r\nv u\r\n\r\n \r\nend\r\n",
		"x\r.\ry\r\n.\rz\r.\r\nm\r\n\x00.\r\nn\r\n..a\r\n.b\n.c\n..d\r\n.\r\n": "x . y\r\n z .\r\nm\r\n\x00.\r\nn\r\n.a\r\nb\r\nc\r\n.d\r\n",
	} {
		if got, _, err := b.decode(t, in, nil, false); err != io.EOF || got != want {
			t.Errorf("%q became %q (%v), want %q", in, got, err, want)
		}
	}
}

func TestTextOfRandomTroubleIsDecodedAsTheReferenceDoes(t *testing.T) {
	b := newBench()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		in := make([]byte, rnd.IntN(40))
		for i := range in {
			in[i] = "\r\n.\r\n.ab"[rnd.IntN(8)]
		}
		cuts := make([]byte, rnd.IntN(4))
		for i := range cuts {
			cuts[i] = byte(rnd.IntN(6))
		}
		b.check(t, string(in), cuts)
		b.check(t, string(in)+"\r\n.\r\n", cuts)
	}
}

func TestLongTextIsDecodedAsTheReferenceDoes(t *testing.T) {
	b := newBench()
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, alphabet := range []string{"a", "a\r", "a\n", "\r", "\n", ".", "\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n.", "abcdefghij klmnop\x00\xff\r\n"} {
		in := make([]byte, 3*largeBuffer)
		for i := range in {
			in[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		b.check(t, string(in)+"\r\n.\r\nrest", nil)
		b.check(t, string(in)+"\r\n.\r\nrest", []byte{255, 1, 7})
	}
	line := strings.Repeat("x", 100<<10)
	text, _, err := b.decode(t, line+"\r\n.\r\n", nil, false)
	if err != io.EOF || text != line+"\r\n" {
		t.Fatalf("a line of 100 KiB became %d bytes, %v", len(text), err)
	}
}

func FuzzBody(f *testing.F) {
	b := newBench()
	f.Add("a\r\n.\r\n", []byte{1})
	f.Add("\n.\n\r\n.\n\n.\r\n\r.\r\r\n.\r\r\n\x00.\r\n\r\r\n.\r\r\n.\r\nx", []byte{1, 2})
	f.Fuzz(func(t *testing.T, in string, cuts []byte) {
		b.check(t, in, cuts)
		b.check(t, in+"\r\n.\r\n", cuts)
	})
}

// TestChunksAreDecodedAcrossTheirBorders has the text of BDAT: no dots, and a line end at the end.
func TestChunksAreDecodedAcrossTheirBorders(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		in := make([]byte, rnd.IntN(30))
		for i := range in {
			in[i] = "\r\n.\r\n.ab"[rnd.IntN(8)]
		}
		d := newDecoder(false, false)
		var got bytes.Buffer
		for rest := in; len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			for chunk := rest[:n]; len(chunk) > 0; {
				p, used, ev := d.next(chunk)
				if ev != noEvent {
					t.Fatalf("event %d in %q", ev, in)
				}
				got.Write(p)
				chunk = chunk[used:]
			}
			rest = rest[n:]
		}
		got.Write(d.finish())
		want, _, _, _ := reference(string(in), false)
		if want != "" && !strings.HasSuffix(want, "\r\n") {
			want += "\r\n"
		}
		if got.String() != want {
			t.Fatalf("%q became %q, want %q", in, got.String(), want)
		}
	}
}

func BenchmarkCleanText(b *testing.B) {
	benchmarkDecoder(b, strings.Repeat(strings.Repeat("x", 76)+"\r\n", 420))
}

func BenchmarkDottedText(b *testing.B) {
	benchmarkDecoder(b, strings.Repeat(strings.Repeat("x", 76)+"\r\n..\r\n", 400))
}

func BenchmarkBareNewlines(b *testing.B) {
	benchmarkDecoder(b, strings.Repeat(strings.Repeat("x", 76)+"\n", 420))
}

func BenchmarkBareReturns(b *testing.B) {
	benchmarkDecoder(b, strings.Repeat("x\r", 16000))
}

// benchmarkDecoder decodes a buffer's worth of text, over and over.
func benchmarkDecoder(b *testing.B, text string) {
	src := []byte(text)
	d := newDecoder(true, false)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := src; len(rest) > 0; {
			_, n, _ := d.next(rest)
			rest = rest[n:]
		}
	}
}

func TestStreamTellsThatItHasNoDeadlines(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := NewStream(r, w)
	if err := s.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal("pipes have deadlines: ", err)
	}
	if _, err := s.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatal("the deadline has no effect: ", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	plain := NewStream(strings.NewReader(""), io.Discard)
	if plain.SetDeadline(time.Now()) != nil || plain.Close() != nil {
		t.Fatal("a reader without deadlines refuses them")
	}
}
