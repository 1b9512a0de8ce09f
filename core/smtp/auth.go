package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/status"
)

// auth is AUTH (RFC 4954 §4).
func (c *conn) auth(ctx context.Context) bool {
	switch {
	case !c.esmtp:
		return c.refuse(503, "5.5.1", "Error: send EHLO first")
	case c.tx != txNone:
		return c.refuse(503, "5.5.1", "Error: MAIL transaction in progress")
	case c.authed:
		return c.refuse(503, "5.5.1", "Error: already authenticated")
	}
	mechanism, rest := grammar.NextWord(string(c.cmd.Arg))
	initial, rest := grammar.NextWord(rest)
	if mechanism == "" || rest != "" {
		return c.refuse(501, "5.5.4", "Syntax: AUTH mechanism")
	}
	response, ok := decodeInitial(initial)
	if !ok {
		return c.refuse(501, "5.5.2", "Error: malformed initial response")
	}
	x, err := c.sess.Auth(ctx, strings.ToUpper(mechanism))
	if err != nil {
		return c.fail(err)
	}
	if end, ok := x.(io.Closer); ok {
		defer func() { _ = end.Close() }()
	}
	c.cmd.Keep()
	c.in.Large = true // responses may be long
	defer func() { c.in.Large = false }()
	if !c.exchange(x, response) {
		return false
	}
	c.authed = true
	return c.ok(235, "2.7.0", "Authentication successful")
}

// decodeInitial decodes an initial response: nil for none, empty for "=".
func decodeInitial(s string) ([]byte, bool) {
	switch s {
	case "":
		return nil, true
	case "=":
		return []byte{}, true
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil
}

// exchange carries challenges and responses until the mechanism is done. It answers failures.
func (c *conn) exchange(x AuthExchange, response []byte) bool {
	for {
		challenge, done, err := x.Next(response)
		switch {
		case err != nil:
			return c.failAuth(err)
		case done && len(challenge) == 0:
			return true
		}
		var ok bool
		if response, ok = c.respond(challenge); !ok {
			return false
		}
		if done {
			// What the mechanism says at its end has no place in 235, so it was a challenge;
			// the client has nothing to respond (RFC 4422 §5).
			if len(response) > 0 {
				return c.refuse(501, "5.5.2", "Error: malformed response")
			}
			return true
		}
	}
}

// failAuth answers an error of the mechanism: with its reply, or 535.
func (c *conn) failAuth(err error) bool {
	var e *status.Error
	if !errors.As(err, &e) {
		err = (&status.Error{Reply: status.Reply{Code: 535, Enhanced: "5.7.8", Text: "Error: authentication failed"}}).Because(err)
	}
	return c.fail(err)
}

// respond sends a challenge and reads the response.
func (c *conn) respond(challenge []byte) ([]byte, bool) {
	c.challenge(challenge)
	line, _, err := c.readLine()
	switch {
	case errors.Is(err, errLineTooLong):
		return nil, c.refuse(500, "5.5.6", "Error: authentication exchange line is too long")
	case err != nil:
		c.broken(err)
		return nil, false
	case len(line)+len("\r\n") > c.srv.opt.MaxAuthLine:
		return nil, c.refuse(500, "5.5.6", "Error: authentication exchange line is too long")
	case string(line) == "*":
		return nil, c.refuse(501, "5.7.0", "Authentication aborted")
	}
	response := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	n, err := base64.StdEncoding.Strict().Decode(response, line)
	if err != nil || grammar.Check(line) != grammar.Good { // base64 itself would pass over a CR
		return nil, c.refuse(501, "5.5.2", "Error: malformed response")
	}
	return response[:n], true
}

// challenge writes 334 and a challenge, on one line however long it is (RFC 4954 §4 has its own
// limit).
func (c *conn) challenge(challenge []byte) {
	if c.out == nil {
		c.out = c.srv.bufs.BorrowReply()
	}
	c.out = append(c.out, "334 "...)
	c.out = base64.StdEncoding.AppendEncode(c.out, challenge)
	c.out = append(c.out, "\r\n"...)
}
