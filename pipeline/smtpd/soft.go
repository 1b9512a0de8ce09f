package smtpd

import "github.com/mtad/mtad/core/status"

// softened is a reply as a temporary one, when refusals are to be (postconf(5) soft_bounce): 550
// 5.1.1 becomes 450 4.1.1.
func (s *session) softened(r status.Reply) status.Reply {
	if !s.h.o.SoftBounce || !r.Permanent() {
		return r
	}
	r.Code -= 100
	if status.ValidEnhanced(r.Enhanced, 5) {
		r.Enhanced = "4" + r.Enhanced[1:]
	}
	return r
}

// negative is a negative reply as it is sent: filtered, with a footer, then softened.
func (s *session) negative(r status.Reply) status.Reply {
	if s.h.o.Replace != nil {
		r = s.replaced(r)
	}
	if s.h.o.Footer != nil {
		r = s.addFooter(r)
	}
	return s.softened(r)
}

// speaksOtherwise reports whether negative changes replies at all.
func (s *session) speaksOtherwise() bool {
	return s.h.o.Footer != nil || s.h.o.Replace != nil || s.h.o.SoftBounce
}

// negativeError is what a client is told that may not even begin.
func (s *session) negativeError(err error) error {
	if !s.speaksOtherwise() {
		return err
	}
	c := *status.From(err)
	c.Reply = s.negative(c.Reply)
	return &c
}
