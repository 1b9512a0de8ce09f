package mail

import (
	"bytes"
	"io"
)

// Content is text in wire form: sized, readable again and at any offset. Safe for concurrent
// use. Close it when done, once; a closed Content must not be read.
type Content interface {
	io.ReaderAt
	io.Closer
	// Size is the length in bytes.
	Size() int64
}

// Bytes is Content in memory. The slice must not change while it is used.
type Bytes []byte

var _ Content = Bytes(nil)

// Size returns the length.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Close does nothing.
func (b Bytes) Close() error { return nil }

// ReadAt reads as io.ReaderAt demands.
func (b Bytes) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Joined is the concatenation of two contents, as the header and the rest of a message.
type Joined struct{ First, Second Content }

var _ Content = Joined{}

// Size returns the sum of the sizes.
func (j Joined) Size() int64 { return j.First.Size() + j.Second.Size() }

// Close closes both and returns the first error.
func (j Joined) Close() error {
	err := j.First.Close()
	if err2 := j.Second.Close(); err == nil {
		err = err2
	}
	return err
}

// ReadAt reads across the seam.
func (j Joined) ReadAt(p []byte, off int64) (int, error) {
	first := j.First.Size()
	if off >= first {
		return j.Second.ReadAt(p, off-first)
	}
	k := min(int64(len(p)), first-off)
	n, err := j.First.ReadAt(p[:k], off)
	if int64(n) < k || n == len(p) {
		return n, eofIfShort(n, len(p), err)
	}
	m, err := j.Second.ReadAt(p[n:], 0)
	return n + m, err
}

func eofIfShort(n, want int, err error) error {
	if n == want {
		return nil
	}
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Reader reads c from its begin to its end.
func Reader(c Content) *io.SectionReader { return io.NewSectionReader(c, 0, c.Size()) }

// HeaderLimit is the most bytes of a header block that are held in memory as header. What a
// message has beyond is treated as body, byte for byte.
const HeaderLimit = 2 << 20

// Split returns the length of the header block at the begin of text: the field lines, without
// the empty line. done is false when the block may go on behind text, and then n is the length
// of the complete fields seen. A line that is neither a field nor a continuation ends it.
func Split(text []byte) (n int, done bool) {
	return SplitFrom(text, 0)
}

// SplitFrom is Split for text whose first n0 bytes are known to be complete field lines (a
// result of an earlier call), so that a growing header is not scanned twice.
func SplitFrom(text []byte, n0 int) (n int, done bool) {
	for n = n0; n < len(text); {
		end := bytes.IndexByte(text[n:], '\n')
		if end < 0 {
			return n, false
		}
		line := text[n : n+end+1]
		if !isContinuation(line, n) && fieldName(line) < 0 {
			return n, true
		}
		n += end + 1
	}
	return n, false
}

func isContinuation(line []byte, at int) bool {
	return at > 0 && (line[0] == ' ' || line[0] == '\t')
}

// fieldName returns the length of the field name at the begin of line, or -1 when the line is
// no header field (RFC 5322 §2.2: printable ASCII but colon; spaces before the colon are
// allowed as RFC 822 did).
func fieldName(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			if i == 0 {
				return -1
			}
			return i
		case c == ' ' || c == '\t':
			return nameBeforeSpace(line, i)
		case c <= ' ' || c >= 0x7f:
			return -1
		}
	}
	return -1
}

func nameBeforeSpace(line []byte, end int) int {
	for _, c := range line[end:] {
		switch c {
		case ' ', '\t':
			continue
		case ':':
			if end > 0 {
				return end
			}
		}
		return -1
	}
	return -1
}
