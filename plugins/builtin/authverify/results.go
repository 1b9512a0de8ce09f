package authverify

import "strings"

// value is a result of RFC 8601 §2.7.
type value string

// The results. policy: the signature is one that we do not accept, whatever it says.
const (
	none      value = "none"
	pass      value = "pass"
	fail      value = "fail"
	policy    value = "policy"
	tempError value = "temperror"
	permError value = "permerror"
)

// result is what one method found.
type result struct {
	method string
	value  value
	reason string // for people, "" for none
	props  []prop
}

// prop is a property: ptype.property=pvalue.
type prop struct{ name, value string }

// format writes the value of an Authentication-Results field.
func format(id string, results []result) string {
	b := []byte(id)
	for _, r := range results {
		b = append(append(append(append(b, ";\n\t"...), r.method...), '='), r.value...)
		if r.reason != "" {
			b = append(append(b, " reason="...), quote(r.reason)...)
		}
		for _, p := range r.props {
			if p.value != "" {
				b = append(append(append(append(b, ' '), p.name...), '='), pvalue(p.value)...)
			}
		}
	}
	if len(results) == 0 {
		b = append(b, "; none"...)
	}
	return string(b)
}

// maxShown is the most bytes of a value that a peer chose.
const maxShown = 200

// pvalue writes a value as RFC 8601 §2.2 wants it: as it is when that is safe, else quoted.
func pvalue(s string) string {
	local, domain, isAddress := strings.Cut(s, "@")
	if len(s) <= maxShown && (isToken(s) || isAddress && (local == "" || isToken(local)) && isToken(domain)) {
		return s
	}
	return quote(s)
}

// isToken reports whether s is a token of MIME (RFC 2045 §5.1).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// quote makes a quoted string of printable ASCII; what else stands in s becomes "?".
func quote(s string) string {
	b := []byte{'"'}
	for i := 0; i < len(s) && i < maxShown; i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 0x7f:
			b = append(b, '?')
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// claims returns who an Authentication-Results field says it is from (RFC 8601 §2.2), in lower case.
// ok is false when that cannot be read.
func claims(field string) (id string, ok bool) {
	rest, ok := skipComments(field)
	if !ok || rest == "" {
		return "", false
	}
	if rest[0] == '"' {
		return unquote(rest)
	}
	end := strings.IndexAny(rest, " \t\r\n;(")
	if end < 0 {
		end = len(rest)
	}
	return strings.ToLower(rest[:end]), end > 0
}

// skipComments skips white space and comments (RFC 5322 §3.2.2).
func skipComments(s string) (rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return s[i:], true
		}
	}
	return "", depth == 0
}

func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return strings.ToLower(b.String()), true
		case '\\':
			i++
		}
		if i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return "", false
}
