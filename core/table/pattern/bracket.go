package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// posixClass returns a class of the C locale, as members of brackets.
func posixClass(name string) (string, bool) {
	s, ok := map[string]string{
		"alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z",
		"space": `\t-\r `, "blank": `\t `, "punct": "!-/:-@\\[-`{-~", "print": " -~", "graph": "!-~",
		"cntrl": `\x00-\x1f\x7f`, "xdigit": "0-9A-Fa-f", "word": "0-9A-Za-z_", "ascii": `\x00-\x7f`,
	}[name]
	return s, ok
}

// bracketQuote escapes a member of brackets for both engines.
func bracketQuote(r rune) string {
	if strings.ContainsRune(`\]^-[&~`, r) {
		return `\` + string(r)
	}
	return string(r)
}

// bracket translates what follows "[": a backslash stands for itself (POSIX.1 XBD §9.3.5).
func (p *posix) bracket() error {
	var b strings.Builder
	not := len(p.in) > 0 && p.in[0] == '^'
	if not {
		p.take()
	}
	for first := true; ; first = false {
		if len(p.in) == 0 {
			return errors.New("unmatched [, [^, [:, [., or [=")
		}
		if p.in[0] == ']' && !first {
			p.take()
			break
		}
		if err := p.member(&b); err != nil {
			return err
		}
	}
	p.begin()
	switch {
	case not && p.newline:
		p.both("[^\\n" + b.String() + "]")
	case not:
		p.both("[^" + b.String() + "]")
	default:
		p.both("[" + b.String() + "]")
	}
	return nil
}

// member translates a class, a character or a range of characters.
func (p *posix) member(b *strings.Builder) error {
	if name, ok := p.special(':'); ok {
		class, known := posixClass(name)
		if !known || name == "word" || name == "ascii" {
			return fmt.Errorf("invalid character class name %q", name)
		}
		b.WriteString(class)
		return nil
	}
	low, err := p.element()
	if err != nil {
		return err
	}
	if len(p.in) < 2 || p.in[0] != '-' || p.in[1] == ']' {
		b.WriteString(bracketQuote(low))
		return nil
	}
	p.take()
	high, err := p.element()
	if err != nil {
		return err
	}
	if high < low {
		return errors.New("invalid range end")
	}
	b.WriteString(bracketQuote(low) + "-" + bracketQuote(high))
	return nil
}

// element is one character: itself, [.x.] or [=x=].
func (p *posix) element() (rune, error) {
	for _, mark := range ".=" {
		if name, ok := p.special(mark); ok {
			if r := []rune(name); len(r) == 1 {
				return r[0], nil
			}
			return 0, fmt.Errorf("invalid collation character %q", name)
		}
	}
	if len(p.in) == 0 {
		return 0, errors.New("unmatched [, [^, [:, [., or [=")
	}
	return p.take(), nil
}

// special takes "[:name:]" off, for one mark of ":.=".
func (p *posix) special(mark rune) (name string, ok bool) {
	if len(p.in) < 2 || p.in[0] != '[' || p.in[1] != mark {
		return "", false
	}
	for i := 2; i+1 < len(p.in); i++ {
		if p.in[i] == mark && p.in[i+1] == ']' {
			name = string(p.in[2:i])
			p.in = p.in[i+2:]
			return name, true
		}
	}
	return "", false
}
