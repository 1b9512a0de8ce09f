package smtp

import (
	"errors"
	"io"

	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// gatherBelow is the size up to which pieces of text are gathered into one block: text full of
// bare LFs would come in pieces of a line.
const gatherBelow = 512

// body is the text of the message that is arriving, by DATA or by BDAT.
type body struct {
	c   *conn
	dec wire.Decoder
	// chunked is set for BDAT: then left is what is still to come of the chunk, and last
	// says that it is the last one. raw is set after BODY=BINARYMIME.
	chunked, last, raw bool
	chunk, left        int64
	// size is the text handed out so far, wire what it was made from.
	size, wire int64
	held       []byte // a piece that did not fit the block
	block      []byte // where pieces are gathered, nil when not borrowed
	ended      bool   // the end was seen
	err        error  // what Next returns from now on
}

var _ Body = (*body)(nil)

// errTooBig is what Next returns beyond the limit.
var errTooBig = &status.Error{Reply: status.Reply{Code: 552, Enhanced: "5.3.4", Text: "Error: message file too big"},
	Rule: "message_size_limit"}

// Next returns the next block, as Body says.
func (b *body) Next() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	p, err := b.piece(true)
	if err != nil {
		b.err = err
		return nil, err
	}
	if len(p) < gatherBelow && !b.c.in.IsEmpty() {
		p = b.gather(p)
	}
	b.size += int64(len(p))
	if limit := b.c.tune.MaxMessageBytes; limit > 0 && b.size > limit {
		b.err = errTooBig
		return nil, b.err
	}
	return p, nil
}

// gather appends the pieces that are there to p. An error that it meets is Next's next one.
func (b *body) gather(p []byte) []byte {
	if b.block == nil {
		b.block = b.c.srv.bufs.Borrow(false)
	}
	block := append(b.block[:0], p...)
	for {
		p, err := b.piece(false)
		switch {
		case err != nil:
			b.err = err
			return block
		case p == nil:
			return block
		case len(block)+len(p) > cap(block):
			b.held = p
			return block
		}
		block = append(block, p...)
	}
}

// piece returns the next piece of text. If wait is not set it returns nil when it would have to
// read. It returns io.EOF at the end of the message.
func (b *body) piece(wait bool) ([]byte, error) {
	if p := b.held; p != nil {
		b.held = nil
		return p, nil
	}
	for {
		if b.ended {
			return nil, io.EOF
		}
		src := b.source()
		if len(src) == 0 {
			if b.chunked && b.left == 0 {
				if p, again, err := b.endOfChunk(wait); !again {
					return p, err
				}
				continue
			}
			if !wait {
				return nil, nil
			}
			if err := b.fill(); err != nil {
				return nil, err
			}
			continue
		}
		p, n, ev := b.decode(src)
		b.took(n)
		switch {
		case ev == wire.BareNewline:
			return nil, ErrBareNewline
		case ev == wire.EndOfData:
			b.ended = true
		case p != nil:
			return p, nil
		}
	}
}

// source returns what was read and belongs to the text.
func (b *body) source() []byte {
	src := b.c.in.Bytes()
	if b.chunked && int64(len(src)) > b.left {
		src = src[:b.left]
	}
	return src
}

func (b *body) decode(src []byte) (p []byte, n int, ev wire.Event) {
	if b.raw {
		return src, len(src), wire.NoEvent
	}
	return b.dec.Next(src)
}

func (b *body) took(n int) {
	b.c.in.Take(n)
	b.wire += int64(n)
	if b.chunked {
		b.left -= int64(n)
	}
}

// endOfChunk goes on to the next chunk, or ends the text. again is set when there is more to be
// decoded.
func (b *body) endOfChunk(wait bool) (p []byte, again bool, err error) {
	switch {
	case b.last && b.raw:
		b.ended = true
		return nil, true, nil
	case b.last:
		b.ended = true
		p = b.dec.Finish()
		return p, p == nil, nil
	case !wait:
		return nil, false, nil
	}
	err = b.c.nextChunk()
	return nil, err == nil, err
}

// fill waits for more text.
func (b *body) fill() error {
	c := b.c
	c.in.Large = true
	err := c.armData(b.wire)
	if err == nil {
		err = c.in.Fill()
	}
	switch {
	case err == nil:
		return nil
	case err == io.EOF: // which for a Body is the end of the text
		return io.ErrUnexpectedEOF
	}
	return c.cutOff(err)
}

// skip takes the rest of the text, or of the chunk, and forgets it.
func (b *body) skip() error {
	b.held = nil
	for !b.ended && !(b.chunked && b.left == 0) {
		src := b.source()
		if len(src) == 0 {
			if err := b.fill(); err != nil {
				return err
			}
			continue
		}
		n, ev := len(src), wire.NoEvent
		if !b.chunked {
			_, n, ev = b.dec.Next(src)
		}
		b.took(n)
		b.ended = ev == wire.EndOfData
	}
	return nil
}

// close gives the memory back. The body must not be used afterwards.
func (b *body) close() {
	if b.c == nil {
		return
	}
	b.c.srv.bufs.GiveBack(b.block)
	b.c.in.Large = false
	*b = body{}
}

// isComplete reports whether Next has returned io.EOF, or would.
func (b *body) isComplete() bool {
	return b.ended && b.held == nil && (b.err == nil || errors.Is(b.err, io.EOF))
}
