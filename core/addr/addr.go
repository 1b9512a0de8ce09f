package addr

import "strings"

// Split takes an address in external form apart at the last "@" outside quotes. domain is ""
// (and ok false) when there is none.
func Split(address string) (local, domain string, ok bool) {
	if i := at(address); i >= 0 {
		return address[:i], address[i+1:], true
	}
	return address, "", false
}

// Domain returns the domain of an address in lower case, "" when it has none.
func Domain(address string) string {
	_, d, _ := Split(address)
	return strings.ToLower(d)
}

// Local returns the local part in external form.
func Local(address string) string {
	l, _, _ := Split(address)
	return l
}

// at returns the index of the last "@" that is not inside a quoted string, or -1.
func at(s string) int {
	if strings.IndexByte(s, '"') < 0 {
		return strings.LastIndexByte(s, '@')
	}
	last, quoted := -1, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '@' && !quoted:
			last = i
		}
	}
	return last
}

// Unquote returns a local part without its quotes and backslashes: `"a b"` → `a b`. A local
// part that is not quoted is returned as it is.
func Unquote(local string) string {
	if strings.IndexByte(local, '"') < 0 && strings.IndexByte(local, '\\') < 0 {
		return local
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(local); i++ {
		switch c := local[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && i+1 < len(local):
			i++
			b.WriteByte(local[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Quote returns an unquoted local part in external form: as it is when it is a dot-string
// (RFC 5321 §4.1.2, with UTF-8 as RFC 6531 §3.3 extends it), else as a quoted string.
func Quote(local string) string {
	if IsDotString(local) {
		return local
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(local); i++ {
		if c := local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(local[i])
	}
	b.WriteByte('"')
	return b.String()
}

// IsDotString reports whether s is atoms separated by single dots.
func IsDotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			if s[i-1] == '.' {
				return false
			}
			continue
		}
		if !IsAtext(s[i]) {
			return false
		}
	}
	return true
}

// IsAtext reports whether c may stand in an atom (RFC 5322 §3.2.3; RFC 6531 §3.3 adds bytes
// ≥ 0x80, whose UTF-8 the caller checks).
func IsAtext(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// Internal returns the address with its local part unquoted and its domain in lower case: the
// form that tables are asked with.
func Internal(address string) string {
	l, d, ok := Split(address)
	if !ok {
		return Unquote(l)
	}
	return Unquote(l) + "@" + strings.ToLower(d)
}

// External returns an internal address (split at its last "@") in external form.
func External(internal string) string {
	i := strings.LastIndexByte(internal, '@')
	if i < 0 {
		return Quote(internal)
	}
	return Quote(internal[:i]) + internal[i:]
}

// IsASCII reports whether s has no byte ≥ 0x80: whether it can go to a server without SMTPUTF8.
func IsASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// SplitExtension takes an address extension off an unquoted local part: "user+ext" with
// delimiters "+" → "user", "ext". The first byte of local that stands in delimiters and is not
// the first one splits (postconf(5) recipient_delimiter). ok is false when there is none. The
// names double-bounce, mailer-daemon and owner-…, …-request are never split, as in Postfix.
func SplitExtension(local, delimiters string) (user, extension string, ok bool) {
	if delimiters == "" || unsplittable(local) {
		return local, "", false
	}
	if i := strings.IndexAny(local[min(1, len(local)):], delimiters); i >= 0 && local != "" {
		return local[:i+1], local[i+2:], true
	}
	return local, "", false
}

func unsplittable(local string) bool {
	switch l := strings.ToLower(local); {
	case l == "mailer-daemon", l == "double-bounce", l == "postmaster":
		return true
	case strings.HasPrefix(l, "owner-"), strings.HasSuffix(l, "-request"):
		return true
	}
	return false
}
