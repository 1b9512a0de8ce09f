package mail

import (
	"bytes"
	"io"
)

// Normalizer brings text to wire form: LF and CRLF become CRLF, a CR alone becomes a space, and
// a last line without an end gets one at Close. It is for text that does not come by SMTP.
type Normalizer struct {
	w   io.Writer
	buf []byte
	cr  bool // a CR was seen whose meaning the next byte decides
	mid bool // the last line has no end yet
}

// NewNormalizer returns a Normalizer that writes to w. Close it.
func NewNormalizer(w io.Writer) *Normalizer { return &Normalizer{w: w} }

// Write takes the next block.
func (n *Normalizer) Write(p []byte) (int, error) {
	n.buf = n.buf[:0]
	for rest := p; len(rest) > 0; {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			n.text(rest)
			break
		}
		n.text(rest[:i])
		n.end(rest[i])
		rest = rest[i+1:]
	}
	if _, err := n.w.Write(n.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (n *Normalizer) text(p []byte) {
	if len(p) == 0 {
		return
	}
	n.bareCR()
	n.buf, n.mid = append(n.buf, p...), true
}

func (n *Normalizer) end(c byte) {
	if c == '\r' {
		n.bareCR()
		n.cr, n.mid = true, true
		return
	}
	n.cr, n.mid = false, false
	n.buf = append(n.buf, '\r', '\n')
}

func (n *Normalizer) bareCR() {
	if n.cr {
		n.buf, n.cr = append(n.buf, ' '), false
	}
}

// Close writes what is left.
func (n *Normalizer) Close() error {
	n.buf = n.buf[:0]
	if n.mid {
		n.cr = false
		n.buf = append(n.buf, '\r', '\n')
	}
	n.mid = false
	_, err := n.w.Write(n.buf)
	return err
}
