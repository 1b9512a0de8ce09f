package smtp

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// bdat is a BDAT that begins a message, or one that must not (RFC 3030 §2).
func (c *conn) bdat(ctx context.Context) bool {
	if !c.beginChunk() {
		return false
	}
	// A client may send MAIL, RCPT and BDAT at once, so each refusal is after the chunk.
	switch {
	case c.tx == txSpoilt:
		return c.refuseChunk(status.Reply{Code: 551, Enhanced: "5.0.0",
			Text: "Discarded " + strconv.FormatInt(c.body.chunk, 10) + " bytes after earlier error"})
	case c.tx == txNone:
		return c.refuseChunk(status.Reply{Code: 503, Enhanced: "5.5.1", Text: "Error: need RCPT command"})
	case c.recipients == 0:
		return c.refuseChunk(status.Reply{Code: 554, Enhanced: "5.5.1", Text: "Error: no valid recipients"})
	case c.isChunkTooBig():
		return c.refuseChunk(chunkTooBig)
	}
	if err := c.sess.Data(ctx); err != nil {
		return c.endChunk(func() bool { return c.fail(err) })
	}
	c.tx = txBdat
	r, err := c.message(ctx)
	return c.endOfBdat(r, err)
}

// endOfBdat answers the chunk at which the session returned.
func (c *conn) endOfBdat(r status.Reply, err error) bool {
	if c.closing { // while it waited for a chunk
		return false
	}
	if c.pending { // RSET or its like came instead of a chunk, and is executed now
		c.endBody()
		c.forgetTransaction()
		return true
	}
	last := c.body.last
	if lost := c.skipRest(); lost != nil {
		c.broken(lost)
		return false
	}
	good := c.finishMessage(r, err)
	if !last {
		c.tx = txSpoilt
	}
	return good
}

// nextChunk is called when a chunk has been read that is not the last: it answers it and takes the
// commands that follow, until the next chunk begins. Commands that end the transaction are left
// pending.
func (c *conn) nextChunk() error {
	c.ok(250, "2.0.0", "Ok: "+strconv.FormatInt(c.body.chunk, 10)+" bytes")
	c.in.Large = false
	for c.readCommand() {
		v := c.cmd.Verb
		switch {
		case v == grammar.Quit, v == grammar.Rset && c.cmd.HasNoArg(), (v == grammar.Helo || v == grammar.Ehlo) && !c.cmd.HasNoArg():
			c.pending = true
			return errAborted
		case v == grammar.Bdat:
			c.after = v.String()
			c.counts[v].all++
			if !c.beginChunk() {
				return c.endReason()
			}
			if c.isChunkTooBig() {
				return chunkTooBigError
			}
			c.counts[v].good++
			return nil
		}
		c.execute(c.group.ctx)
	}
	return c.endReason()
}

// endReason returns what ended the connection, as Body.Next shows it: never io.EOF.
func (c *conn) endReason() error {
	if c.why == nil || c.why == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return c.why
}

// beginChunk reads the arguments of BDAT. A client whose chunk has no known length cannot be
// understood any more (as in Postfix, 521).
func (c *conn) beginChunk() bool {
	size, last, ok := grammar.ParseChunk(string(c.cmd.Arg))
	switch {
	case !c.offers("CHUNKING"):
		c.fatalPlain(521, "5.5.1", "Error: command not implemented", ErrBadChunk)
		return false
	case !ok:
		c.fatalPlain(521, "5.5.4", "Syntax: BDAT count [LAST]", ErrBadChunk)
		return false
	}
	if c.tx == txBdat {
		c.cmd.Keep()
	} else {
		c.beginBody(true)
	}
	c.body.chunk, c.body.left, c.body.last = size, size, last
	if size == 0 && !last {
		c.junk++ // it brings nothing, so it is not for free
		if limit := c.srv.opt.JunkCommands; limit > 0 && c.junk > limit {
			c.errors++
		}
	}
	return true
}

// The chunk that is announced does not fit.
var (
	chunkTooBig      = status.Reply{Code: 552, Enhanced: "5.3.4", Text: "Chunk exceeds message size limit"}
	chunkTooBigError = &status.Error{Reply: chunkTooBig, Rule: "message_size_limit"}
)

func (c *conn) isChunkTooBig() bool {
	limit := c.tune.MaxMessageBytes
	return limit > 0 && c.body.chunk > limit-c.body.wire
}

// refuseChunk reads a chunk, forgets it and refuses it.
func (c *conn) refuseChunk(r status.Reply) bool {
	return c.endChunk(func() bool { return c.refuseReply(r) })
}

// endChunk reads a chunk, forgets it and lets reply answer. After the last chunk the transaction
// is over, before it spoilt.
func (c *conn) endChunk(reply func() bool) bool {
	last := c.body.last
	if err := c.body.skip(); err != nil {
		c.broken(err)
		return false
	}
	c.endBody()
	good := reply()
	switch {
	case last:
		c.resetTransaction()
	default:
		c.tx = txSpoilt
	}
	return good
}

// refuseChunkUnread skips the chunk of a BDAT that has been refused already.
func (c *conn) refuseChunkUnread() {
	if c.closing || !c.beginChunk() {
		return
	}
	if err := c.body.skip(); err != nil {
		c.broken(err)
	}
	c.endBody()
}

// beginBody begins to read the text of a message.
func (c *conn) beginBody(chunked bool) {
	c.cmd.Keep()
	c.dataSince = time.Now()
	c.body = body{c: c, dec: wire.NewDecoder(!chunked, c.tune.BareNewline == Reject), chunked: chunked,
		raw: chunked && c.bodyType == mail.BodyBinaryMIME}
}

// endBody ends the reading of a text.
func (c *conn) endBody() { c.body.close() }

// isConnError reports whether an error of Next is the connection's, not the text's.
func isConnError(err error) bool {
	switch {
	case err == nil, err == io.EOF, err == ErrBareNewline, err == errAborted:
		return false
	}
	var reply *status.Error
	return !errors.As(err, &reply)
}
