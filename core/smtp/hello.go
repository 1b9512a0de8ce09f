package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/status"
)

// hello is HELO and EHLO (RFC 5321 §4.1.1.1). What went before is gone once it is accepted.
func (c *conn) hello(ctx context.Context, esmtp bool) bool {
	if c.cmd.HasNoArg() {
		return c.refuse(501, "5.5.4", "Syntax: "+c.cmd.Verb.String()+" hostname")
	}
	name := grammar.HeloName(c.cmd.Arg)
	if err := c.sess.Helo(ctx, name, esmtp); err != nil {
		return c.fail(err)
	}
	c.resetTransaction()
	c.helo, c.esmtp = name, esmtp
	if !esmtp {
		c.put(status.Reply{Code: 250, Text: c.srv.opt.Hostname})
		return true
	}
	c.put(status.Reply{Code: 250, Text: c.extensions()})
	return true
}

// extensions returns the lines of the EHLO reply, in Postfix's order.
func (c *conn) extensions() string {
	own := c.sess.Extensions()
	c.authOffered = slices.ContainsFunc(own, func(line string) bool { return strings.EqualFold(keyword(line), "AUTH") })
	o := &c.srv.opt
	lines := make([]string, 0, 12+len(own))
	add := func(on bool, line string) {
		if on && c.offers(keyword(line)) {
			lines = append(lines, line)
		}
	}
	lines = append(lines, o.Hostname)
	add(true, "PIPELINING")
	size := "SIZE"
	if c.tune.MaxMessageBytes > 0 {
		size += " " + strconv.FormatInt(c.tune.MaxMessageBytes, 10)
	}
	add(true, size)
	add(!o.DisableVRFY, "VRFY")
	add(!o.DisableETRN, "ETRN")
	add(o.TLS != nil && c.tls == nil, "STARTTLS")
	for _, line := range own {
		add(line != "", status.Clean(line))
	}
	add(true, "ENHANCEDSTATUSCODES")
	add(true, "8BITMIME")
	add(true, "DSN")
	add(o.SMTPUTF8, "SMTPUTF8")
	add(true, "CHUNKING")
	add(o.BinaryMIME && c.offers("CHUNKING"), "BINARYMIME")
	return strings.Join(lines, "\n")
}

func keyword(line string) string {
	word, _, _ := strings.Cut(line, " ")
	return word
}

// offers reports whether an EHLO keyword is not discarded.
func (c *conn) offers(keyword string) bool {
	return !slices.ContainsFunc(c.tune.DiscardKeywords, func(d string) bool { return strings.EqualFold(d, keyword) })
}

// startTLS is STARTTLS (RFC 3207).
func (c *conn) startTLS(ctx context.Context) bool {
	switch {
	case !c.cmd.HasNoArg():
		return c.refuse(501, "5.5.4", "Syntax: STARTTLS")
	case c.tls != nil:
		return c.refuse(554, "5.5.1", "Error: TLS already active")
	case c.srv.opt.TLS == nil:
		return c.refuse(502, "5.5.1", "Error: command not implemented")
	case c.tx == txBdat:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	case c.authed:
		// The layers would have to be told apart; nobody does this.
		return c.refuse(503, "5.5.1", "Error: already authenticated")
	}
	c.ok(220, "2.0.0", "Ready to start TLS")
	// RFC 3207 §6: what was sent in the clear behind STARTTLS could be somebody else's.
	c.in.Discard()
	if !c.handshake(ctx) {
		return false
	}
	// RFC 3207 §4.2: the server forgets what it was told in the clear.
	c.resetTransaction()
	c.helo, c.esmtp, c.authOffered = "", false, false
	return true
}

// handshake puts TLS on the connection. When it fails, the connection ends.
func (c *conn) handshake(ctx context.Context) bool {
	c.arm(c.srv.opt.TLSTimeout, false)
	if err := c.flush(); err != nil {
		c.close(err)
		return false
	}
	t := tls.Server(c.base, c.srv.opt.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		if isTimeout(err) {
			err = ErrTimeout
		}
		c.close(fmt.Errorf("TLS handshake: %w", err))
		return false
	}
	state := t.ConnectionState()
	c.nc, c.tls = t, &state
	c.in.Reset(t, c.srv.bufs)
	return true
}
