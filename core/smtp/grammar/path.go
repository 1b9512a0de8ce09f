package grammar

import (
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Paths is how addresses are read. A value.
type Paths struct {
	// Strict is strict_rfc821_envelopes.
	Strict bool
	// MaxLocal and MaxDomain are the longest parts of an address in octets.
	MaxLocal, MaxDomain int
	// NullDomain takes "user@", NumericDomain "user@1.2.3.4" (resolve_null_domain,
	// resolve_numeric_domain).
	NullDomain, NumericDomain bool
	// UTF8 takes addresses that are not ASCII without SMTPUTF8 (strict_smtputf8 = no).
	UTF8 bool
}

// cutPath cuts the path off the front of s, which is what follows "FROM:" or "TO:". path is
// without the angle brackets; rest begins with white space or is empty.
func (g Paths) cutPath(s string) (path, rest string, ok bool) {
	if !g.Strict {
		s = strings.TrimLeft(s, " \t")
	}
	if s == "" {
		return "", "", false
	}
	if s[0] == '<' {
		return cutBrackets(s)
	}
	if g.Strict {
		return "", "", false
	}
	n := endOf(s, " \t")
	return s[:n], s[n:], true
}

func cutBrackets(s string) (path, rest string, ok bool) {
	n := endOf(s, ">")
	if n == len(s) {
		return "", "", false
	}
	path, rest = s[1:n], s[n+1:]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", "", false
	}
	return path, rest, true
}

// endOf returns the index of the first byte of s that is one of chars and neither quoted nor
// behind a backslash; len(s) when there is none.
func endOf(s, chars string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(chars, c) >= 0:
			return i
		}
	}
	return len(s)
}

// Address reads the text of a path that is not empty: [source route] local-part ["@" domain].
// The result is in external form (package addr), its local part quoted only where it must be.
func (g Paths) Address(s string) (address string, ok bool) {
	if !g.Strict {
		s = strings.Trim(s, " \t")
	}
	if s, ok = g.skipRoute(s); !ok || s == "" {
		return "", false
	}
	local, n, ok := g.localPart(s)
	if !ok || len(local) > g.MaxLocal {
		return "", false
	}
	if n == len(s) {
		// RFC 5321 §4.1.1.3: "postmaster" needs no domain. Postfix completes any name.
		return local, !g.Strict || strings.EqualFold(local, "postmaster")
	}
	if g.NullDomain && n+1 == len(s) {
		return local + "@", true
	}
	domain, ok := g.Domain(s[n+1:])
	if !ok {
		return "", false
	}
	if end := n + 1 + len(domain); local == s[:n] {
		return s[:end], true
	}
	return local + "@" + domain, true
}

// skipRoute takes a source route off ("@a,@b:"), which is checked and ignored (RFC 5321
// appendix C).
func (g Paths) skipRoute(s string) (rest string, ok bool) {
	if s == "" || s[0] != '@' {
		return s, true
	}
	end := routeEnd(s)
	if end < 0 {
		return "", false
	}
	for hop := range strings.SplitSeq(s[:end], ",") {
		if len(hop) < 2 || hop[0] != '@' {
			return "", false
		}
		if _, ok := g.Domain(hop[1:]); !ok {
			return "", false
		}
	}
	return s[end+1:], true
}

// routeEnd returns the index of the colon that ends a source route: not one inside of an
// address literal.
func routeEnd(s string) int {
	literal := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '[':
			literal = true
		case c == ']':
			literal = false
		case c == ':' && !literal:
			return i
		}
	}
	return -1
}

// localPart reads the local part at the begin of s: up to an "@" or the end. It is a part of s
// unless it had to be quoted otherwise.
func (g Paths) localPart(s string) (local string, n int, ok bool) {
	for n < len(s) && (s[n] == '.' || addr.IsAtext(s[n])) {
		n++
	}
	if n == len(s) || s[n] == '@' {
		if addr.IsDotString(s[:n]) {
			return s[:n], n, true
		}
		// Postfix takes "a..b@example.com", as some phones send it, and quotes it.
		return addr.Quote(s[:n]), n, !g.Strict && n > 0
	}
	return g.quotedLocalPart(s)
}

// quotedLocalPart reads a quoted string or, leniently, words of RFC 822: atoms and quoted strings
// parted by dots, a backslash before any character.
func (g Paths) quotedLocalPart(s string) (local string, n int, ok bool) {
	if g.Strict && s[0] != '"' {
		return "", 0, false
	}
	plain := make([]byte, 0, len(s))
	quoted, wasQuoted := false, false
	for ; n < len(s); n++ {
		c := s[n]
		switch {
		case c == '\\' && n+1 < len(s) && (quoted || !g.Strict):
			n++
			c = s[n]
		case c == '"':
			if !g.mayQuote(s, n, quoted) {
				return "", 0, false
			}
			quoted, wasQuoted = !quoted, true
			continue
		case c == '@' && !quoted:
			return addr.Quote(string(plain)), n, true
		case !quoted && (wasQuoted && g.Strict || c != '.' && !addr.IsAtext(c)), c == '\\':
			return "", 0, false
		}
		if c < ' ' || c == 0x7f {
			return "", 0, false
		}
		plain = append(plain, c)
	}
	return addr.Quote(string(plain)), n, !quoted && (wasQuoted || len(plain) > 0)
}

// mayQuote reports whether the quotation mark at s[n] stands where one may: at the begin of a
// word, or at its end.
func (g Paths) mayQuote(s string, n int, quoted bool) bool {
	if quoted {
		return n+1 == len(s) || s[n+1] == '@' || s[n+1] == '.' && !g.Strict
	}
	return n == 0 || s[n-1] == '.' && !g.Strict
}

// Domain reads a domain or an address literal that is all of s. Leniently, one final dot is
// dropped.
func (g Paths) Domain(s string) (string, bool) {
	if s != "" && s[0] == '[' {
		return s, len(s) <= g.MaxDomain && isLiteral(s)
	}
	if !g.Strict {
		s = strings.TrimSuffix(s, ".")
	}
	if s == "" || len(s) > g.MaxDomain {
		return "", false
	}
	numeric := true
	for rest, more := s, true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if !g.isLabel(label) {
			return "", false
		}
		numeric = numeric && isNumeric(label)
	}
	// "1.2.3.4" is an address that lacks its brackets. No top-level domain is a number.
	if numeric && g.NumericDomain {
		ip, err := netip.ParseAddr(s)
		return s, err == nil && ip.Is4()
	}
	return s, !numeric
}

// isLabel reports whether s is a label: letters, digits and hyphens inside, or the U-label of
// RFC 6531 §3.3 (whose UTF-8 was checked with the line).
func (g Paths) isLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		case c >= 0x80:
			ascii = false
		case c == '_' && !g.Strict:
		default:
			return false
		}
	}
	return !ascii || len(s) <= 63
}

func isNumeric(label string) bool {
	for i := 0; i < len(label); i++ {
		if label[i] < '0' || label[i] > '9' {
			return false
		}
	}
	return true
}

// isLiteral reports whether s is an address literal: [1.2.3.4] or [IPv6:::1] (RFC 5321 §4.1.3).
// Other tags are unknown.
func isLiteral(s string) bool {
	if len(s) < 3 || s[len(s)-1] != ']' {
		return false
	}
	s = s[1 : len(s)-1]
	const tag = "IPv6:"
	if len(s) > len(tag) && strings.EqualFold(s[:len(tag)], tag) {
		ip, err := netip.ParseAddr(s[len(tag):])
		return err == nil && ip.Is6() && ip.Zone() == ""
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4()
}
