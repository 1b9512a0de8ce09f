package smtpclient

import (
	"bytes"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// Reply is what the peer said. Positive replies on the way to the last one come without texts.
type Reply struct {
	status.Reply
	// Raw is the reply as it came on one line, codes of all its lines included, without
	// control bytes, cut at 4 KiB: "550-5.1.1 no such user 550 5.1.1 see https://…".
	Raw string
}

// Bounds on what a peer can make us read or keep.
const (
	maxLineBytes  = 2048     // of a reply line are kept; RFC 5321 §4.5.3.1.5 has 512
	maxAuthBytes  = 12 << 10 // of a line during AUTH: RFC 4954 §4
	maxLines      = 100      // of one reply
	maxTextBytes  = 16 << 10 // of one reply are kept
	maxReplyBytes = 256 << 10
	maxRawBytes   = 4096
	inBytes       = 4096
)

// parseLine takes a reply line apart: code, and whether it is the reply's last. RFC 5321 §4.2
// wants a space or a hyphen behind the code; anything but a hyphen passes for a space.
func parseLine(line []byte) (code int, last, ok bool) {
	if len(line) < 3 {
		return 0, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	if code < 200 || code > 599 {
		return 0, false, false
	}
	return code, len(line) == 3 || line[3] != '-', true
}

// newReply makes a reply from its lines, which are separated by "\n". They are known to parse.
func newReply(code int, lines []byte) Reply {
	if len(lines) > maxRawBytes {
		lines = lines[:maxRawBytes]
	}
	raw := status.Clean(string(bytes.TrimRight(lines, " \t")))
	if bytes.IndexByte(lines, '\n') < 0 {
		enhanced, text := status.SplitEnhanced(code, afterCode(raw))
		return Reply{status.Reply{Code: code, Enhanced: enhanced, Text: text}, raw}
	}
	return Reply{severalLines(code, string(lines)), raw}
}

// severalLines takes code and enhanced code off each line (RFC 2034 §4 puts them on all).
func severalLines(code int, lines string) status.Reply {
	r := status.Reply{Code: code}
	var b strings.Builder
	for i, line := range strings.Split(lines, "\n") {
		enhanced, text := status.SplitEnhanced(code, afterCode(status.Clean(line)))
		if enhanced != "" {
			r.Enhanced = enhanced
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(text, " "))
	}
	r.Text = b.String()
	return r
}

// afterCode returns the text of a line behind "250 " or "250-".
func afterCode(line string) string {
	if len(line) < 4 {
		return ""
	}
	return strings.TrimLeft(line[4:], " ")
}

// own returns a reply of ours in the form of a peer's, for what is decided without asking one.
func own(code int, enhanced, text string) Reply {
	r := Reply{Reply: status.Reply{Code: code, Enhanced: enhanced, Text: text}}
	r.Raw = r.String()
	return r
}
