package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// bracket translates what follows "[" (pcre2pattern(3), "Square brackets and character classes").
func (p *perl) bracket() error {
	var b strings.Builder
	b.WriteByte('[')
	for p.has(`\Q\E`) || p.has(`\E`) {
	}
	if p.has("^") {
		b.WriteByte('^')
	}
	for first := true; ; first = false {
		if len(p.in) == 0 {
			return errors.New("missing terminating ] for character class")
		}
		if p.in[0] == ']' && !first {
			p.take()
			break
		}
		if err := p.member(&b); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	s := b.String()
	if s == "[]" || s == "[^]" { // only \E or \Q\E stood in it
		return errors.New("empty character class")
	}
	p.begin()
	p.both(s)
	return nil
}

// member translates a class, or a character or range of characters.
func (p *perl) member(b *strings.Builder) error {
	if p.has(`\E`) || p.has(`\Q\E`) {
		return nil
	}
	class, low, err := p.bracketItem()
	if err != nil || class != "" {
		b.WriteString(class)
		return err
	}
	if len(p.in) < 2 || p.in[0] != '-' || p.in[1] == ']' {
		b.WriteString(bracketQuote(low))
		return nil
	}
	p.take()
	class, high, err := p.bracketItem()
	switch {
	case err != nil:
		return err
	case class != "":
		b.WriteString(bracketQuote(low) + `\-` + class)
		return nil
	case high < low:
		return errors.New("range out of order in character class")
	}
	b.WriteString(bracketQuote(low) + "-" + bracketQuote(high))
	return nil
}

// bracketItem reads one class or one character.
func (p *perl) bracketItem() (class string, c rune, err error) {
	if name, ok := p.posixName(); ok {
		if strings.HasPrefix(name, "^") {
			return "", 0, fmt.Errorf("[:%s:]: %w", name, errUnsupported)
		}
		class, ok = posixClass(name)
		if !ok {
			return "", 0, fmt.Errorf("unknown POSIX class name %q", name)
		}
		return class, 0, nil
	}
	if !p.has(`\`) {
		return "", p.take(), nil
	}
	if len(p.in) == 0 {
		return "", 0, errors.New(`\ at end of pattern`)
	}
	switch r := p.in[0]; {
	case r == 'b':
		p.take()
		return "", '\b', nil
	case r != 'N' && perlClass(r) != "":
		p.take()
		return perlClass(r), 0, nil
	case strings.ContainsRune("pPQXRN", r):
		return "", 0, fmt.Errorf(`\%c in a character class: %w`, r, errUnsupported)
	}
	c, err = p.character()
	return "", c, err
}

// posixName takes "[:name:]" off.
func (p *perl) posixName() (string, bool) {
	if len(p.in) < 4 || p.in[0] != '[' || p.in[1] != ':' {
		return "", false
	}
	for i := 2; i+1 < len(p.in); i++ {
		if p.in[i] == ':' && p.in[i+1] == ']' {
			name := string(p.in[2:i])
			p.in = p.in[i+2:]
			return name, true
		}
		if p.in[i] == ']' {
			return "", false
		}
	}
	return "", false
}
