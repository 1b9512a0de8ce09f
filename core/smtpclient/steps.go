package smtpclient

import (
	"errors"

	"github.com/mtad/mtad/core/mail"
)

// ErrControl says that a command holds bytes that would end its line.
var ErrControl = errors.New("a command with control bytes")

// Command sends one command line, without its end, in stage s and returns the reply, whatever its code:
// for those who pass a client's commands on one by one (smtpd_proxy_filter). An error means that the
// conversation is over, or ErrControl that nothing was sent.
func (c *Conn) Command(s Stage, line string) (Reply, error) {
	for i := 0; i < len(line); i++ {
		if line[i] < ' ' || line[i] == 0x7f {
			return Reply{}, &Error{Kind: Refused, Stage: s, Err: ErrControl}
		}
	}
	if c.dead {
		return Reply{}, &Error{Kind: Lost, Stage: s, Err: errDead}
	}
	c.dirty = true
	c.out = append(append(c.out[:0], line...), "\r\n"...)
	r, e := c.command(s, true)
	return r, outcome(e)
}

// RcptCommand returns the RCPT command for r with all the parameters that r has, whatever a peer offers.
func RcptCommand(r *mail.Recipient) string {
	b := append(append([]byte("RCPT TO:<"), r.Address...), '>')
	b = appendNotify(b, r.Notify)
	if r.ORcpt != "" {
		b = append(append(b, " ORCPT="...), r.ORcpt...)
	}
	return string(b)
}

// TextWriter sends a text that comes in pieces, after the peer has agreed to DATA. One goroutine uses
// it. Small pieces are gathered; a text that is not ended must be followed by Close of the Conn.
type TextWriter struct {
	c *Conn
	f filter
	// held says that a CR at the end of the last piece waits for what follows it.
	held bool
}

// gathered is up to how many bytes pieces are kept for one write.
const gathered = 16 << 10

// Text begins a text.
func (c *Conn) Text() *TextWriter {
	c.out = c.out[:0]
	return &TextWriter{c: c, f: newFilter(c.o.LineLimit)}
}

// Write sends p, of any length and alignment, with dots doubled and stray line ends replaced. It does
// not keep p. An error is an *Error: the conversation is over.
func (w *TextWriter) Write(p []byte) (int, error) {
	n := len(p)
	if w.held && n > 0 {
		w.held = false
		end := 0
		if p[0] == '\n' {
			end = 1
		}
		if e := w.put(append([]byte{'\r'}, p[:end]...)); e != nil {
			return 0, e
		}
		p = p[end:]
	}
	if len(p) > 0 && p[len(p)-1] == '\r' {
		w.held, p = true, p[:len(p)-1]
	}
	for len(p) > 0 {
		piece := p
		if len(piece) > pieceBytes {
			piece = wholeEnds(piece[:pieceBytes])
		}
		if e := w.put(piece); e != nil {
			return 0, e
		}
		p = p[len(piece):]
	}
	return n, nil
}

// put adds p to what waits, and writes that when it is enough.
func (w *TextWriter) put(p []byte) error {
	if w.f.passes(p) {
		w.c.out = append(w.c.out, p...)
	} else {
		w.c.out = w.f.apply(w.c.out, p)
	}
	if len(w.c.out) < gathered {
		return nil
	}
	return outcome(w.c.flush(StageBody, w.c.o.Timeouts.DataXfer))
}

// End ends the text and returns the reply to it, of class 2, 4 or 5. An error is an *Error: nobody
// knows what became of the message.
func (w *TextWriter) End() (Reply, error) {
	if w.held {
		w.held = false
		if e := w.put([]byte{'\r'}); e != nil {
			return Reply{}, e
		}
	}
	c := w.c
	c.out = append(c.out, w.f.ending()...)
	r, e := c.command(StageEndOfData, true)
	if e == nil && r.Code/100 == 3 {
		c.dead = true
		e = &Error{Kind: Garbled, Stage: StageEndOfData, Err: errUnexpected}
	}
	if e == nil {
		c.dirty = false
	}
	return r, outcome(e)
}
