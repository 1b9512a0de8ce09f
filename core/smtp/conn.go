package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// txState is how far a transaction is.
type txState uint8

const (
	// txNone: MAIL is what comes next.
	txNone txState = iota
	// txOpen: MAIL was accepted.
	txOpen
	// txBdat: a message is arriving by BDAT.
	txBdat
	// txSpoilt: a BDAT has failed; more of them are read and refused, until the last one
	// or RSET (RFC 3030 §2).
	txSpoilt
)

// conn is one connection. One goroutine uses it, but for what mu guards and for nc.Close.
type conn struct {
	srv   *Server
	group *group
	// base is the connection as it came, nc that or the TLS on it.
	base, nc net.Conn
	// remote and local are the ends of the connection, as a proxy told them if there is one.
	remote, local netip.AddrPort
	sess          Session // nil when the policy refused the connection
	// afterRefusal is Refused.End of a policy that refused the connection; nil: it does not care.
	afterRefusal func()
	refused      string // Refused.Client
	tune         *Tuning
	in           wire.Input
	out          []byte // replies that wait to be written, nil when not borrowed
	// transcript is the dialogue since the last accepted message, bounded.
	transcript []byte

	mu       sync.Mutex // guards deadline and idle
	deadline time.Time  // as set on base
	idle     bool       // waits for a command: may be ended by the server's end

	helo         string
	tls          *tls.ConnectionState
	esmtp        bool
	authed       bool // AUTH has succeeded
	authOffered  bool // the last EHLO reply had AUTH
	pipelined    bool // see ConnInfo.UnauthPipelining
	closing      bool // no further command is taken
	pending      bool // cmd is to be executed before another is read
	deaf         bool // writing has failed
	tx           txState
	bodyType     mail.BodyType
	utf8         bool
	announced    bool // the transaction's Reset is owed to the session
	recipients   int
	errors, junk int
	rateCount    int
	rateSince    time.Time
	dataSince    time.Time
	why          error  // what ended the connection
	after        string // the last command, "CONNECT" before any, "END-OF-MESSAGE"
	counts       [grammar.Verbs]count
	cmd          grammar.Command
	body         body
}

// count is how often a command came, and how often it was accepted.
type count struct{ all, good uint32 }

var _ ConnInfo = (*conn)(nil)

func newConn(s *Server, g *group, nc net.Conn) *conn {
	c := &conn{srv: s, group: g, base: nc, nc: nc, tune: &s.tune, after: "CONNECT"}
	c.told(nc)
	if p, ok := nc.(proxied); ok {
		c.base = p.NetConn()
		c.nc = c.base
	}
	c.in.Reset(c.nc, s.bufs)
	return c
}

// Remote returns the client's end; the zero value where it has no IP address.
func (c *conn) Remote() netip.AddrPort { return c.remote }

// Local returns the server's end.
func (c *conn) Local() netip.AddrPort { return c.local }

// TLS, Helo, ESMTP, Errors and UnauthPipelining are as ConnInfo says.
func (c *conn) TLS() *tls.ConnectionState { return c.tls }

// Helo returns the name of the last HELO or EHLO.
func (c *conn) Helo() string { return c.helo }

// ESMTP reports whether it was EHLO.
func (c *conn) ESMTP() bool { return c.esmtp }

// Errors returns the errors that count.
func (c *conn) Errors() int { return c.errors }

// UnauthPipelining reports whether the client sent ahead without leave.
func (c *conn) UnauthPipelining() bool { return c.pipelined }

// serve runs the connection from the greeting to its end.
func (c *conn) serve(ctx context.Context) {
	defer c.end()
	if !c.upstream() {
		return
	}
	if c.srv.opt.ImplicitTLS && !c.handshake(ctx) {
		c.noTLS()
		return
	}
	c.greet(ctx)
	for !c.closing && c.readCommand() {
		c.execute(ctx)
	}
}

// end tells the session, closes the connection and gives everything back. It also is where a
// panic of the policy ends.
func (c *conn) end() {
	if p := recover(); p != nil {
		c.panicked(p)
	}
	_ = c.send() // the reason is in why, or the peer has gone
	c.tellEnd()
	c.hangUp()
	c.body.close()
	c.in.Discard()
}

func (c *conn) panicked(p any) {
	c.srv.opt.Logger.Error("SMTP session panicked", "remote", c.Remote().String(), "command", c.after, "panic", p, "stack", string(debug.Stack()))
	c.put(status.Reply{Code: 421, Enhanced: "4.3.0", Text: c.srv.opt.Hostname + " Error: internal failure"})
	c.why = ErrPanic
}

// tellEnd calls the session's last methods. A panic in them is logged, too.
func (c *conn) tellEnd() {
	if c.sess == nil && c.afterRefusal == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			c.srv.opt.Logger.Error("SMTP session panicked at its end", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if c.sess == nil {
		c.afterRefusal()
		return
	}
	sess := c.sess
	c.sess = nil
	if c.announced {
		c.announced = false
		sess.Reset()
	}
	if c.why == nil {
		sess.Close(nil)
		return
	}
	sess.Close(&EndError{Err: c.why, After: c.after})
}

// close ends the connection after the replies that wait; why is nil for QUIT. The first reason
// stays.
func (c *conn) close(why error) {
	if !c.closing {
		c.closing, c.why = true, why
	}
}

// fatal ends the connection with a reply of ours: 421 or another that names the host, as Postfix
// does.
func (c *conn) fatal(code int, enhanced, text string, why error) {
	c.fatalPlain(code, enhanced, c.srv.opt.Hostname+" "+text, why)
}

// fatalPlain is fatal without the host's name.
func (c *conn) fatalPlain(code int, enhanced, text string, why error) {
	r := status.Reply{Code: code, Enhanced: enhanced, Text: text}
	c.put(r)
	c.tellRejected(r)
	c.close(why)
}

// broken ends the connection because of an error of reading or writing.
func (c *conn) broken(err error) {
	switch {
	case errors.Is(err, ErrShutdown):
		c.fatal(421, "4.3.2", "Service shutting down", ErrShutdown)
	case errors.Is(err, ErrTooManyErrors):
		c.fatal(421, "4.7.0", "Error: too many errors", ErrTooManyErrors)
	case isTimeout(err), errors.Is(err, ErrTimeout):
		c.fatal(421, "4.4.2", "Error: timeout exceeded", ErrTimeout)
	default:
		c.close(err)
	}
}

const (
	// lingerTime and lingerBytes bound what is still read from a client that is sent away.
	lingerTime  = time.Second
	lingerBytes = 64 << 10
)

// hangUp closes the connection. A client that is sent away while it sends is listened to for a
// moment: the reset that a close would cause could take our last reply with it.
func (c *conn) hangUp() {
	if tcp, ok := c.nc.(*net.TCPConn); ok && !c.deaf && c.in.Waiting() && tcp.CloseWrite() == nil {
		_ = tcp.SetReadDeadline(time.Now().Add(lingerTime))
		for n := 0; n < lingerBytes; {
			n += len(c.in.Bytes())
			c.in.Take(len(c.in.Bytes()))
			if c.in.Fill() != nil {
				break
			}
		}
	}
	_ = c.nc.Close()
}
