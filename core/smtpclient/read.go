package smtpclient

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// goodbyeWait is how long replies are still awaited after a 421 (RFC 5321 §3.8: the server
// closes the connection), in case it answers the commands that are on their way.
const goodbyeWait = 10 * time.Second

// reply reads the reply to the command of stage s. A reply of class 2 or 3 has its texts only
// when keep is set.
//
// Invariant: after a 421 every reply that does not come any more is that 421.
func (c *Conn) reply(s Stage, keep bool) (Reply, *Error) {
	limit := c.o.Timeouts.of(s)
	if c.goodbye.Code != 0 {
		limit = min(limit, goodbyeWait)
	}
	code, err := c.readReply(s, limit)
	c.armed = false
	if c.said != nil && len(c.text) > 0 {
		c.said.keep("In:  ", c.text)
	}
	if err != nil {
		c.dead = true
		if c.goodbye.Code != 0 {
			return c.goodbye, nil
		}
		return Reply{}, broken(s, err)
	}
	var r Reply
	if r.Code = code; keep || code >= 400 {
		r = newReply(code, c.text)
	}
	if code == 421 {
		c.goodbye, c.goodbyeAt, c.dead = r, s, true
	}
	return r, nil
}

// readReply reads the lines of one reply into c.text, separated by "\n". The whole reply must
// come within limit: the deadline does not move with each byte.
func (c *Conn) readReply(s Stage, limit time.Duration) (code int, err error) {
	c.text = c.text[:0]
	budget, longest := maxReplyBytes, maxLineBytes
	if s == StageAuth {
		longest = maxAuthBytes
	}
	for range maxLines {
		if len(c.text) > 0 {
			c.text = append(c.text, '\n')
		}
		start := len(c.text)
		if err := c.readLine(start+longest, &budget, limit); err != nil {
			return 0, err
		}
		if f := c.o.Filter; f != nil {
			line, err := f(c.text[start:])
			if err != nil {
				return 0, fmt.Errorf("%w: %w", errReplyFilter, err)
			}
			c.text = append(c.text[:start], line...)
		}
		code, last, ok := parseLine(c.text[start:])
		switch {
		case !ok:
			return 0, errReplySyntax
		case last:
			return code, nil
		case start > maxTextBytes:
			c.text = c.text[:start-1]
		}
	}
	return 0, errReplyLines
}

// readLine appends the next line to c.text without its line end, up to a length of c.text of
// most; the rest of it is skipped.
func (c *Conn) readLine(most int, budget *int, limit time.Duration) error {
	for {
		part := c.in[c.r:c.w]
		end := bytes.IndexByte(part, '\n')
		if end >= 0 {
			part = part[:end]
		}
		c.text = append(c.text, part[:max(0, min(len(part), most-len(c.text)))]...)
		if end >= 0 {
			c.r += end + 1
			if n := len(c.text); n > 0 && c.text[n-1] == '\r' {
				c.text = c.text[:n-1]
			}
			return nil
		}
		if *budget -= len(part); *budget < 0 {
			return errReplyBytes
		}
		if err := c.fill(limit); err != nil {
			return err
		}
	}
}

// fill reads what the peer sent. c.in must have been consumed.
func (c *Conn) fill(limit time.Duration) error {
	if !c.armed {
		// An error means a closed connection, and then Read says so.
		_ = c.nc.SetReadDeadline(time.Now().Add(limit))
		c.armed = true
	}
	if c.in == nil {
		c.in = make([]byte, inBytes)
	}
	n, err := c.nc.Read(c.in)
	c.r, c.w = 0, max(n, 0)
	if c.w > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
