package smtp

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/smtp/smtptest"
	"github.com/mtad/mtad/core/smtp/wire"
)

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
	defer c.in.Discard()
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
	return out.String(), string(c.in.Bytes()) + string(rest), err
}

func (b *bench) check(t *testing.T, in string, cuts []byte) {
	t.Helper()
	want, used, ended, bare := smtptest.DecodeText(in, true)
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
		in := make([]byte, 3*wire.LargeBuffer)
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
