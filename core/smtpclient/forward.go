package smtpclient

import (
	"slices"
	"strings"
)

// Attribute is one thing that XFORWARD tells of where a message came from (Postfix's
// XFORWARD_README).
type Attribute struct {
	// Name is NAME, ADDR, PORT, PROTO, HELO, IDENT or SOURCE; Value "" is sent as not available.
	Name, Value string
}

// forwardBytes is the most bytes of an XFORWARD command: RFC 5321 §4.5.3.1.4.
const forwardBytes = 512

// Forward tells the peer, which offers XFORWARD, where the next message came from. It sends what the
// peer wants to know of the attributes, with as few commands as fit. A refusal is an Error of Kind
// Refused, after which the session goes on without.
func (c *Conn) Forward(all []Attribute) error {
	if c.dirty {
		c.out = append(c.out[:0], "RSET\r\n"...)
		r, e := c.command(StageReset, true)
		if e == nil && r.Code/100 != 2 {
			e = c.refused(StageReset, r)
		}
		if e != nil {
			return outcome(e)
		}
		c.dirty = false
	}
	line := ""
	for _, a := range all {
		if !slices.Contains(c.features.Forward, a.Name) {
			continue
		}
		word := " " + a.Name + "=" + xtext(a.Value)
		if line != "" && len("XFORWARD")+len(line)+len(word)+2 > forwardBytes {
			if e := c.forward(line); e != nil {
				return outcome(e)
			}
			line = ""
		}
		line += word
	}
	if line == "" {
		return nil
	}
	return outcome(c.forward(line))
}

func (c *Conn) forward(line string) *Error {
	c.out = append(append(append(c.out[:0], "XFORWARD"...), line...), "\r\n"...)
	r, e := c.command(StageForward, true)
	if e == nil && r.Code/100 != 2 {
		e = &Error{Kind: Refused, Stage: StageForward, Reply: r}
	}
	return e
}

// xtext encodes a value (RFC 3461 §4) of at most 255 bytes.
func xtext(value string) string {
	if value == "" {
		return "[UNAVAILABLE]"
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, ch := range []byte(value[:min(len(value), 255)]) {
		if ch <= ' ' || ch > '~' || ch == '+' || ch == '=' {
			b.Write([]byte{'+', hex[ch>>4], hex[ch&15]})
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}
