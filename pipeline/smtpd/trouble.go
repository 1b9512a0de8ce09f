package smtpd

import (
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
)

// Trouble is a set of kinds of errors that a session had; postconf(5) notify_classes names them.
type Trouble uint8

// The kinds. A refused recipient that does not exist is TroubleBounce, as in Postfix.
const (
	TroubleBounce   Trouble = 1 << iota // mail for nobody here was refused
	TroubleData                         // a table could not be asked
	TroublePolicy                       // a rule refused
	TroubleProtocol                     // the client did not speak SMTP
	TroubleResource                     // no room
	TroubleSoftware                     // something of ours failed
)

// kindOf says what kind of error a refusal is. late: it was made after the rules had been asked.
func kindOf(e *status.Error, late bool) Trouble {
	switch dsn := e.Reply.DSN(); {
	case e.Reply.Code == 452 || dsn == "4.3.1":
		return TroubleResource
	case e.Reply.Code/100 == 4 && e.Cause != nil && late:
		return TroubleSoftware
	case e.Reply.Code/100 == 4 && e.Cause != nil:
		return TroubleData
	case dsn == "5.1.1" || dsn == "5.1.6":
		return TroubleBounce
	}
	return TroublePolicy
}

// tellTrouble reports what went wrong since the last report, with the dialogue that the engine still
// has.
func (s *session) tellTrouble() {
	kinds := s.trouble
	s.trouble = 0
	if kinds != 0 && s.h.o.Trouble != nil {
		s.h.o.Trouble(kinds, maillog.ClientName(&s.origin), s.conn.Transcript())
	}
}
