package smtpd

import (
	"fmt"

	"github.com/mtad/mtad/core/maillog"
)

// tooOften counts an event, or with more = 0 asks only, and logs that there were too many of it: what
// is its name in Postfix's log.
func (s *session) tooOften(e event, more int, what string) bool {
	n, excess := s.limits.count(e, more, s.peer, s.h.o.Clock())
	if excess {
		s.trouble |= TroublePolicy
		s.logExcess(what+" rate", n)
	}
	return excess
}

// logExcess logs in Postfix's words that a client is over a limit.
func (s *session) logExcess(limit string, count int) {
	s.h.o.Log.Warning(fmt.Sprintf("%s limit exceeded: %d from %s for service %s", limit, count, maillog.ClientName(&s.origin), s.h.o.Service))
}
