package bounce

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unxtext undoes xtext (RFC 3461 §4): "+" and two upper-case hexadecimal digits are a byte. What
// is no xtext stays as it is. The result may have any byte.
func unxtext(s string) string {
	if strings.IndexByte(s, '+') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) {
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexDigit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c) }

// embed writes an address as utf-8-addr-xtext (RFC 6533 §3): what is not ASCII becomes \x{HEX};
// and with all, so do the characters that have a meaning there.
func embed(s string, all bool) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 0x80 || all && strings.ContainsRune(`\+= `, r) {
			fmt.Fprintf(&b, `\x{%X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unembed undoes embed for characters that are not ASCII (utf-8-addr-unitext, RFC 6533 §3); what else
// was written that way stays.
func unembed(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		hex, after, _ := strings.Cut(rest, "}")
		n, err := strconv.ParseUint(hex, 16, 32)
		if r := rune(n); err == nil && len(hex)+1+len(after) == len(rest) && n >= 0x80 && n <= utf8.MaxRune && utf8.ValidRune(r) {
			b.WriteRune(r)
			s = after
			continue
		}
		b.WriteString(`\x{`)
		s = rest
	}
}

// ascii replaces each character that is not ASCII by a "?".
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return '?'
		}
		return r
	}, s)
}
