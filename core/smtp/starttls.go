package smtp

import (
	"context"
	"crypto/tls"
)

// Securer is a Session that has a say about TLS.
type Securer interface {
	Session
	// StartTLS is asked before the 220 that answers STARTTLS; an error is answered in its place.
	StartTLS(ctx context.Context) error
	// Secured is told that TLS has begun by STARTTLS, before anything is said in it; ConnInfo has
	// its state. An error is answered with its reply, and the connection ends.
	Secured(ctx context.Context) error
}

// Unsecured is a Handler that hears of connections whose TLS did not come about before there was a
// Session: those of Options.ImplicitTLS.
type Unsecured interface {
	Handler
	// Unsecured is told once, when the connection is over, and why.
	Unsecured(c ConnInfo, err error)
}

// HandshakeError says that TLS did not come about.
type HandshakeError struct{ Err error }

// Error returns the reason.
func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *HandshakeError) Unwrap() error { return e.Err }

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
	securer, _ := c.sess.(Securer)
	if securer != nil {
		if err := securer.StartTLS(ctx); err != nil {
			return c.fail(err)
		}
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
	if securer == nil {
		return true
	}
	if err := securer.Secured(ctx); err != nil {
		c.fail(err)
		c.close(ErrHangup)
		return false
	}
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
		c.close(&HandshakeError{err})
		return false
	}
	state := t.ConnectionState()
	c.nc, c.tls = t, &state
	c.in.Reset(t, c.srv.bufs)
	return true
}

// noTLS tells of a failure that no session hears of.
func (c *conn) noTLS() {
	if u, ok := c.srv.h.(Unsecured); ok {
		u.Unsecured(c, c.why)
		return
	}
	c.srv.opt.Logger.Info("SMTP connection without TLS", "remote", c.Remote().String(), "err", c.why)
}
