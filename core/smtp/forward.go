package smtp

import (
	"context"

	"github.com/mtad/mtad/core/smtp/grammar"
)

// Forwarder is a Session that may be told where the next message came from (Postfix's XFORWARD_README).
type Forwarder interface {
	Session
	// MayForward reports whether the client may say so; Extensions then announces XFORWARD.
	MayForward(ctx context.Context) bool
	// Forward takes attributes, names in upper case, values decoded. They count for the next
	// transaction. An error is answered with its reply.
	Forward(ctx context.Context, attributes map[string]string) error
}

// xforward is XFORWARD.
func (c *conn) xforward(ctx context.Context) bool {
	f, ok := c.sess.(Forwarder)
	switch {
	case c.tx != txNone:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	case !ok || !f.MayForward(ctx):
		return c.refuse(554, "5.7.0", "Error: insufficient authorization")
	}
	attributes, ok := grammar.Attributes(string(c.cmd.Arg))
	if !ok {
		return c.refuse(501, "5.5.4", "Syntax: XFORWARD attribute=value...")
	}
	if err := f.Forward(ctx, attributes); err != nil {
		return c.fail(err)
	}
	return c.ok(250, "2.0.0", "Ok")
}
