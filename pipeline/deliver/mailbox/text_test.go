package mailbox

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
)

// plain is what a mailbox shall have for text, the slow way.
func plain(text string, mbox bool) string {
	s := strings.ReplaceAll(text, "\r\n", "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	if !mbox {
		return s
	}
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "From ") {
			lines[i] = ">" + line
		}
	}
	return strings.Join(lines, "") + "\n"
}

func FuzzCopy(f *testing.F) {
	for _, s := range []string{
		"", "x", "\r\n", "From ", "From x\r\nFrom y\r\n", "a\r\nFrom b\r\n\r\nFrom c", "Fro\r\nm From \r\n",
		"\r\r\n\rFrom \n", ">From x\r\n", "F\r\nFr\r\nFro\r\nFrom\r\nFrom \r\n", strings.Repeat("From \r\n", 40),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, mbox := range []bool{false, true} {
			for _, block := range []int{6, 7, 11, 64, blockIn} {
				var out bytes.Buffer
				c := &copier{in: make([]byte, block)}
				if err := c.copy(&out, []byte("head\n"), mail.Bytes(text), mbox); err != nil {
					t.Fatal(err)
				}
				if want := "head\n" + plain(text, mbox); out.String() != want {
					t.Fatalf("mbox %v, block %d: %q became %q, want %q", mbox, block, text, out.String(), want)
				}
			}
		}
	})
}

func TestCopyWritesASmallMessageAtOnceAndALargeOneInBlocks(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		writes int
	}{
		{"empty", 0, 1}, {"4 KiB", 4 << 10, 1}, {"1 MiB", 1 << 20, 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w counter
			text := mail.Bytes(strings.Repeat("0123456789abcd\r\n", c.size/16))
			if err := copyText(&w, []byte("head\n"), text, true); err != nil {
				t.Fatal(err)
			}
			if w.bytes != len("head\n")+c.size/16*15+1 || w.calls > c.writes {
				t.Errorf("%d bytes in %d writes", w.bytes, w.calls)
			}
		})
	}
}

type counter struct{ calls, bytes int }

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	c.calls++
	c.bytes += len(p)
	return len(p), nil
}

// damaged is a text whose storage fails behind n bytes.
type damaged struct {
	mail.Bytes
	n   int
	err error
}

// ReadAt fails behind n.
func (d damaged) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(d.n) {
		return 0, d.err
	}
	return d.Bytes[:d.n].ReadAt(p, off)
}

func TestCopyTellsReadingFromWriting(t *testing.T) {
	text := mail.Bytes(strings.Repeat("x", 100_000))
	boom := errors.New("boom")
	if err := copyText(io.Discard, nil, damaged{text, 50_000, boom}, false); !errors.Is(err, errReading) || !errors.Is(err, boom) {
		t.Errorf("read failure: %v", err)
	}
	if err := copyText(io.Discard, nil, damaged{text, 50_000, io.EOF}, false); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("text shorter than its size: %v", err)
	}
	if err := copyText(&limited{Writer: io.Discard, limit: 10}, nil, text, false); err == nil || errors.Is(err, errReading) {
		t.Errorf("write failure: %v", err)
	}
}

func BenchmarkCopy4KiB(b *testing.B) {
	var text mail.Content = mail.Bytes(strings.Repeat("a line of the usual length, more or less, as mail has it\r\n", 70))
	b.ReportAllocs()
	b.SetBytes(text.Size())
	for b.Loop() {
		if err := copyText(io.Discard, nil, text, true); err != nil {
			b.Fatal(err)
		}
	}
}
