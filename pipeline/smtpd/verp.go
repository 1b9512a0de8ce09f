package smtpd

import (
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

// mayVERP reports whether the client may ask for variable envelope return paths.
func (s *session) mayVERP() bool {
	return s.h.o.VERPFrom != nil && s.h.o.VERPFrom(s.origin.ClientName, s.origin.Client.Addr())
}

// verp notes what XVERP asks for.
func (s *session) verp(m *smtp.MailArgs) *status.Error {
	if !m.XVERP {
		return nil
	}
	delimiters, given := strings.CutPrefix(m.VERP, "=")
	if !given {
		delimiters = s.h.o.VERP
	}
	switch {
	case !mail.VERPDelimiters(delimiters, s.h.o.VERPFilter):
		return status.New(501, "5.5.4", "Error: XVERP needs two characters from %s", s.h.o.VERPFilter)
	case m.Sender == "":
		return status.New(503, "5.5.4", "Error: XVERP requires non-null sender")
	}
	s.env.VERP = delimiters
	return nil
}
