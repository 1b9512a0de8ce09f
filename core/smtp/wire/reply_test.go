package wire

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtp/smtptest"
	"github.com/mtad/mtad/core/status"
)

func TestReplyLinesArePartedAtSpaces(t *testing.T) {
	word := strings.Repeat("w", 300)
	for _, c := range []struct {
		name, text string
		lines      int
	}{
		{"a short text is one line", "Ok", 1},
		{"no text is one line", "", 1},
		{"two words that do not fit are two lines", word + " " + word, 2},
		{"a word that does not fit is cut", word + word, 2},
		{"a line of the exact length stays one", strings.Repeat("x", MaxReplyLine-len("550 5.7.1 \r\n")), 1},
		{"one octet more does not", strings.Repeat("x", MaxReplyLine-len("550 5.7.1 \r\n")+1), 2},
		{"a space at the end of a full line is dropped", strings.Repeat("x", MaxReplyLine-len("550 5.7.1 \r\n")) + " y", 2},
		{"characters are not torn", strings.Repeat("ä", 400), 2},
		{"line ends part, too", "a\nb\n\n", 2},
		{"a text without end is cut", strings.Repeat("x ", 10000), 17},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := string(AppendReply(nil, status.Reply{Code: 550, Enhanced: "5.7.1", Text: c.text}, false))
			smtptest.CheckReplies(t, out)
			if n := strings.Count(out, "\r\n"); n != c.lines {
				t.Errorf("%d lines, want %d:\n%s", n, c.lines, out)
			}
		})
	}
}
