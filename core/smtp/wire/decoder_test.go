package wire

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtp/smtptest"
)

// TestChunksAreDecodedAcrossTheirBorders has the text of BDAT: no dots, and a line end at the end.
func TestChunksAreDecodedAcrossTheirBorders(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		in := make([]byte, rnd.IntN(30))
		for i := range in {
			in[i] = "\r\n.\r\n.ab"[rnd.IntN(8)]
		}
		d := NewDecoder(false, false)
		var got bytes.Buffer
		for rest := in; len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			for chunk := rest[:n]; len(chunk) > 0; {
				p, used, ev := d.Next(chunk)
				if ev != NoEvent {
					t.Fatalf("event %d in %q", ev, in)
				}
				got.Write(p)
				chunk = chunk[used:]
			}
			rest = rest[n:]
		}
		got.Write(d.Finish())
		want, _, _, _ := smtptest.DecodeText(string(in), false)
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
	d := NewDecoder(true, false)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := src; len(rest) > 0; {
			_, n, _ := d.Next(rest)
			rest = rest[n:]
		}
	}
}
