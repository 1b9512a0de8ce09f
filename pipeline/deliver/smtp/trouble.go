package smtp

import (
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// transcriptBytes is how much of a dialogue postmaster is shown at most.
const transcriptBytes = 16 << 10

// odd reports whether a reply says that somebody's SMTP is wrong, as Postfix has it: what is no refusal
// at all, and the codes for syntax and unknown commands (RFC 5321 §4.2.1: x0z) or parameters (555).
func odd(code int) bool { return code < 400 || code > 599 || code >= 500 && code < 510 || code == 555 }

// note keeps that a session ended in an error of the protocol.
func (s *session) note(e *smtpclient.Error) {
	s.odd = s.odd || e.Kind == smtpclient.Garbled || e.Kind == smtpclient.Refused && odd(e.Reply.Code)
}

// tell reports a session with errors of the protocol, unless the message is itself a notice.
func (d *delivery) tell(s *session) {
	if s.odd && d.a.o.Trouble != nil && d.req.Entry.Origin.Kind != mail.KindBounce {
		d.a.o.Trouble(s.relay, s.conn.Transcript())
	}
	s.odd = false
}
