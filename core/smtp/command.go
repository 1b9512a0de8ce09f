package smtp

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/core/status"
)

// command is a command line taken apart. Its slices lie in the input buffer.
type command struct {
	verb verb
	// word is the verb as it came; arg is what follows, without white space around it.
	word, arg []byte
	// line is all of it.
	line []byte
}

// parseCommand takes a line (without line end) apart.
func parseCommand(line []byte) command {
	text := bytes.Trim(line, " \t")
	word, arg := text, []byte(nil)
	if i := bytes.IndexAny(text, " \t"); i >= 0 {
		word, arg = text[:i], bytes.TrimLeft(text[i:], " \t")
	}
	return command{verb: verbOf(word), word: word, arg: arg, line: line}
}

// begin sets the line, of which nothing else is known yet.
func (c *command) begin(line []byte) {
	c.verb, c.word, c.arg, c.line = verbUnknown, nil, nil, line
}

// keep copies what the command has in the input buffer, before more is read.
func (c *command) keep() {
	if c.verb == verbData {
		c.line = dataLine // so that the usual message costs no allocation
	} else {
		c.line = bytes.Clone(c.line)
	}
	*c = parseCommand(c.line)
}

var dataLine = []byte("DATA")

// hasNoArg reports whether the command stands alone.
func (c *command) hasNoArg() bool { return len(c.arg) == 0 }

// isHeader reports whether the command looks like a field of a message header, which clients
// send that do not look at replies: printable characters and a colon.
func (c *command) isHeader() bool {
	name, _, ok := bytes.Cut(c.line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || len(name) == 0 {
		return false
	}
	for _, b := range name {
		if b <= ' ' || b >= 0x7f {
			return false
		}
	}
	return true
}

// logged returns the line for the log: cleaned, cut, without what AUTH wants to keep secret.
func (c *command) logged() string {
	const most = 100
	line := c.line
	if c.verb == verbAuth {
		mechanism, _, _ := bytes.Cut(c.arg, space)
		line = bytes.TrimRight(append([]byte("AUTH "), mechanism...), " ")
	}
	if len(line) > most {
		line = line[:most]
	}
	return status.Clean(string(line))
}

// What the bytes of a command line may be.
type lineText uint8

const (
	lineGood lineText = iota
	// lineControl: NUL or another control byte (RFC 5321 §4.1.2 has none of them).
	lineControl
	// lineBadUTF8: octets ≥ 0x80 that are not UTF-8 (RFC 6531 §3.3).
	lineBadUTF8
)

// checkLine says whether a command line is text.
func checkLine(line []byte) lineText {
	high := false
	for _, c := range line {
		switch {
		case c >= 0x80:
			high = true
		case c < ' ' && c != '\t', c == 0x7f:
			return lineControl
		}
	}
	if high && !utf8.Valid(line) {
		return lineBadUTF8
	}
	return lineGood
}

// heloName returns the argument of HELO or EHLO with what must not stand in a Received line as
// "?", as Postfix does: such a name is none, so nothing is lost.
func heloName(arg []byte) string {
	for _, c := range arg {
		if isUnsafe(c) {
			return string(bytes.Map(func(r rune) rune {
				if r >= 0x80 || isUnsafe(byte(r)) {
					return '?'
				}
				return r
			}, arg))
		}
	}
	return string(arg)
}

func isUnsafe(c byte) bool {
	return c >= 0x7f || c <= ' ' || strings.IndexByte(`<>()\";@`, c) >= 0
}
