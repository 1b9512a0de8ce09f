package smtpclient

import (
	"crypto/tls"
	"net"
	"time"
)

// Options are shared by the connections of one transport; they must not change while in use.
type Options struct {
	// Helo is the name given in EHLO, HELO and LHLO (smtp_helo_name, lmtp_lhlo_name).
	Helo string
	// LMTP speaks RFC 2033: LHLO, and one reply per recipient behind the text.
	LMTP bool
	// HELOOnly sends HELO without trying EHLO (smtp_never_send_ehlo); EHLOIfOffered sends EHLO
	// only to a server whose greeting says ESMTP (smtp_always_send_ehlo=no).
	HELOOnly, EHLOIfOffered bool
	// Discard are extensions to take for not offered (smtp_discard_ehlo_keywords).
	Discard Ext
	// LineLimit is the most bytes of a line of text, line end not counted; longer ones are
	// broken with CRLF and a space (smtp_line_length_limit). 0: no limit; else at least 64.
	LineLimit int
	// Filter may change each line of a reply before it is read (smtp_reply_filter); nil for none. An error
	// ends the conversation. It must not keep or change line.
	Filter func(line []byte) ([]byte, error)
	// Transcript is how many bytes of the dialogue are kept, the last ones; 0 for none.
	Transcript int
	// Timeouts must all be positive; see DefaultTimeouts.
	Timeouts Timeouts
}

// Timeouts bound the wait for each reply as a whole, and each write. The parameters are those
// of smtp(8); those of lmtp(8) are called lmtp_….
type Timeouts struct {
	Helo     time.Duration // smtp_helo_timeout: greeting, EHLO, AUTH
	StartTLS time.Duration // smtp_starttls_timeout: STARTTLS and the handshake
	Mail     time.Duration // smtp_mail_timeout
	Rcpt     time.Duration // smtp_rcpt_timeout
	DataInit time.Duration // smtp_data_init_timeout: the reply to DATA
	DataXfer time.Duration // smtp_data_xfer_timeout: each write of text
	DataDone time.Duration // smtp_data_done_timeout: the reply to the end of the text
	Rset     time.Duration // smtp_rset_timeout
	Forward  time.Duration // smtp_xforward_timeout
	Quit     time.Duration // smtp_quit_timeout: the write of QUIT; its reply is not awaited
}

// DefaultTimeouts returns the defaults of postconf(5).
func DefaultTimeouts() Timeouts {
	return Timeouts{
		Helo: 300 * time.Second, StartTLS: 300 * time.Second, Mail: 300 * time.Second,
		Rcpt: 300 * time.Second, DataInit: 120 * time.Second, DataXfer: 180 * time.Second,
		DataDone: 600 * time.Second, Rset: 20 * time.Second, Forward: 300 * time.Second, Quit: 300 * time.Second,
	}
}

// of returns the limit for a reply, or for the write of StageBody.
func (t *Timeouts) of(s Stage) time.Duration {
	switch s {
	case StageStartTLS:
		return t.StartTLS
	case StageMail:
		return t.Mail
	case StageRcpt:
		return t.Rcpt
	case StageData:
		return t.DataInit
	case StageBody:
		return t.DataXfer
	case StageEndOfData:
		return t.DataDone
	case StageReset:
		return t.Rset
	case StageForward:
		return t.Forward
	}
	return t.Helo
}

// Conn is the client's end of one session. One goroutine uses it; only Abort may be called from
// another one at any time.
type Conn struct {
	o   *Options
	raw net.Conn // what New was given
	nc  net.Conn // raw, or TLS on it

	in    []byte // the read buffer; [r:w] is still to be consumed
	r, w  int
	text  []byte // the lines of the last reply
	out   []byte // commands that are not written yet
	armed bool   // the deadline for the next read is set

	said      *transcript // nil without Options.Transcript
	discard   Ext
	features  Features
	greeting  Reply
	goodbye   Reply // a 421, once there was one
	goodbyeAt Stage
	authed    bool
	dirty     bool // a transaction may be open: RSET before the next one
	dead      bool
}

// New returns a Conn on a connection that was just made. It keeps o.
func New(nc net.Conn, o *Options) *Conn {
	c := &Conn{o: o, raw: nc, nc: nc, discard: o.Discard}
	if o.Transcript > 0 {
		c.said = &transcript{most: o.Transcript}
	}
	return c
}

// Discard sets the extensions to take for not offered by this peer, in the place of Options.Discard. To
// be called before Hello.
func (c *Conn) Discard(set Ext) { c.discard = set }

// Usable reports whether another transaction can be tried. It does not ask the peer.
func (c *Conn) Usable() bool { return !c.dead }

// Features returns what the peer offers, as of the last Hello.
func (c *Conn) Features() *Features { return &c.features }

// TLS returns the state of the connection's TLS; ok is false without TLS.
func (c *Conn) TLS() (state tls.ConnectionState, ok bool) {
	t, ok := c.nc.(*tls.Conn)
	if ok {
		state = t.ConnectionState()
	}
	return state, ok
}

// Abort closes the connection; a call in progress fails with Kind Lost. Safe at any time, from
// any goroutine, more than once.
func (c *Conn) Abort() { c.raw.Close() }

// Close closes the connection without a word. The peer forgets an open transaction.
func (c *Conn) Close() {
	c.dead = true
	c.nc.Close()
}

// Quit says QUIT, does not wait for the answer (smtp_skip_quit_response), and closes.
func (c *Conn) Quit() {
	if !c.dead {
		c.out = append(c.out[:0], "QUIT\r\n"...)
		_ = c.flush(StageReset, c.o.Timeouts.Quit) // nothing hangs on it
	}
	c.Close()
}

// flush writes the commands in c.out.
func (c *Conn) flush(s Stage, limit time.Duration) *Error {
	if len(c.out) == 0 {
		return nil
	}
	c.said.said(s, c.out)
	e := c.write(c.out, s, limit)
	c.out = c.out[:0]
	return e
}

// write writes p with one call. limit covers the write and the first reply behind it, whose
// stage is s: one deadline instead of two for each round trip.
func (c *Conn) write(p []byte, s Stage, limit time.Duration) *Error {
	_ = c.nc.SetDeadline(time.Now().Add(limit))
	c.armed = true
	if _, err := c.nc.Write(p); err != nil {
		c.dead = true
		return broken(s, err)
	}
	return nil
}

// command writes one command and reads its reply.
func (c *Conn) command(s Stage, keep bool) (Reply, *Error) {
	if e := c.flush(s, c.o.Timeouts.of(s)); e != nil {
		return Reply{}, e
	}
	return c.reply(s, keep)
}

// outcome turns an *Error into an error, so that a nil one is nil.
func outcome(e *Error) error {
	if e == nil {
		return nil
	}
	return e
}
