package smtptest

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// DecodeText is the decoder of text as one would write it on a blackboard, to compare a fast one
// with: it has the whole input and looks at the byte in hand. dots is set for DATA. It returns the
// text, how much of the input it took, whether the end of data was there, and whether a bare LF was
// before it.
func DecodeText(in string, dots bool) (text string, used int, ended, bare bool) {
	const none, crlf, lf = 0, 1, 2
	var out strings.Builder
	line := crlf // what line end is just before i
	i := 0
	for i < len(in) {
		rest := in[i:]
		switch {
		case dots && line == crlf && strings.HasPrefix(rest, ".\r\n"):
			return out.String(), i + 3, true, bare
		case dots && line == lf && strings.HasPrefix(rest, ".\r\n"):
			i, line = i+3, crlf
		case dots && line != none && strings.HasPrefix(rest, ".\n"):
			i, line, bare = i+2, lf, true
		case dots && line != none && rest[0] == '.':
			i, line = i+1, none
		case strings.HasPrefix(rest, "\r\n"):
			out.WriteString("\r\n")
			i, line = i+2, crlf
		case rest[0] == '\n':
			out.WriteString("\r\n")
			i, line, bare = i+1, lf, true
		case rest[0] == '\r':
			out.WriteByte(' ')
			i, line = i+1, none
		default:
			out.WriteByte(rest[0])
			i, line = i+1, none
		}
	}
	return out.String(), i, false, bare
}

// CheckReplies demands that out is whole replies as the protocol has them: lines of at most 512
// octets that end in CRLF, without control characters, one code to a reply.
func CheckReplies(t testing.TB, out string) {
	t.Helper()
	code := ""
	for line := range strings.Lines(out) {
		text, ok := strings.CutSuffix(line, "\r\n")
		switch {
		case !ok || len(line) > 512:
			t.Fatalf("a line of %d octets: %q", len(line), line)
		case strings.ContainsAny(text, "\r\n\x00\x7f\t") || !utf8.ValidString(text):
			t.Fatalf("a line with what must not be: %q", line)
		case len(text) < 4 || text[0] < '2' || text[0] > '5' || text[3] != ' ' && text[3] != '-':
			t.Fatalf("no reply line: %q", line)
		case code != "" && text[:3] != code:
			t.Fatalf("two codes in one reply: %q", out)
		}
		if code = text[:3]; text[3] == ' ' {
			code = ""
		}
	}
	if code != "" {
		t.Fatalf("a reply without its last line: %q", out)
	}
}
