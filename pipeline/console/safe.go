package console

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is shown of a text, in bytes.
const (
	maxShown = 500
	maxLong  = 4000
)

// shown makes a text from strangers fit to be read: what is invisible, or would change the order in
// which the rest is read, is shown as its code, so that no address or reply looks like another.
// html/template escapes the result. At most about limit bytes are shown.
func shown(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		s = s[:limit]
	}
	if plain(s) && !cut {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1 && cut && len(s)-i < utf8.UTFMax && !utf8.FullRuneInString(s[i:]):
			i = len(s) // the cut went through a character
			continue
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "⟨%02X⟩", s[i])
		case hidden(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hidden reports whether a rune is a control, a format (bidirectional overrides among them), a line or
// paragraph separator, for private use, a variation selector, or a space that is not the space.
func hidden(r rune) bool {
	return r != ' ' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Zs, unicode.Co, unicode.Variation_Selector) ||
		r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 // Hangul fillers
}

// block is shown for a text of many lines, which stay, as do tabs.
func block(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		for i, part := range strings.Split(text, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(shown(part, maxLong))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
