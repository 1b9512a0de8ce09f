package mimeconv

import "encoding/base64"

// maxLine is the most characters of an encoded line (RFC 2045 §6.7 rule 5, §6.8).
const maxLine = 76

// quoted encodes quoted-printable.
type quoted struct {
	column int
	space  byte // white space that is held back: at the end of a line it must be encoded
}

const hexDigits = "0123456789ABCDEF"

// encode appends a line, or a piece of one, encoded.
func (q *quoted) encode(out, p []byte) []byte {
	line, ended := withoutEnd(p)
	for _, c := range line {
		if q.space != 0 {
			out = q.put(out, q.space, false)
			q.space = 0
		}
		switch {
		case c == ' ' || c == '\t':
			q.space = c
		default:
			out = q.put(out, c, c <= ' ' || c >= 0x7f || c == '=')
		}
	}
	if ended {
		out = append(q.end(out), "\r\n"...)
		q.column = 0
	}
	return out
}

// end appends what was held back.
func (q *quoted) end(out []byte) []byte {
	if q.space != 0 {
		out = q.put(out, q.space, true)
		q.space = 0
	}
	return out
}

// put appends one character. Room for the "=" of a soft line break is always left.
func (q *quoted) put(out []byte, c byte, encode bool) []byte {
	width := 1
	if encode {
		width = 3
	}
	if q.column+width > maxLine-1 {
		out = append(out, "=\r\n"...)
		q.column = 0
		if c == '-' {
			// What follows might read like a delimiter, which it did not in mid-line.
			encode, width = true, 3
		}
	}
	q.column += width
	if encode {
		return append(out, '=', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(out, c)
}

// base64Lines encodes base64. The line end in front of a delimiter belongs to the delimiter (RFC
// 2046 §5.1.1), so each line end is held back until it is known what follows.
type base64Lines struct {
	held   []byte // less than a line's worth of bytes
	atEnd  bool   // a line end is held back
	within bool   // something was written, and its last line is not ended
}

const bytesOfLine = maxLine / 4 * 3

// encode appends a line, or a piece of one, encoded.
func (b *base64Lines) encode(out, p []byte) []byte {
	if b.atEnd {
		out = b.add(out, []byte("\r\n"))
	}
	line, ended := withoutEnd(p)
	b.atEnd = ended
	return b.add(out, line)
}

func (b *base64Lines) add(out, p []byte) []byte {
	b.held = append(b.held, p...)
	rest := b.held
	for len(rest) >= bytesOfLine {
		out = b.line(out, rest[:bytesOfLine])
		rest = rest[bytesOfLine:]
	}
	b.held = append(b.held[:0], rest...)
	return out
}

func (b *base64Lines) line(out, p []byte) []byte {
	if b.within {
		out = append(out, "\r\n"...)
	}
	b.within = true
	return base64.StdEncoding.AppendEncode(out, p)
}

// end appends what is left. all: the message ends here, and so its last line end belongs to the
// data; else a delimiter follows, and the line end in front of it is all that is left of it.
func (b *base64Lines) end(out []byte, all bool) []byte {
	ended := b.atEnd
	if all && ended {
		out = b.add(out, []byte("\r\n"))
	}
	if len(b.held) > 0 {
		out = b.line(out, b.held)
		b.held = b.held[:0]
	}
	if ended || all && b.within {
		out = append(out, "\r\n"...)
	}
	return out
}
