package compose

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Addresses returns the addresses in an RFC 5322 address list (§3.4, with the obsolete forms of
// §4.4) in external form. It is as forgiving as mail users need: addresses without a domain,
// empty elements, groups, routes and comments anywhere. What holds no address is left out; "<>"
// is the empty string.
func Addresses(list string) []string {
	s := scanner{s: list}
	for s.i < len(s.s) {
		s.next()
	}
	s.end()
	return s.found
}

// scanner reads an address list.
type scanner struct {
	s     string
	i     int
	found []string
	// bare is what stands outside of angle brackets since the last address, without white
	// space and comments; angle is what stands in them.
	bare     strings.Builder
	angle    string
	hasAngle bool
}

// next takes one token.
func (s *scanner) next() {
	switch c := s.s[s.i]; c {
	case '(':
		s.comment()
	case '"':
		s.bare.WriteString(s.quoted())
	case '[':
		s.bare.WriteString(s.until(']'))
	case '<':
		s.brackets()
	case ',', ';':
		s.i++
		s.end()
	case ':': // what stood before it names a group
		s.i++
		s.bare.Reset()
	case ' ', '\t', '\r', '\n':
		s.i++
	case '\\':
		s.bare.WriteString(s.s[s.i:min(s.i+2, len(s.s))])
		s.i += 2
	default:
		s.bare.WriteByte(c)
		s.i++
	}
}

// end closes an address.
func (s *scanner) end() {
	address := s.bare.String()
	if s.hasAngle {
		address = s.angle
	}
	if address != "" || s.hasAngle {
		s.found = append(s.found, external(address))
	}
	s.bare.Reset()
	s.angle, s.hasAngle = "", false
}

// comment skips a comment; comments nest (RFC 5322 §3.2.2).
func (s *scanner) comment() {
	for depth := 0; s.i < len(s.s); s.i++ {
		switch s.s[s.i] {
		case '\\':
			s.i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				s.i++
				return
			}
		}
	}
}

// quoted returns a quoted string with its quotes.
func (s *scanner) quoted() string {
	begin := s.i
	for s.i++; s.i < len(s.s); s.i++ {
		switch s.s[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return s.s[begin:s.i]
		}
	}
	s.i = len(s.s)
	return s.s[begin:] + `"`
}

// until returns everything up to and with c.
func (s *scanner) until(c byte) string {
	begin := s.i
	if n := strings.IndexByte(s.s[begin:], c); n >= 0 {
		s.i = begin + n + 1
	} else {
		s.i = len(s.s)
	}
	return s.s[begin:s.i]
}

// brackets reads "<...>". A source route before the address is ignored (RFC 5322 §4.4).
func (s *scanner) brackets() {
	s.i++
	in := scanner{s: s.s, i: s.i}
	for in.i < len(in.s) && in.s[in.i] != '>' {
		switch c := in.s[in.i]; c {
		case ',', ';', '<':
			in.i++
		case ':':
			in.i++
			in.bare.Reset()
		default:
			in.next()
		}
	}
	s.i = min(in.i+1, len(s.s))
	s.angle, s.hasAngle = in.bare.String(), true
}

// external quotes the local part of an address anew if it needs that, and not if it does not.
func external(address string) string {
	if address == "" {
		return ""
	}
	local, domain, ok := addr.Split(address)
	if !addr.IsDotString(local) {
		local = addr.Quote(addr.Unquote(local))
	}
	if !ok {
		return local
	}
	return local + "@" + domain
}
