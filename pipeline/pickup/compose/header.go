package compose

import (
	"bytes"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mtad/mtad/core/addr"
)

// field is one header field with its continuation lines, as it stood.
type field struct {
	name string // in lower case
	raw  []byte
}

// value is what stands behind the colon, line ends included.
func (f *field) value() string {
	_, v, _ := bytes.Cut(f.raw, []byte(":"))
	return string(v)
}

// fields takes a header block apart.
func fields(block []byte) []field {
	var all []field
	for line := range bytes.Lines(block) {
		if n := len(all); n > 0 && (line[0] == ' ' || line[0] == '\t') {
			all[n-1].raw = append(all[n-1].raw, line...)
			continue
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		all = append(all, field{strings.ToLower(strings.TrimRight(string(name), " \t")), slices.Clip(line)})
	}
	return all
}

// extract returns the recipients that the header names and the header without what must not be
// sent. When the message was resent, the Resent- fields alone count (RFC 5322 §3.6.6).
func extract(all []field) (recipients []string, rest []field) {
	wanted := []string{"to", "cc", "bcc"}
	if slices.ContainsFunc(all, func(f field) bool {
		return f.name == "resent-to" || f.name == "resent-cc" || f.name == "resent-bcc"
	}) {
		wanted = []string{"resent-to", "resent-cc", "resent-bcc"}
	}
	for i := range all {
		f := &all[i]
		if slices.Contains(wanted, f.name) {
			for _, a := range Addresses(f.value()) {
				if a != "" && !slices.Contains(recipients, a) {
					recipients = append(recipients, a)
				}
			}
		}
		if f.name != "bcc" && f.name != "resent-bcc" {
			rest = append(rest, *f)
		}
	}
	return recipients, rest
}

// from returns the From field for a header that has none, "" if it has one or name is unknown.
// The daemon would add one too, but it does not know the user's name.
func from(all []field, o *Options) string {
	name, sender := o.FullName, o.Sender
	resent := slices.ContainsFunc(all, func(f field) bool { return strings.HasPrefix(f.name, "resent-") })
	want, title := "from", "From"
	if resent {
		want, title = "resent-from", "Resent-From"
	}
	if name == "" || sender == "" || slices.ContainsFunc(all, func(f field) bool { return f.name == want }) {
		return ""
	}
	word := encoded(name, o.Charset)
	switch {
	case !o.Obsolete && word == name:
		return title + ": " + phrase(name) + " <" + sender + ">\n"
	case !o.Obsolete:
		return title + ": " + word + " <" + sender + ">\n"
	}
	return title + ": " + sender + " (" + comment(word) + ")\n"
}

// encoded returns a name as words of RFC 2047, in the shorter of the two encodings; an ASCII name as it
// is.
func encoded(name, charset string) string {
	if addr.IsASCII(name) {
		return name
	}
	if charset == "" {
		charset = "utf-8"
	}
	q, b := mime.QEncoding.Encode(charset, name), mime.BEncoding.Encode(charset, name)
	if len(b) < len(q) {
		return b
	}
	return q
}

// comment returns text that can stand between parentheses (RFC 5322 §3.2.2).
func comment(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
}

// phrase returns a display name, quoted if it must be (RFC 5322 §3.2.5).
func phrase(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, name)
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != ' ' && !addr.IsAtext(c) {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
		}
	}
	return name
}

// isUTF8 reports whether a header needs SMTPUTF8: it has bytes ≥ 0x80, and they are UTF-8.
func isUTF8(block []byte) bool {
	return !addr.IsASCII(string(block)) && utf8.Valid(block)
}
