package source

import "strings"

const wantAliases = "need name:value pair"

// cutName takes an entry of aliases(5) apart: the name ends at the first colon outside quotes. As
// postalias does, the quotes of the name are taken off and its value is put into one form: one space
// between words, and after a comma.
func cutName(line string) (key, value, problem string) {
	end := -1
	quotes := false
	for i := 0; i < len(line) && end < 0; i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quotes = !quotes
		case c == ':' && !quotes:
			end = i
		}
	}
	if end < 0 {
		return "", "", wantAliases
	}
	name, plain := words(line[:end], true), words(line[:end], false)
	value = words(line[end+1:], false)
	switch {
	case name == "" || value == "":
		return "", "", wantAliases
	case strings.Contains(plain, "@"):
		return "", "", "name must be local: " + quoted(plain)
	}
	return name, value, ""
}

// words puts text outside quotes into one form: no white space at its ends and around commas and
// semicolons, a space after a comma, elsewhere one space for any white space, no backslashes. With
// unquote it takes quotes off too.
func words(s string, unquote bool) string {
	var b strings.Builder
	quotes, space := false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !quotes && isSpace(c) {
			space = true
			continue
		}
		separator := !quotes && (c == ',' || c == ';')
		if space && b.Len() > 0 && !separator && !endsIn(b.String(), ", ", ";") {
			b.WriteByte(' ')
		}
		space = false
		switch {
		case c == '\\' && i+1 < len(s):
			if i++; quotes && !unquote {
				b.WriteByte(c)
			}
			b.WriteByte(s[i])
		case c == '"':
			if quotes = !quotes; !unquote {
				b.WriteByte(c)
			}
		case separator && c == ',':
			b.WriteString(", ")
		default:
			b.WriteByte(c)
		}
	}
	return strings.TrimRight(b.String(), " \t\r\n\v\f")
}

func endsIn(s string, ends ...string) bool {
	for _, end := range ends {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}
