package smtpclient

import (
	"bytes"

	"github.com/mtad/mtad/core/status"
)

// transcript is the end of a dialogue, as postmaster is shown it. nil keeps nothing.
type transcript struct {
	most  int
	lines []string
	size  int
}

// keep adds lines, each behind a word that says who said it.
func (t *transcript) keep(who string, text []byte) {
	if t == nil {
		return
	}
	for line := range bytes.Lines(text) {
		l := who + status.Clean(string(bytes.TrimRight(line[:min(len(line), maxLineBytes)], "\r\n"))) + "\n"
		t.lines = append(t.lines, l)
		for t.size += len(l); t.size > t.most && len(t.lines) > 1; t.lines = t.lines[1:] {
			t.size -= len(t.lines[0])
		}
	}
}

// said keeps commands that are about to be sent; what belongs to an authentication is not shown.
func (t *transcript) said(s Stage, commands []byte) {
	switch {
	case t == nil || s == StageBody || s == StageEndOfData:
	case s == StageAuth:
		t.keep("Out: ", []byte("AUTH ***"))
	default:
		t.keep("Out: ", commands)
	}
}

// Transcript returns the end of the dialogue since the last Forget, in lines that begin with "In:" or
// "Out:", at most Options.Transcript bytes and without secrets and texts of messages; "" when none
// is kept.
func (c *Conn) Transcript() string {
	var b bytes.Buffer
	if c.said != nil {
		for _, l := range c.said.lines {
			b.WriteString(l)
		}
	}
	return b.String()
}

// Forget begins the transcript anew.
func (c *Conn) Forget() {
	if c.said != nil {
		c.said.lines, c.said.size = nil, 0
	}
}
