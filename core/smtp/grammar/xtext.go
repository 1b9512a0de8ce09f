package grammar

import (
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/core/addr"
)

const (
	// maxEnvID is the longest ENVID, encoded (RFC 3461 §4.4).
	maxEnvID = 100
	// maxORcpt is the longest ORCPT, type included (RFC 3461 §4.2).
	maxORcpt = 500
)

// decodeXtext decodes xtext (RFC 3461 §4): "+" and two upper case hexadecimal digits stand for an
// octet. It allocates only if there is one.
func decodeXtext(s string) (string, bool) {
	if s == "" {
		return "", false
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := hex(s[i+1]), hex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			if out == nil {
				out = append(make([]byte, 0, len(s)), s[:i]...)
			}
			out = append(out, byte(hi<<4|lo))
			i += 2
			continue
		case c < '!' || c > '~' || c == '=':
			return "", false
		}
		if out != nil {
			out = append(out, c)
		}
	}
	if out == nil {
		return s, true
	}
	return string(out), true
}

// hex returns the value of a digit, -1 for none. Lower case is no xtext, but clients send it and
// Postfix takes it.
func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// isPrintable reports whether s is ASCII without control characters.
func isPrintable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isEnvID reports whether s is an ENVID: xtext of printable characters (RFC 3461 §4.4), so that a
// notice that shows it cannot be given lines of the sender's own.
func isEnvID(s string) bool {
	text, ok := decodeXtext(s)
	return ok && len(s) <= maxEnvID && isPrintable(text)
}

// isORcpt reports whether s is an ORCPT: an address type, ";" and xtext of printable characters
// (RFC 3461 §4.2), or for the type utf-8 one of the forms of RFC 6533 §3.
func isORcpt(s string) bool {
	kind, address, ok := strings.Cut(s, ";")
	if !ok || len(s) > maxORcpt || !isAtom(kind) {
		return false
	}
	if strings.EqualFold(kind, "utf-8") {
		return isUTF8Address(address)
	}
	text, ok := decodeXtext(address)
	return ok && isPrintable(text)
}

func isAtom(s string) bool {
	return s != "" && addr.IsASCII(s) && strings.IndexByte(s, '.') < 0 && addr.IsDotString(s)
}

// isUTF8Address reports whether s is utf-8-addr-xtext, utf-8-addr-unitext or utf-8-address:
// printable characters in which "\x{HEX}" stands for a character and "+HH" for an octet.
func isUTF8Address(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7f || c == '=':
			return false
		case c == '\\':
			n := embedded(s[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case c == '+':
			if i+2 >= len(s) || !isPrintableHex(s[i+1], s[i+2]) {
				return false
			}
			i += 2
		}
	}
	return true
}

// isPrintableHex reports whether two digits are the code of a printable ASCII character.
func isPrintableHex(a, b byte) bool {
	hi, lo := hex(a), hex(b)
	c := hi<<4 | lo
	return hi >= 0 && lo >= 0 && c >= ' ' && c <= '~'
}

// embedded returns the length of the embedded character at the begin of s, "\x{" 2 to 6 digits
// "}", or 0 when it is none or would be a control character (RFC 6533 §3).
func embedded(s string) int {
	if !strings.HasPrefix(s, `\x{`) {
		return 0
	}
	end := strings.IndexByte(s, '}')
	if end < 5 || end > 9 {
		return 0
	}
	r := rune(0)
	for i := 3; i < end; i++ {
		d := hex(s[i])
		if d < 0 {
			return 0
		}
		r = r<<4 | rune(d)
	}
	if r < ' ' || r >= 0x7f && r < 0xa0 || !utf8.ValidRune(r) {
		return 0
	}
	return end + 1
}

// Attributes reads the arguments of XFORWARD: "NAME=value NAME=value", values in xtext of at most 255
// octets once decoded. Names are returned in upper case; the last value of a name counts.
func Attributes(arg string) (map[string]string, bool) {
	all := map[string]string{}
	for _, word := range strings.Fields(arg) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, false
		}
		plain, ok := decodeXtext(value)
		if !ok || len(plain) > 255 {
			return nil, false
		}
		all[strings.ToUpper(name)] = plain
	}
	return all, len(all) > 0
}
