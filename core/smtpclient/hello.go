package smtpclient

import (
	"context"
	"crypto/tls"
	"strings"
)

// Greet reads the greeting. Anything but 2xx is a Refused error, and the connection is over.
func (c *Conn) Greet() (Reply, error) {
	r, e := c.reply(StageGreeting, true)
	if e != nil {
		return r, e
	}
	c.greeting = r
	if r.Code/100 != 2 {
		return r, c.refused(StageGreeting, r)
	}
	return r, nil
}

// Hello says EHLO (LHLO), and HELO where EHLO is not understood or not wanted; afterwards
// Features says what the peer offers. To be called after Greet, and again after StartTLS.
func (c *Conn) Hello() error {
	c.features = Features{}
	if c.o.LMTP {
		return outcome(c.hello("LHLO ", StageLHLO))
	}
	esmtp := strings.Contains(strings.ToUpper(c.greeting.Text), "ESMTP")
	if !c.o.HELOOnly && (esmtp || !c.o.EHLOIfOffered) {
		e := c.hello("EHLO ", StageEHLO)
		// RFC 5321 §3.2: HELO for a server that does not know EHLO; as Postfix does, after
		// any refusal that is not the end of the session.
		if e == nil || e.Kind != Refused || e.Reply.Code == 421 {
			return outcome(e)
		}
		c.dead = false
	}
	return outcome(c.hello("HELO ", StageHELO))
}

func (c *Conn) hello(verb string, s Stage) *Error {
	c.out = append(append(append(c.out[:0], verb...), c.o.Helo...), "\r\n"...)
	r, e := c.command(s, true)
	if e != nil {
		return e
	}
	if r.Code/100 != 2 {
		return c.refused(s, r)
	}
	text := severalLines(r.Code, string(c.text)).Text
	if s == StageHELO {
		text, _, _ = strings.Cut(text, "\n") // whatever a server adds, HELO offers nothing
	}
	c.features = parseFeatures(text).without(c.discard)
	return nil
}

// refused returns the error for a refusal without which the session cannot go on.
func (c *Conn) refused(s Stage, r Reply) *Error {
	c.dead = true
	return &Error{Kind: Refused, Stage: s, Reply: r}
}

// StartTLS says STARTTLS and does the handshake, within Timeouts.StartTLS each. A refusal leaves the
// session as it was (Usable). After success Hello must be called again: what the peer offered
// without TLS means nothing any more (RFC 3207 §4.2). It keeps cfg.
func (c *Conn) StartTLS(cfg *tls.Config) error {
	c.out = append(c.out[:0], "STARTTLS\r\n"...)
	r, e := c.command(StageStartTLS, true)
	if e != nil {
		return e
	}
	if r.Code/100 != 2 {
		return &Error{Kind: Refused, Stage: StageStartTLS, Reply: r}
	}
	if c.r < c.w {
		// Sent in the clear by who knows whom, to be taken for a reply under TLS.
		c.dead = true
		return &Error{Kind: Handshake, Stage: StageStartTLS, Err: errReadAhead}
	}
	return outcome(c.handshake(cfg))
}

// WrapTLS does the handshake before anything is said (smtp_tls_wrappermode, RFC 8314 §3). To be
// called before Greet. It keeps cfg.
func (c *Conn) WrapTLS(cfg *tls.Config) error { return outcome(c.handshake(cfg)) }

func (c *Conn) handshake(cfg *tls.Config) *Error {
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Timeouts.StartTLS)
	defer cancel()
	t := tls.Client(c.raw, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		c.dead = true
		return &Error{Kind: Handshake, Stage: StageStartTLS, Err: err}
	}
	c.nc, c.features, c.armed = t, Features{}, false
	return nil
}
