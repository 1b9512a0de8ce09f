package smtp

import (
	"bytes"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
	"github.com/mtad/mtad/core/status"
)

// The marks of lines in a transcript, as in Postfix's notices.
const (
	markIn  = " In:  "
	markOut = " Out: "
)

// maxHeard is how much of a command line a transcript shows.
const maxHeard = 200

// heard notes a command. The arguments of AUTH are secrets.
func (c *conn) heard() {
	o := &c.srv.opt
	if o.TranscriptBytes <= 0 && o.Trace == nil {
		return
	}
	line := c.cmd.Line
	if c.cmd.Verb == grammar.Auth {
		line = []byte(c.cmd.Logged())
	}
	if o.Trace != nil {
		o.Trace(c, true, line)
	}
	if o.TranscriptBytes > 0 {
		c.note(markIn, line[:min(len(line), maxHeard)])
	}
}

// said notes a reply.
func (c *conn) said(r status.Reply) {
	o := &c.srv.opt
	if o.TranscriptBytes <= 0 && o.Trace == nil {
		return
	}
	var room [512]byte
	for line := range bytes.Lines(wire.AppendReply(room[:0], r, !c.utf8)) {
		line = bytes.TrimRight(line, "\r\n")
		if o.Trace != nil {
			o.Trace(c, false, line)
		}
		if o.TranscriptBytes > 0 {
			c.note(markOut, line)
		}
	}
}

// note appends a line, its control bytes made harmless. The oldest lines make room.
func (c *conn) note(mark string, line []byte) {
	t := append(append(c.transcript, mark...), line...)
	for i := len(t) - len(line); i < len(t); i++ {
		if t[i] < ' ' || t[i] == 0x7f {
			t[i] = '?'
		}
	}
	c.transcript = append(t, '\n')
	if most := c.srv.opt.TranscriptBytes; len(c.transcript) > most {
		rest := c.transcript[len(c.transcript)-most/2:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[i+1:]
		}
		c.transcript = c.transcript[:copy(c.transcript, rest)]
	}
}

// forgetTranscript begins anew: a message was accepted, and what led to it is of no interest.
func (c *conn) forgetTranscript() { c.transcript = c.transcript[:0] }

// Transcript is as ConnInfo says.
func (c *conn) Transcript() string { return string(c.transcript) }
