package mimeconv

import (
	"bufio"
	"bytes"
	"io"

	"github.com/mtad/mtad/core/mail"
)

// lineBytes is the most of a line that is looked at in one piece. It is longer than a delimiter
// can be (RFC 2046 §5.1.1: 70 characters and padding).
const lineBytes = 4 << 10

// reader converts while it is read.
type reader struct {
	in    *bufio.Reader
	walk  walk
	out   []byte // converted, not yet read
	at    int
	start bool // the next piece begins a line
	err   error
}

func newReader(text mail.Content) *reader {
	r := &reader{in: bufio.NewReaderSize(mail.Reader(text), lineBytes), start: true}
	r.walk.begin()
	return r
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.at == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.out, r.at = r.out[:0], 0
		r.more()
	}
	n := copy(p, r.out[r.at:])
	r.at += n
	return n, nil
}

// more converts the next line, or the next piece of a long one.
func (r *reader) more() {
	piece, err := r.in.ReadSlice('\n')
	if len(piece) > 0 {
		p := piece
		if len(p) > 1 && p[len(p)-1] == '\r' && err == bufio.ErrBufferFull {
			// CR LF stays together.
			p = p[:len(p)-1]
			_ = r.in.UnreadByte()
		}
		r.out = r.walk.piece(r.out, p, r.start)
		r.start = p[len(p)-1] == '\n'
	}
	switch err {
	case nil, bufio.ErrBufferFull:
	case io.EOF:
		r.out = r.walk.end(r.out)
		r.err = io.EOF
	default:
		r.err = err
	}
}

// withoutEnd splits the line end off a piece of text.
func withoutEnd(p []byte) (line []byte, ended bool) {
	if line, ended = bytes.CutSuffix(p, []byte("\n")); ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return line, ended
}
