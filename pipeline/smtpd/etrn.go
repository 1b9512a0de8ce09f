package smtpd

import (
	"context"
	"errors"
	"strings"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
)

// ErrNotEligible is what Options.Flush says of a site for which deferred mail is not sent on
// request (postconf(5) fast_flush_domains).
var ErrNotEligible = errors.New("the site is not in fast_flush_domains")

// Etrn answers ETRN (RFC 1985) as Postfix does. "@" and "#" before the site are without effect.
func (s *session) Etrn(ctx context.Context, argument string) (status.Reply, error) {
	site := strings.TrimLeft(argument, "@#")
	if e := s.etrnLists(ctx, site); e != nil {
		return status.Reply{}, s.reject("ETRN", e, "")
	}
	err := ErrNotEligible
	if s.h.o.Flush != nil {
		err = s.h.o.Flush(ctx, site)
	}
	who := " from " + maillog.ClientName(&s.origin)
	switch {
	case err == nil:
		return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Queuing started"}, nil
	case errors.Is(err, ErrNotEligible):
		s.h.o.Log.Warning("reject: ETRN " + site + who)
		return status.Reply{}, status.New(459, "4.7.1", "<%s>: service unavailable", site)
	}
	s.h.o.Log.Warning("ETRN " + site + who + ": " + err.Error())
	return status.Reply{}, status.New(458, "4.3.0", "Unable to queue messages")
}

// etrnLists asks the lists that ETRN has to pass: those before it too, if they were put off.
func (s *session) etrnLists(ctx context.Context, site string) *status.Error {
	p := &s.h.o.Policy
	q := &access.Query{Origin: &s.origin, Etrn: site, State: "ETRN"}
	lists := [...]*access.List{p.Client, p.Helo, p.Etrn}
	first := 0
	if !p.DelayReject {
		first = len(lists) - 1
	}
	for _, l := range lists[first:] {
		if e := s.eval(ctx, l, q); e != nil {
			return e
		}
	}
	return q.Final()
}
