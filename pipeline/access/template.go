package access

import "strings"

// Filter replaces the bytes of a value that are not in allowed by "_" (postconf(5)
// smtpd_expansion_filter): what a stranger chose must not look like something else in a reply.
// allowed "" lets everything pass.
func Filter(value, allowed string) string {
	if allowed == "" {
		return value
	}
	for i := 0; i < len(value); i++ {
		if strings.IndexByte(allowed, value[i]) < 0 {
			b := []byte(value)
			for ; i < len(b); i++ {
				if strings.IndexByte(allowed, b[i]) < 0 {
					b[i] = '_'
				}
			}
			return string(b)
		}
	}
	return value
}

// Expand replaces $name, ${name}, $(name), ${name?text} and ${name:text} in a template, as
// postconf(5) default_rbl_reply and smtpd_reject_footer have them. value returns "" for names that it does not know.
func Expand(template string, value func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(template); {
		c := template[i]
		if c != '$' || i+1 == len(template) {
			b.WriteByte(c)
			i++
			continue
		}
		i++
		switch next := template[i]; {
		case next == '$':
			b.WriteByte('$')
			i++
		case next == '{' || next == '(':
			end := closing(template, i)
			if end < 0 {
				return b.String()
			}
			b.WriteString(expandBraced(template[i+1:end], value))
			i = end + 1
		default:
			end := i
			for end < len(template) && (template[end] == '_' || isAlnum(template[end])) {
				end++
			}
			b.WriteString(value(template[i:end]))
			i = end
		}
	}
	return b.String()
}

// Footer returns what a template adds to a negative reply (postconf(5) smtpd_reject_footer): lines of its own, or
// more of the last line when it begins with "\\c"; "\\n" begins a line.
func Footer(template string, value func(string) string) string {
	template, same := strings.CutPrefix(template, `\c`)
	lines := strings.Split(template, `\n`)
	for i := range lines {
		lines[i] = Expand(strings.Trim(lines[i], "\r\n"), value)
	}
	text := strings.Join(lines, "\n")
	if !same {
		text = "\n" + text
	}
	return text
}

func expandBraced(text string, value func(string) string) string {
	i := strings.IndexAny(text, "?:")
	if i < 0 {
		return value(text)
	}
	if has := value(text[:i]) != ""; has == (text[i] == '?') {
		return Expand(text[i+1:], value)
	}
	return ""
}

// closing returns the index of the bracket that closes the one at i, -1 for none.
func closing(s string, i int) int {
	open, shut := s[i], byte('}')
	if open == '(' {
		shut = ')'
	}
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
