package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// posix translates POSIX regular expressions as glibc understands them (regex(7)): the C locale,
// and its extensions \w \W \s \S \b \B \< \> \` \' and back-references.
type posix struct {
	output
	in       []rune
	extended bool
	newline  bool
	digits   bool
}

func translatePOSIX(expr, flags string) (translated, error) {
	p := posix{in: []rune(expr), extended: true}
	fold := true
	for _, f := range flags {
		switch f {
		case 'i':
			fold = !fold
		case 'x':
			p.extended = !p.extended
		case 'm':
			p.newline = !p.newline
		default:
			return translated{}, fmt.Errorf("unknown regexp option %q", f)
		}
	}
	prefix := "(?s)"
	if fold {
		prefix = "(?is)"
	}
	p.both(prefix)
	if err := p.all(); err != nil {
		return translated{}, err
	}
	tr := translated{re2: string(p.re2), net: string(p.net), exact: !p.inexact, longest: true, groups: p.count}
	if p.digits {
		tr.note = `\d is the letter d here: regexp tables are POSIX; write [0-9], or use pcre`
	}
	return tr, nil
}

func (p *posix) all() error {
	for len(p.in) > 0 {
		if err := p.step(); err != nil {
			return err
		}
	}
	if len(p.groups) > 0 {
		return errors.New(`unmatched ( or \(`)
	}
	return nil
}

// take returns the next character.
func (p *posix) take() rune {
	r := p.in[0]
	p.in = p.in[1:]
	return r
}

// step translates one element. In the basic syntax \( \) \{ \} \| \+ \? are the operators that
// the extended syntax has without the backslash.
func (p *posix) step() error {
	r := p.take()
	if r == '\\' {
		if len(p.in) == 0 {
			return errors.New("trailing backslash")
		}
		r = p.take()
		if !p.extended && strings.ContainsRune("(){}|+?", r) {
			return p.operator(r)
		}
		return p.escape(r)
	}
	switch {
	case r == '[':
		return p.bracket()
	case r == '.':
		p.begin()
		if p.newline {
			p.both(`[^\n]`)
		} else {
			p.both(".")
		}
	case r == '^' && (p.extended || p.atStart()):
		p.anchor(`\A`, "(?m:^)")
	case r == '$' && (p.extended || p.atEnd()):
		p.anchor(`\z`, "(?m:$)")
	case r == '*' || p.extended && strings.ContainsRune("(){|+?", r):
		return p.operator(r)
	default:
		p.literal(r)
	}
	return nil
}

func (p *posix) anchor(text, line string) {
	if p.newline {
		text = line
	}
	p.assertion(text, text)
}

// atStart reports whether "^" is an anchor in the basic syntax.
func (p *posix) atStart() bool {
	s := string(p.re2)
	return len(s) == strings.Index(s, ")")+1 || strings.HasSuffix(s, "(") || strings.HasSuffix(s, "|")
}

// atEnd reports whether "$" is an anchor in the basic syntax.
func (p *posix) atEnd() bool {
	return len(p.in) == 0 || len(p.in) > 1 && p.in[0] == '\\' && (p.in[1] == ')' || p.in[1] == '|')
}

func (p *posix) operator(r rune) error {
	switch r {
	case '(':
		p.count++
		p.open("(", "(", false, perlFlags{})
	case ')':
		if len(p.groups) == 0 {
			if !p.extended {
				return errors.New(`unmatched ) or \)`)
			}
			p.literal(r)
			return nil
		}
		p.close()
	case '|':
		p.assertion("|", "|")
	case '}':
		p.literal(r)
	case '{':
		return p.interval()
	default:
		if !p.atom && !p.extended && r == '*' {
			p.literal(r)
			return nil
		}
		return p.repeat(string(r))
	}
	return nil
}

func (p *posix) repeat(op string) error {
	if !p.atom {
		return errors.New("invalid preceding regular expression")
	}
	if p.repeated {
		p.wrap("(?:", "(?:")
	}
	p.both(op)
	p.repeated = true
	return nil
}

// interval translates {n}, {n,}, {,m} and {n,m}.
func (p *posix) interval() error {
	closing := "}"
	if !p.extended {
		closing = `\}`
	}
	text, rest, ok := strings.Cut(string(p.in), closing)
	low, high, comma := strings.Cut(text, ",")
	if !ok || !digits(low) || !digits(high) || low == "" && high == "" {
		return errors.New(`invalid content of \{\}`)
	}
	p.in = []rune(rest)
	if low == "" {
		low = "0"
	}
	if comma {
		low += "," + high
	}
	return p.repeat("{" + low + "}")
}

func digits(s string) bool { return len(s) <= 5 && strings.Trim(s, "0123456789") == "" }

// escape translates a backslash and a character.
func (p *posix) escape(r rune) error {
	if r >= '1' && r <= '9' {
		if int(r-'0') > p.count {
			return errors.New("invalid back reference")
		}
		p.begin()
		p.each(".*", `(?:\`+string(r)+`)`)
		p.inexact = true
		return nil
	}
	switch r {
	case 'w', 'W', 's', 'S':
		p.begin()
		p.both("[" + perlClass(r) + "]")
	case 'b', 'B':
		p.assertion(`\`+string(r), `\`+string(r))
	case '<':
		p.assertion(`\b`, `\b(?=[0-9A-Za-z_])`)
		p.inexact = true
	case '>':
		p.assertion(`\b`, `\b(?<=[0-9A-Za-z_])`)
		p.inexact = true
	case '`':
		p.assertion(`\A`, `\A`)
	case '\'':
		p.assertion(`\z`, `\z`)
	default:
		p.digits = p.digits || r == 'd'
		p.literal(r)
	}
	return nil
}

// perlClass returns the members of \w \s \d \h \v and their complements, for use in brackets.
func perlClass(r rune) string {
	switch r {
	case 'w':
		return `0-9A-Za-z_`
	case 'W':
		return "\\x00-/:-@\\[-\\^`{-\u00ff"
	case 's':
		return `\t-\r `
	case 'S':
		return "\\x00-\\x08\\x0e-\\x1f!-\u00ff"
	case 'd':
		return `0-9`
	case 'D':
		return "\\x00-/:-\u00ff"
	case 'h':
		return "\\t \u00a0"
	case 'H':
		return "\\x00-\\x08\\x0a-\\x1f!-\u009f\u00a1-\u00ff"
	case 'v':
		return "\\n-\\r\u0085"
	case 'V':
		return "\\x00-\\x09\\x0e-\u0084\u0086-\u00ff"
	case 'N':
		return "\\x00-\\x09\\x0b-\u00ff"
	}
	return ""
}
