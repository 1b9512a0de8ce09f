package smtp

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// Identity is what a Session became by Identifier.Identify.
type Identity struct {
	// Helo is the name of the client's HELO or EHLO, "" when it has yet to say one; ESMTP says which
	// it was.
	Helo  string
	ESMTP bool
	// Authenticated: the client counts as logged in.
	Authenticated bool
}

// Identifier is a Session that may be told to be the session of another client (Postfix's
// XCLIENT_README).
type Identifier interface {
	Session
	// MayIdentify reports whether the client may say so; Extensions then announces XCLIENT.
	MayIdentify(ctx context.Context) bool
	// Identify takes attributes, names in upper case, values decoded, and begins anew as Handler.Connect
	// does. An error is answered with its reply; *Refused is the greeting of a client that is turned
	// away.
	Identify(ctx context.Context, attributes map[string]string) (Identity, error)
}

// xclient is XCLIENT. Its positive reply is the greeting.
func (c *conn) xclient(ctx context.Context) bool {
	i, ok := c.sess.(Identifier)
	switch {
	case c.cmd.HasNoArg():
		return c.refuse(501, "5.5.4", "Syntax: XCLIENT attribute=value...")
	case !ok || !i.MayIdentify(ctx):
		return c.refuse(550, "5.7.0", "Error: insufficient authorization")
	case c.tx != txNone:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	}
	attributes, ok := grammar.Attributes(string(c.cmd.Arg))
	if !ok {
		return c.refuse(501, "5.5.4", "Error: attribute=value expected")
	}
	id, err := i.Identify(ctx, attributes)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		c.srv.opt.Meter.Refused()
		c.refused = refused.Client
		c.turnAway(wire.Sound(status.From(err).Reply))
		return false
	case err != nil:
		return c.fail(err)
	}
	c.helo, c.esmtp, c.authed, c.authOffered, c.errors, c.junk = id.Helo, id.ESMTP, id.Authenticated, false, 0, 0
	c.tune = c.tuned()
	c.write(status.Reply{Code: 220, Text: c.srv.opt.Banner})
	return true
}

// turnAway ends the session of a client that is refused after it became another one. The connection
// stays as after a greeting with 554.
func (c *conn) turnAway(r status.Reply) {
	sess := c.sess
	c.sess = nil
	c.afterRefusal = func() { sess.Close(nil) }
	c.refuseConnection(r)
}

// tuned are the options of the session.
func (c *conn) tuned() *Tuning {
	a, ok := c.sess.(Adjuster)
	if !ok {
		return &c.srv.tune
	}
	t := c.srv.tune
	a.Adjust(&t)
	return &t
}

// proxied is a connection by way of a proxy that tells who the client is (package proxyproto).
type proxied interface {
	net.Conn
	NetConn() net.Conn
}

// upstream lets a proxy say who the client is, where there is one; false: it did not, and the
// connection is over.
func (c *conn) upstream() bool {
	if c.srv.opt.Upstream == nil {
		return true
	}
	nc, err := c.srv.opt.Upstream(c.base)
	if err != nil {
		c.srv.opt.Logger.Warn("no client told by the proxy", "remote", c.remote.String(), "err", err)
		c.why = err
		return false
	}
	c.told(nc)
	return true
}

// told takes the addresses of a connection over.
func (c *conn) told(nc net.Conn) {
	c.remote, c.local = addrPort(nc.RemoteAddr()), addrPort(nc.LocalAddr())
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
