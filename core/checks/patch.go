package checks

import (
	"io"
	"sort"

	"github.com/mtad/mtad/core/mail"
)

// Patch is a text some pieces of which are replaced. It keeps the changes and reads the rest from
// the text below, which it owns. Made by one goroutine; then safe for concurrent use.
type Patch struct {
	base   mail.Content
	pieces []piece
	size   int64
	copied int64 // what of base is in pieces, or left out of them
}

// piece is a part of the new text: text, or n bytes of base from an offset on.
type piece struct {
	at, from, n int64
	text        string
}

var _ mail.Content = (*Patch)(nil)

// NewPatch begins a text that is base so far.
func NewPatch(base mail.Content) *Patch { return &Patch{base: base} }

// Replace puts text in the place of what stands from begin to end in base. Calls come in the order
// of the text and do not overlap.
func (p *Patch) Replace(begin, end int64, text string) {
	p.keep(begin)
	if text != "" {
		p.pieces = append(p.pieces, piece{at: p.size, n: int64(len(text)), text: text})
		p.size += int64(len(text))
	}
	p.copied = end
}

// keep takes over what base has up to an offset.
func (p *Patch) keep(end int64) {
	if n := end - p.copied; n > 0 {
		p.pieces = append(p.pieces, piece{at: p.size, from: p.copied, n: n})
		p.size += n
		p.copied = end
	}
}

// Done returns the text: base itself when nothing was replaced. The Patch is not changed any more.
func (p *Patch) Done() mail.Content {
	if p.copied == 0 && len(p.pieces) == 0 {
		return p.base
	}
	p.keep(p.base.Size())
	return p
}

// Size returns the length in bytes.
func (p *Patch) Size() int64 { return p.size }

// Close closes the text below.
func (p *Patch) Close() error { return p.base.Close() }

// ReadAt reads as io.ReaderAt demands.
func (p *Patch) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, io.EOF
	}
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].at+p.pieces[i].n > off })
	for ; i < len(p.pieces) && n < len(b); i++ {
		c := &p.pieces[i]
		skip := off + int64(n) - c.at
		want := min(int64(len(b)-n), c.n-skip)
		if c.text != "" {
			n += copy(b[n:], c.text[skip:])
			continue
		}
		got, err := p.base.ReadAt(b[n:n+int(want)], c.from+skip)
		n += got
		if int64(got) < want {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
