package smtpclient

import (
	"time"

	"github.com/mtad/mtad/core/mail"
)

// data reads the reply to DATA, sends the text, and reads what became of it.
func (x *transfer) data() *Error {
	c := x.c
	r, e := c.reply(StageData, false)
	switch {
	case e != nil:
		return e
	case r.Code/100 == 2:
		c.dead = true
		return &Error{Kind: Garbled, Stage: StageData, Err: errUnexpected}
	case r.Code/100 != 3:
		x.settle(Result{r, StageData})
		return nil
	case x.accepted == 0:
		return x.nothing()
	}
	if e := x.text(); e != nil {
		c.dead = true
		if e.Kind == Lost && x.lastWords() {
			return nil
		}
		return e
	}
	return x.end()
}

// nothing ends a transaction for which the peer wants text although it accepted nobody.
// RFC 2920 §3.1: an empty text.
func (x *transfer) nothing() *Error {
	c := x.c
	if x.refused {
		// A peer that refused MAIL and asks for text is beyond understanding.
		c.dead = true
		return nil
	}
	c.out = append(c.out[:0], ".\r\n"...)
	if _, e := c.command(StageEndOfData, false); e == nil {
		c.dirty = false
	}
	return nil // everybody is decided
}

// end reads the reply to the end of the text; LMTP has one for each accepted recipient
// (RFC 2033 §4.2).
func (x *transfer) end() *Error {
	if !x.c.o.LMTP {
		r, e := x.lastReply()
		if e == nil {
			x.settle(Result{r, StageEndOfData})
			x.c.dirty = false
		}
		return e
	}
	for i := range x.tx.Results {
		if res := &x.tx.Results[i]; !res.Decided() {
			r, e := x.lastReply()
			if e != nil {
				return e
			}
			*res = Result{r, StageEndOfData}
		}
	}
	x.c.dirty = false
	return nil
}

func (x *transfer) lastReply() (Reply, *Error) {
	r, e := x.c.reply(StageEndOfData, true)
	if e == nil && r.Code/100 == 3 {
		x.c.dead = true
		e = &Error{Kind: Garbled, Stage: StageEndOfData, Err: errUnexpected}
	}
	return r, e
}

// endShot reads the reply to a text that went with its envelope. When nobody was accepted the
// connection is not used again: a peer that mistook the text for commands shows only now.
func (x *transfer) endShot() *Error {
	if x.accepted > 0 {
		return x.end()
	}
	_, _ = x.c.reply(StageEndOfData, false) // everybody is decided
	x.c.dead = true
	return nil
}

// lastWords looks for the reply of a peer that closed the connection while the text was being
// sent: it usually said why.
func (x *transfer) lastWords() bool {
	c := x.c
	_ = c.nc.SetReadDeadline(time.Now().Add(min(goodbyeWait, c.o.Timeouts.DataDone)))
	c.armed = true
	r, e := c.reply(StageEndOfData, true)
	if e != nil || r.Code < 400 {
		return false
	}
	x.settle(Result{r, StageEndOfData})
	return true
}

// text sends the text with its end, block by block.
func (x *transfer) text() *Error {
	b, size := newBlock(), x.tx.Text.Size()
	defer b.free()
	f := newFilter(x.c.o.LineLimit)
	for off := int64(0); ; {
		n, err := readBlock(b.text(), x.tx.Text, off, size)
		if err != nil {
			return &Error{Kind: Unreadable, Stage: StageBody, Err: err}
		}
		off += int64(n)
		if e := x.block(b, n, &f, off == size); e != nil {
			return e
		}
		if off == size {
			return nil
		}
	}
}

// block sends the first n bytes of b's text, and behind the last block the end.
func (x *transfer) block(b *block, n int, f *filter, last bool) *Error {
	if !f.passes(b.text()[:n]) {
		return x.edited(b.text()[:n], f, last)
	}
	if last {
		n += copy(b.text()[n:n+tailRoom], f.ending())
	}
	return x.writeText(b.text()[:n], last)
}

// edited sends p with dots doubled and stray line ends replaced.
func (x *transfer) edited(p []byte, f *filter, last bool) *Error {
	b := newBlock()
	defer b.free()
	for len(p) > 0 {
		piece := p
		if len(p) > pieceBytes {
			piece = wholeEnds(p[:pieceBytes])
		}
		p = p[len(piece):]
		out := f.apply(b.b[:0], piece)
		end := last && len(p) == 0
		if end {
			out = append(out, f.ending()...)
		}
		if e := x.writeText(out, end); e != nil {
			return e
		}
	}
	return nil
}

func (x *transfer) writeText(p []byte, last bool) *Error {
	limit := x.c.o.Timeouts.DataXfer
	if last {
		limit = x.c.o.Timeouts.DataDone
	}
	return x.c.write(p, StageBody, limit)
}

// readBlock reads text at off into p: all of p but tailRoom, or what is left. CR LF is never torn
// apart.
func readBlock(p []byte, text mail.Content, off, size int64) (int, error) {
	n := int(min(int64(len(p)-tailRoom), size-off))
	if n == 0 {
		return 0, nil
	}
	if got, err := text.ReadAt(p[:n], off); got < n {
		return 0, short(err)
	}
	if off+int64(n) < size {
		n = len(wholeEnds(p[:n]))
	}
	return n, nil
}

// wholeEnds returns p without a CR at its end, whose LF may follow.
func wholeEnds(p []byte) []byte {
	if n := len(p); n > 1 && p[n-1] == '\r' {
		return p[:n-1]
	}
	return p
}
