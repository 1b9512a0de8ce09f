package smtp

import (
	"context"
	"errors"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/status"
)

// mail is MAIL (RFC 5321 §4.1.1.2).
func (c *conn) mail(ctx context.Context) bool {
	switch {
	case c.needsHelo():
		return c.refuse(503, "5.5.1", "Error: send HELO/EHLO first")
	case c.tx != txNone:
		return c.refuse(503, "5.5.1", "Error: nested MAIL command")
	}
	path, ok := grammar.AfterKeyword(string(c.cmd.Arg), "FROM:")
	if !ok {
		return c.refuse(501, "5.5.4", "Syntax: MAIL FROM:<address>")
	}
	m, refusal := grammar.ParseMail(path, c.paths(), c.offered())
	if refusal.Code != 0 {
		return c.refuseReply(refusal)
	}
	if limit := c.tune.MaxMessageBytes; limit > 0 && m.Size > limit {
		return c.refuse(552, "5.3.4", "Message size exceeds fixed limit")
	}
	if err := c.sess.Mail(ctx, m); err != nil {
		return c.fail(err)
	}
	c.tx, c.announced, c.recipients = txOpen, true, 0
	c.bodyType, c.utf8 = m.Body, m.SMTPUTF8
	return c.ok(250, "2.1.0", "Ok")
}

// rcpt is RCPT (RFC 5321 §4.1.1.3).
func (c *conn) rcpt(ctx context.Context) bool {
	switch c.tx {
	case txNone:
		return c.refuse(503, "5.5.1", "Error: need MAIL command")
	case txBdat, txSpoilt:
		return c.refuse(503, "5.5.1", "Error: RCPT after BDAT")
	}
	path, ok := grammar.AfterKeyword(string(c.cmd.Arg), "TO:")
	if !ok {
		return c.refuse(501, "5.5.4", "Syntax: RCPT TO:<address>")
	}
	r, refusal := grammar.ParseRcpt(path, c.paths(), c.offered(), c.utf8)
	if refusal.Code != 0 {
		return c.refuseReply(refusal)
	}
	if err := c.sess.Rcpt(ctx, r); err != nil {
		return c.fail(err)
	}
	c.recipients++
	return c.ok(250, "2.1.5", "Ok")
}

func (c *conn) paths() grammar.Paths {
	o := &c.srv.opt
	return grammar.Paths{Strict: o.StrictRFC821, MaxLocal: o.MaxLocalPart, MaxDomain: o.MaxDomain,
		NullDomain: o.NullDomain, NumericDomain: o.NumericDomain, UTF8: o.LooseUTF8 && o.SMTPUTF8}
}

// offered says which parameters may be used. Postfix does not ask whether the client said EHLO.
func (c *conn) offered() grammar.Offered {
	o := &c.srv.opt
	return grammar.Offered{DSN: c.offers("DSN"), Auth: c.authOffered, SMTPUTF8: o.SMTPUTF8 && c.offers("SMTPUTF8"),
		BinaryMIME: o.BinaryMIME && c.offers("BINARYMIME") && c.offers("CHUNKING"), XVERP: c.tune.XVERP && c.offers("XVERP")}
}

func (c *conn) needsHelo() bool { return c.srv.opt.RequireHelo && c.helo == "" }

// rset is RSET (RFC 5321 §4.1.1.5).
func (c *conn) rset() bool {
	if !c.cmd.HasNoArg() {
		return c.refuse(501, "5.5.4", "Syntax: RSET")
	}
	c.resetTransaction()
	return c.ok(250, "2.0.0", "Ok")
}

// resetTransaction ends a transaction without a message. The session is told if it knows of one.
func (c *conn) resetTransaction() {
	told := c.announced
	c.forgetTransaction()
	if told {
		c.sess.Reset()
	}
}

// forgetTransaction ends a transaction of which the session knows that it is over.
func (c *conn) forgetTransaction() {
	c.tx, c.announced, c.recipients = txNone, false, 0
	c.bodyType, c.utf8 = mail.BodyUnset, false
}

// data is DATA (RFC 5321 §4.1.1.4).
func (c *conn) data(ctx context.Context) bool {
	switch {
	case c.tx == txBdat, c.tx == txSpoilt:
		return c.refuse(503, "5.5.1", "Error: DATA after BDAT")
	case c.tx == txNone:
		return c.refuse(503, "5.5.1", "Error: need RCPT command")
	case c.recipients == 0:
		return c.refuse(554, "5.5.1", "Error: no valid recipients")
	case !c.cmd.HasNoArg():
		return c.refuse(501, "5.5.4", "Syntax: DATA")
	case c.bodyType == mail.BodyBinaryMIME:
		// RFC 3030 §3: a binary message goes by BDAT.
		return c.refuse(503, "5.5.1", "Error: BINARYMIME requires BDAT")
	}
	if err := c.sess.Data(ctx); err != nil {
		return c.fail(err)
	}
	c.write(status.Reply{Code: 354, Text: "End data with <CR><LF>.<CR><LF>"})
	c.beginBody(false)
	r, err := c.message(ctx)
	if lost := c.skipRest(); lost != nil {
		c.broken(lost)
		return false
	}
	return c.finishMessage(r, err)
}

// message hands the text to the session. The transaction is the session's no more. A session that
// accepts what it has not read breaks its word.
func (c *conn) message(ctx context.Context) (status.Reply, error) {
	c.announced = false
	r, err := c.sess.Message(ctx, &c.body)
	if err == nil && !c.body.isComplete() {
		return r, errUnread
	}
	return r, err
}

// skipRest reads what the session did not read. It returns what cut the connection.
func (c *conn) skipRest() error {
	if isConnError(c.body.err) {
		return c.body.err
	}
	return c.body.skip()
}

// finishMessage answers a message whose text was read or skipped to its end.
func (c *conn) finishMessage(r status.Reply, err error) bool {
	cause := c.body.err
	c.endBody()
	c.forgetTransaction()
	c.after = "END-OF-MESSAGE"
	var limit *status.Error // the one kind of error with a reply that Next has
	switch {
	case cause == ErrBareNewline:
		c.fatal(c.srv.opt.BareNewlineCode, "5.5.2", "Error: bare <LF> received", ErrBareNewline)
		return false
	case errors.As(cause, &limit):
		return c.refuseReply(limit.Reply)
	case err != nil:
		return c.fail(err)
	case r.IsZero():
		r = status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok"}
	}
	if !c.answer(r, nil) {
		return false
	}
	c.errors, c.junk = 0, 0
	c.forgetTranscript()
	return true
}

// errUnread is a session's yes to a message that it did not read to the end.
var errUnread = &status.Error{Reply: status.Reply{Code: 451, Enhanced: "4.3.0", Text: "Error: message not read"}}

// vrfy is VRFY (RFC 5321 §4.1.1.6).
func (c *conn) vrfy(ctx context.Context) bool {
	switch {
	case c.srv.opt.DisableVRFY:
		return c.refuse(502, "5.5.1", "VRFY command is disabled")
	case c.needsHelo():
		return c.refuse(503, "5.5.1", "Error: send HELO/EHLO first")
	case c.tx == txBdat:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	case c.cmd.HasNoArg():
		return c.refuse(501, "5.5.4", "Syntax: VRFY address [SMTPUTF8]")
	}
	return c.answer(c.sess.Verify(ctx, string(c.cmd.Arg)))
}

// etrn is ETRN (RFC 1985).
func (c *conn) etrn(ctx context.Context) bool {
	arg := string(c.cmd.Arg)
	switch {
	case c.srv.opt.DisableETRN:
		return c.refuse(502, "5.5.1", "Error: command not implemented")
	case c.needsHelo():
		return c.refuse(503, "5.5.1", "Error: send HELO/EHLO first")
	case c.tx != txNone:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	case arg == "" || strings.ContainsAny(arg, " \t"):
		return c.refuse(501, "5.5.4", "Syntax: ETRN domain")
	}
	// RFC 1985 §5.1: "@" asks for the subdomains too, "#" for a queue by name.
	name := strings.TrimLeft(arg, "@#")
	if _, ok := c.paths().Domain(name); !ok || len(arg)-len(name) > 1 {
		return c.refuse(501, "5.5.4", "Error: invalid parameter syntax")
	}
	return c.answer(c.sess.Etrn(ctx, arg))
}
