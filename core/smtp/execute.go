package smtp

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// greet asks the policy and sends the greeting, or its refusal (RFC 5321 §3.1).
func (c *conn) greet(ctx context.Context) {
	sess, err := c.srv.h.Connect(ctx, c)
	if err != nil {
		c.srv.opt.Meter.Refused()
		var r *Refused
		if errors.As(err, &r) {
			c.afterRefusal, c.refused = r.End, r.Client
		}
		c.refuseConnection(status.From(err).Reply)
		return
	}
	c.sess = sess
	c.tune = c.tuned()
	// RFC 5321 §4.3.1: the client waits for the greeting.
	if c.srv.opt.ForbidUnauthPipelining && c.in.Waiting() {
		c.outOfTurn()
		return
	}
	c.write(status.Reply{Code: 220, Text: c.srv.opt.Banner})
}

// refuseConnection greets with 421, after which the connection ends, with 521 (RFC 7504 §3) or with
// 554, after which only QUIT is understood.
func (c *conn) refuseConnection(r status.Reply) {
	r = wire.Sound(r)
	switch {
	case r.Code/100 != 5:
		r.Code = 421
	case r.Code != 521:
		r.Code = 554
	}
	c.write(wire.Sound(r))
	if r.Code != 554 {
		c.close(ErrHangup)
	}
}

// execute runs c.cmd.
func (c *conn) execute(ctx context.Context) {
	v := c.cmd.Verb
	c.after = v.String()
	c.heard()
	if v != grammar.Quit && c.isOutOfTurn(v) {
		return
	}
	if v == grammar.Unknown && !c.isNothing() && c.isForbidden() {
		c.fatalPlain(221, "2.7.0", "Error: I can break rules, too. Goodbye.", ErrForbidden)
		return
	}
	if c.isNothing() {
		v = grammar.Noop
	}
	c.counts[v].all++
	if c.isAllowed(v) && c.dispatch(ctx, v) {
		c.counts[v].good++
	}
	if isJunk(v) {
		if limit := c.srv.opt.JunkCommands; limit > 0 && c.junk >= limit {
			c.errors++
		}
		c.junk++
	}
}

// isAllowed refuses what must not come now, whatever it is.
func (c *conn) isAllowed(v grammar.Verb) bool {
	switch {
	case c.sess == nil && v != grammar.Quit:
		c.refuse(503, "5.7.0", c.denied())
	case c.srv.opt.RequireTLS && c.tls == nil && !isBeforeTLS(v):
		c.refuse(530, "5.7.0", "Must issue a STARTTLS command first")
	default:
		return true
	}
	if v == grammar.Bdat {
		// What follows is no command. It cannot be skipped before its length is known.
		c.refuseChunkUnread()
	}
	return false
}

// denied is what a client is told that was refused and stays.
func (c *conn) denied() string {
	if c.refused == "" {
		return "Error: access denied"
	}
	return status.Clean("Error: access denied for " + c.refused)
}

// isJunk reports whether a verb counts against smtpd_junk_command_limit.
func isJunk(v grammar.Verb) bool {
	switch v {
	case grammar.Helo, grammar.Ehlo, grammar.Rset, grammar.Noop, grammar.Vrfy, grammar.Expn, grammar.Etrn, grammar.Help:
		return true
	}
	return false
}

// isBeforeTLS reports whether a verb is allowed before the TLS that RequireTLS demands
// (RFC 3207 §4).
func isBeforeTLS(v grammar.Verb) bool {
	switch v {
	case grammar.Helo, grammar.Ehlo, grammar.StartTLS, grammar.Noop, grammar.Quit:
		return true
	}
	return false
}

// dispatch runs a command. It reports whether it was accepted.
func (c *conn) dispatch(ctx context.Context, v grammar.Verb) bool {
	switch v {
	case grammar.Helo, grammar.Ehlo:
		return c.hello(ctx, v == grammar.Ehlo)
	case grammar.StartTLS:
		return c.startTLS(ctx)
	case grammar.Auth:
		return c.auth(ctx)
	case grammar.Mail:
		return c.mail(ctx)
	case grammar.Rcpt:
		return c.rcpt(ctx)
	case grammar.Data:
		return c.data(ctx)
	case grammar.Bdat:
		return c.bdat(ctx)
	case grammar.Rset:
		return c.rset()
	case grammar.Noop:
		return c.ok(250, "2.0.0", "Ok")
	case grammar.Vrfy:
		return c.vrfy(ctx)
	case grammar.Etrn:
		return c.etrn(ctx)
	case grammar.XForward:
		return c.xforward(ctx)
	case grammar.XClient:
		return c.xclient(ctx)
	case grammar.Help:
		return c.ok(214, "2.0.0", "Commands: "+strings.Join(c.helpVerbs(), " "))
	case grammar.Quit:
		c.ok(221, "2.0.0", "Bye")
		c.close(nil)
		return true
	case grammar.Expn:
		return c.refuse(502, "5.5.1", "Error: command not implemented")
	}
	return c.refuse(500, "5.5.2", "Error: command not recognized")
}

func (c *conn) helpVerbs() []string {
	var words []string
	for v := grammar.Helo; v < grammar.Unknown; v++ {
		switch {
		case v == grammar.Expn, v == grammar.XForward, v == grammar.XClient,
			v == grammar.StartTLS && (c.srv.opt.TLS == nil || c.tls != nil),
			v == grammar.Auth && !c.authOffered,
			v == grammar.Bdat && !c.offers("CHUNKING"),
			v == grammar.Vrfy && c.srv.opt.DisableVRFY,
			v == grammar.Etrn && c.srv.opt.DisableETRN:
			continue
		}
		words = append(words, v.String())
	}
	return words
}

// isNothing reports whether a command is to do nothing.
func (c *conn) isNothing() bool {
	return c.srv.opt.Noop != nil && c.sess != nil && c.srv.opt.Noop(strings.ToUpper(string(c.cmd.Word)))
}

// isForbidden reports whether an unknown command is one of another protocol.
func (c *conn) isForbidden() bool {
	return c.cmd.IsHeader() || c.srv.opt.Forbidden(strings.ToUpper(string(c.cmd.Word)))
}

// isOutOfTurn notes that the client sent more behind a command to whose reply it must listen
// first: the last of a group, or any without PIPELINING (RFC 2920 §3.1). BDAT is followed by its
// chunk in any case. It reports true when the connection ends for that.
func (c *conn) isOutOfTurn(v grammar.Verb) bool {
	if c.sess == nil || v == grammar.Bdat {
		return false
	}
	last := v.IsLast()
	if !last && c.esmtp && c.offers("PIPELINING") {
		return false
	}
	ahead := !c.in.IsEmpty()
	if !ahead && last && c.srv.opt.ForbidUnauthPipelining {
		ahead = c.in.Waiting()
	}
	if !ahead {
		return false
	}
	c.pipelined = true
	if c.srv.opt.ForbidUnauthPipelining {
		c.outOfTurn()
		return true
	}
	return false
}

func (c *conn) outOfTurn() {
	c.pipelined = true
	c.fatalPlain(554, "5.5.0", "Error: SMTP protocol synchronization", ErrPipelining)
}

// ok sends a positive reply.
func (c *conn) ok(code int, enhanced, text string) bool {
	c.put(status.Reply{Code: code, Enhanced: enhanced, Text: text})
	return true
}

// refuse sends a negative reply of the engine's own, which counts as an error.
func (c *conn) refuse(code int, enhanced, text string) bool {
	return c.refuseReply(status.Reply{Code: code, Enhanced: enhanced, Text: text})
}

func (c *conn) refuseReply(r status.Reply) bool {
	c.put(r)
	c.errors++
	c.tellRejected(r)
	return false
}

// fail sends the reply of a policy's error, which counts as an error, unless the policy says not
// to. 421 and 521 end the connection, as in Postfix.
func (c *conn) fail(err error) bool {
	r := wire.Sound(status.From(err).Reply)
	if r.Code/100 < 4 { // an error that says yes is none that anybody meant
		r = wire.Sound(status.Reply{})
	}
	c.put(r)
	var uncounted *Uncounted
	if !errors.As(err, &uncounted) {
		c.errors++
	}
	if r.Code == 421 || r.Code == 521 {
		c.close(ErrHangup)
	}
	return false
}

// answer sends what the policy answered.
func (c *conn) answer(r status.Reply, err error) bool {
	if err == nil && r.Code/100 != 2 {
		err = &status.Error{Reply: r}
	}
	if err != nil {
		return c.fail(err)
	}
	c.put(wire.Sound(r))
	return true
}

// tellRejected tells the session of a refusal of the engine's own.
func (c *conn) tellRejected(r status.Reply) {
	if c.sess != nil {
		c.sess.Rejected(c.cmd.Logged(), r)
	}
}

// Summary is as ConnInfo says.
func (c *conn) Summary() string {
	var b []byte
	var sum count
	for v := range grammar.Verbs {
		n := c.counts[v]
		if n.all == 0 {
			continue
		}
		sum.all, sum.good = sum.all+n.all, sum.good+n.good
		b = append(appendCount(append(b, strings.ToLower(v.String())...), n), ' ')
	}
	return string(appendCount(append(b, "commands"...), sum))
}

func appendCount(b []byte, n count) []byte {
	b = strconv.AppendUint(append(b, '='), uint64(n.good), 10)
	if n.good != n.all {
		b = strconv.AppendUint(append(b, '/'), uint64(n.all), 10)
	}
	return b
}
