package smtp

import (
	"context"
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
