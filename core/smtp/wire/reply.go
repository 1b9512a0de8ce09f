package wire

import (
	"unicode/utf8"

	"github.com/mtad/mtad/core/status"
)

// MaxReplyLine is the longest reply line in octets, CRLF included (RFC 5321 §4.5.3.1.5).
const MaxReplyLine = 512

// maxReplyText bounds the text of a whole reply.
const maxReplyText = 8 << 10

// AppendReply appends r to b as lines of at most MaxReplyLine octets. With ascii, octets ≥ 0x80
// become "?" (RFC 6531 §3.7.4.1: only who asked for SMTPUTF8 gets them). Control characters are
// cleaned as status.Clean does; r's code has three digits.
func AppendReply(b []byte, r status.Reply, ascii bool) []byte {
	text := r.Text
	if len(text) > maxReplyText {
		text = text[:maxReplyText]
	}
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	room := MaxReplyLine - len("250 ") - len("\r\n")
	if r.Enhanced != "" {
		room -= len(r.Enhanced) + 1
	}
	for {
		n, skip := cutLine(text, room)
		last := n+skip >= len(text)
		b = appendReplyLine(b, r, text[:n], last, ascii)
		if last {
			return b
		}
		text = text[n+skip:]
	}
}

// cutLine returns how many octets of text stand in the first line, and how many between it and
// the next one: a line end, or the space at which a long line is parted.
func cutLine(text string, room int) (n, skip int) {
	space := 0
	for n = 0; n < len(text) && n < room; n++ {
		switch text[n] {
		case '\n':
			return n, 1
		case ' ':
			space = n
		}
	}
	switch {
	case n == len(text):
		return n, 0
	case text[n] == '\n', text[n] == ' ':
		return n, 1
	case space > 0:
		return space, 1
	}
	for n > room-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return n, 0
}

func appendReplyLine(b []byte, r status.Reply, text string, last, ascii bool) []byte {
	b = append(b, byte('0'+r.Code/100), byte('0'+r.Code/10%10), byte('0'+r.Code%10), ' ')
	if !last {
		b[len(b)-1] = '-'
	}
	if r.Enhanced != "" {
		b = append(append(b, r.Enhanced...), ' ')
	}
	return append(appendClean(b, text, ascii), '\r', '\n')
}

// appendClean appends text as status.Clean would make it, octets ≥ 0x80 as "?" if ascii.
func appendClean(b []byte, text string, ascii bool) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\t' || c == '\r' || c == '\n':
			b = append(b, ' ')
		case c < ' ' || c == 0x7f || c >= 0x80 && ascii:
			b = append(b, '?')
		default:
			b = append(b, c)
		}
	}
	return b
}

// Sound returns r with a code that the protocol knows and an enhanced code of its class
// (RFC 2034 §4: every reply of class 2, 4 and 5 has one). A reply that says nothing or nonsense
// is an unknown failure.
func Sound(r status.Reply) status.Reply {
	if r.Code < 200 || r.Code > 599 {
		return status.Reply{Code: 451, Enhanced: "4.3.0", Text: "Temporary system failure, try again later"}
	}
	class := r.Code / 100
	switch {
	case class == 3:
		r.Enhanced = ""
	case r.Enhanced == "":
		r.Enhanced = r.DSN()
	case !status.ValidEnhanced(r.Enhanced, class):
		own := string(byte('0'+class)) + r.Enhanced[1:]
		if !status.ValidEnhanced(own, class) {
			own = string(byte('0'+class)) + ".0.0"
		}
		r.Enhanced = own
	}
	return r
}
