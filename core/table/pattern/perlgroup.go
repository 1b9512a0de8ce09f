package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// group translates what follows "(".
func (p *perl) group() error {
	outer := p.flags
	switch {
	case p.has("*"):
		return fmt.Errorf("(*VERB): %w", errUnsupported)
	case !p.has("?"):
		p.count++
		p.open("(", "(", false, outer)
	case p.has("#"):
		for len(p.in) > 0 {
			if p.take() == ')' {
				return nil
			}
		}
		return errors.New("missing ) after (?# comment")
	case p.has(":"):
		p.open("(?:", "(?:", false, outer)
	case p.has(">"):
		p.inexact = true
		p.open("(?:", "(?>", false, outer)
	case p.has("="):
		p.open("(?:", "(?=", true, outer)
	case p.has("!"):
		p.open("(?:", "(?!", true, outer)
	case p.has("<="):
		p.open("(?:", "(?<=", true, outer)
	case p.has("<!"):
		p.open("(?:", "(?<!", true, outer)
	case p.has("P<"), p.has("<"), p.has("'"):
		return p.named(outer)
	case p.has("P="):
		name, ok := p.until(')')
		if !ok {
			return errors.New("missing ) after (?P=name")
		}
		return p.nameReference(name)
	case p.has("("):
		return fmt.Errorf("conditional group: %w", errUnsupported)
	default:
		return p.inline(outer)
	}
	return nil
}

// until takes the text up to an end off.
func (p *perl) until(end rune) (string, bool) {
	for i, r := range p.in {
		if r == end {
			text := string(p.in[:i])
			p.in = p.in[i+1:]
			return text, true
		}
	}
	return "", false
}

// named opens a group that has a name; the mark before the name is gone already.
func (p *perl) named(outer perlFlags) error {
	i := strings.IndexAny(string(p.in), ">'")
	if i < 1 {
		return errors.New("group name expected")
	}
	name := string(p.in[:i])
	p.in = p.in[i+1:]
	p.count++
	p.names[name] = p.count
	p.open("(", "(", false, outer)
	return nil
}

// inline translates (?flags) and (?flags:…).
func (p *perl) inline(outer perlFlags) error {
	on := true
	for len(p.in) > 0 {
		switch r := p.take(); r {
		case '-':
			on = false
		case 'i':
			p.flags.fold = on
		case 'm':
			p.flags.multi = on
		case 's':
			p.flags.dotAll = on
		case 'x':
			p.flags.extended = on
		case 'U':
			p.flags.ungreedy = on
		case ':':
			p.open("(?"+p.flags.letters()+":", "(?"+p.flags.letters()+":", false, outer)
			return nil
		case ')':
			p.assertion("(?"+p.flags.letters()+")", "(?"+p.flags.letters()+")")
			return nil
		default:
			return fmt.Errorf("(?%c: %w", r, errUnsupported)
		}
	}
	return errors.New("missing ) after (?")
}

// nameReference translates a reference to a named group.
func (p *perl) nameReference(name string) error {
	n, ok := p.names[name]
	if !ok {
		return fmt.Errorf("reference to unknown group %q", name)
	}
	p.reference(n)
	return nil
}

func (p *perl) reference(n int) {
	p.begin()
	p.each("(?s:.*)", fmt.Sprintf(`(?:\%d)`, n))
	p.inexact = true
}
