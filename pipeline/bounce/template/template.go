package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"
)

// The names of the templates.
const (
	Failure = "failure"
	Delay   = "delay"
	Success = "success"
	Verify  = "verify"
)

// Names returns the names of all templates, in the order of bounce(5).
func Names() []string { return []string{Failure, Delay, Success, Verify} }

// maxLine is how long a line of a template may be, in bytes.
const maxLine = 900

// Template is the text of one kind of notice, in UTF-8.
type Template struct {
	// Name is one of Names.
	Name string
	// From is the value of the field; Subject and PostmasterSubject are those of a notice to
	// the sender and of a copy for postmaster. "" stands for the usual one.
	From, Subject, PostmasterSubject string
	// Body is the text above the list of recipients, with macros. Lines end with "\n".
	Body string
}

// Set is the templates of a file by name. Those that are not in it are the usual ones.
type Set map[string]*Template

// Lookup is the value of a main.cf parameter as text, and how long it is: negative for one that is no time; found
// is false when there is none of this name.
type Lookup func(name string) (text string, length time.Duration, found bool)

// Check expands all templates, to find macros without a value.
func (s Set) Check(lookup Lookup) error {
	for _, name := range Names() {
		if t := s[name]; t != nil {
			if _, err := t.Expand(lookup); err != nil {
				return err
			}
		}
	}
	return nil
}

// Expand returns the body with its macros replaced.
func (t *Template) Expand(lookup Lookup) (string, error) {
	var b strings.Builder
	rest := t.Body
	for {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if tail, ok := strings.CutPrefix(after, "$"); ok {
			b.WriteByte('$')
			rest = tail
			continue
		}
		name, tail, ok := macro(after)
		if !ok {
			return "", fmt.Errorf("%s_template: %q is no macro; write $$ for a dollar sign", t.Name, "$"+firstWord(after))
		}
		value, ok := valueOf(name, lookup)
		if !ok {
			return "", fmt.Errorf("%s_template: $%s has no value", t.Name, name)
		}
		b.WriteString(clean(value))
		rest = tail
	}
}

// macro takes name, {name} or (name) from the begin of s.
func macro(s string) (name, rest string, ok bool) {
	for _, pair := range [...]string{"{}", "()"} {
		if inner, found := strings.CutPrefix(s, pair[:1]); found {
			name, rest, ok = strings.Cut(inner, pair[1:])
			return name, rest, ok && name != "" && nameLen(name) == len(name)
		}
	}
	n := nameLen(s)
	return s[:n], s[n:], n > 0
}

func nameLen(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		return len(s)
	}
	return n
}

func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t\n"); i >= 0 {
		s = s[:i]
	}
	return s[:min(len(s), 20)]
}

// units are the endings that ask for a time in a unit.
func units() []struct {
	ending string
	length time.Duration
} {
	return []struct {
		ending string
		length time.Duration
	}{{"_seconds", time.Second}, {"_minutes", time.Minute}, {"_hours", time.Hour}, {"_days", 24 * time.Hour}, {"_weeks", 7 * 24 * time.Hour}}
}

func valueOf(name string, lookup Lookup) (string, bool) {
	if text, _, found := lookup(name); found {
		return text, true
	}
	for _, u := range units() {
		base, ok := strings.CutSuffix(name, u.ending)
		if !ok {
			continue
		}
		if _, length, found := lookup(base); found && length >= 0 {
			return strconv.FormatInt(int64(length/u.length), 10), true
		}
	}
	return "", false
}

// clean makes control bytes of a value harmless. It works on bytes, for the text may be in any
// character set.
func clean(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}

// toUTF8 converts the text of a template.
func toUTF8(charset, text string) (string, error) {
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return "", fmt.Errorf("unknown character set %q", charset)
	}
	return enc.NewDecoder().String(text)
}
