package grammar

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/core/status"
)

// Command is a command line taken apart. Its slices lie in the buffer of the line, until Keep.
type Command struct {
	Verb Verb
	// Word is the verb as it came; Arg is what follows, without white space around it.
	Word, Arg []byte
	// Line is all of it, without its line end.
	Line []byte
}

// Parse takes a line (without line end) apart.
func Parse(line []byte) Command {
	text := bytes.Trim(line, " \t")
	word, arg := text, []byte(nil)
	if i := bytes.IndexAny(text, " \t"); i >= 0 {
		word, arg = text[:i], bytes.TrimLeft(text[i:], " \t")
	}
	return Command{Verb: VerbOf(word), Word: word, Arg: arg, Line: line}
}

// Begin sets the line, of which nothing else is known yet.
func (c *Command) Begin(line []byte) {
	c.Verb, c.Word, c.Arg, c.Line = Unknown, nil, nil, line
}

// Keep copies what the command has in the input buffer, before more is read.
func (c *Command) Keep() {
	if c.Verb == Data {
		c.Line = dataLine // so that the usual message costs no allocation
	} else {
		c.Line = bytes.Clone(c.Line)
	}
	*c = Parse(c.Line)
}

var dataLine = []byte("DATA")

// HasNoArg reports whether the command stands alone.
func (c *Command) HasNoArg() bool { return len(c.Arg) == 0 }

// IsHeader reports whether the command looks like a field of a message header, which clients
// send that do not look at replies: printable characters and a colon.
func (c *Command) IsHeader() bool {
	name, _, ok := bytes.Cut(c.Line, []byte(":"))
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

// Logged returns the line for the log: cleaned, cut, without what AUTH wants to keep secret.
func (c *Command) Logged() string {
	const most = 100
	line := c.Line
	if c.Verb == Auth {
		mechanism, _, _ := bytes.Cut(c.Arg, []byte(" "))
		line = bytes.TrimRight(append([]byte("AUTH "), mechanism...), " ")
	}
	if len(line) > most {
		line = line[:most]
	}
	return status.Clean(string(line))
}

// Text is what the bytes of a command line are.
type Text uint8

// The values of Text.
const (
	Good Text = iota
	// Control: NUL or another control byte (RFC 5321 §4.1.2 has none of them).
	Control
	// BadUTF8: octets ≥ 0x80 that are not UTF-8 (RFC 6531 §3.3).
	BadUTF8
)

// Check says whether a command line is text. Only lines that are Good are for the parsers of
// arguments, which do not look for what it finds.
func Check(line []byte) Text {
	high := false
	for _, c := range line {
		switch {
		case c >= 0x80:
			high = true
		case c < ' ' && c != '\t', c == 0x7f:
			return Control
		}
	}
	if high && !utf8.Valid(line) {
		return BadUTF8
	}
	return Good
}

// HeloName returns the argument of HELO or EHLO with what must not stand in a Received line as
// "?", as Postfix does: such a name is none, so nothing is lost.
func HeloName(arg []byte) string {
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
