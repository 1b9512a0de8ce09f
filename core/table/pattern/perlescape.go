package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// escape translates what follows a backslash outside brackets.
func (p *perl) escape() error {
	if len(p.in) == 0 {
		return errors.New(`\ at end of pattern`)
	}
	if p.has("Q") {
		return p.quoted()
	}
	r := p.in[0]
	switch {
	case perlClass(r) != "":
		p.take()
		p.begin()
		p.both("[" + perlClass(r) + "]")
		return nil
	case strings.ContainsRune("bBAzZGE", r):
		p.take()
		return p.anchor(r)
	case r == 'R':
		p.take()
		p.begin()
		p.both("(?:\\r\\n|[\\n-\\r\u0085])")
		return nil
	case strings.ContainsRune("KXCpP", r):
		return fmt.Errorf(`\%c: %w`, r, errUnsupported)
	case r == 'g' || r == 'k':
		p.take()
		return p.braced(r)
	case r >= '1' && r <= '9':
		if n, ok := p.backReference(); ok {
			p.reference(n)
			return nil
		}
	}
	c, err := p.character()
	if err != nil {
		return err
	}
	p.literal(c)
	return nil
}

func (p *perl) quoted() error {
	for len(p.in) > 0 && !p.has(`\E`) {
		p.literal(p.take())
	}
	return nil
}

func (p *perl) anchor(r rune) error {
	switch r {
	case 'G':
		return fmt.Errorf(`\G: %w`, errUnsupported)
	case 'E':
	case 'Z':
		p.dollar = true
		p.assertion(`\z`, `\Z`)
	default:
		p.assertion(`\`+string(r), `\`+string(r))
	}
	return nil
}

// braced translates \g1 \g{1} \g{-1} \g{name} \k<name> \k{name} \k'name'.
func (p *perl) braced(r rune) error {
	name, ok := "", false
	switch {
	case p.has("{"):
		name, ok = p.until('}')
	case r == 'k' && p.has("<"):
		name, ok = p.until('>')
	case r == 'k' && p.has("'"):
		name, ok = p.until('\'')
	case r == 'g' && len(p.in) > 0 && (p.in[0] == '<' || p.in[0] == '\''):
		return fmt.Errorf(`\g<…>: %w`, errUnsupported)
	case r == 'g':
		for len(p.in) > 0 && (p.in[0] >= '0' && p.in[0] <= '9' || p.in[0] == '-' && name == "") {
			name += string(p.take())
		}
		ok = name != ""
	}
	if !ok {
		return fmt.Errorf(`\%c is not followed by a group`, r)
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return p.nameReference(name)
	}
	if n < 0 {
		n += p.count + 1
	}
	if n < 1 || n > p.count {
		return errors.New("reference to non-existent group")
	}
	p.reference(n)
	return nil
}

// backReference reads \1 … \9, and more digits if there are that many groups; else the digits
// are an octal number.
func (p *perl) backReference() (int, bool) {
	n, length := 0, 0
	for length < len(p.in) && length < 3 && p.in[length] >= '0' && p.in[length] <= '9' {
		n = n*10 + int(p.in[length]-'0')
		length++
	}
	if n > 9 && n > p.count {
		return 0, false
	}
	p.in = p.in[length:]
	return n, true
}

// character reads an escaped character, in or outside brackets.
func (p *perl) character() (rune, error) {
	r := p.take()
	switch r {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'a':
		return '\a', nil
	case 'e':
		return 0x1b, nil
	case 'x':
		return p.hex()
	case 'o':
		if !p.has("{") {
			return 0, errors.New(`missing opening brace after \o`)
		}
		return p.number(8)
	case 'c':
		if len(p.in) == 0 {
			return 0, errors.New(`\c at end of pattern`)
		}
		c := p.take()
		if c >= 'a' && c <= 'z' {
			c -= 0x20
		}
		return c ^ 0x40, nil
	}
	if r >= '0' && r <= '7' {
		n := r - '0'
		for i := 0; i < 2 && len(p.in) > 0 && p.in[0] >= '0' && p.in[0] <= '7'; i++ {
			n = n*8 + p.take() - '0'
		}
		return n & 0xff, nil
	}
	if r < 0x80 && alphanumeric(byte(r)) {
		return 0, fmt.Errorf(`unrecognized character follows \: %q`, r)
	}
	return r, nil
}

// hex reads what follows \x: {1f}, or up to two digits.
func (p *perl) hex() (rune, error) {
	if p.has("{") {
		return p.number(16)
	}
	n := rune(0)
	for i := 0; i < 2 && len(p.in) > 0; i++ {
		d, err := strconv.ParseUint(string(p.in[0]), 16, 8)
		if err != nil {
			break
		}
		n = n*16 + rune(d)
		p.take()
	}
	return n, nil
}

// number reads digits up to a brace. Keys are bytes, so nothing above 255 can be meant.
func (p *perl) number(base int) (rune, error) {
	text, ok := p.until('}')
	n, err := strconv.ParseUint(text, base, 32)
	if !ok || err != nil {
		return 0, fmt.Errorf("bad number %q in braces", text)
	}
	if n > 0xff {
		return 0, fmt.Errorf("character value %s in braces is too large", text)
	}
	return rune(n), nil
}
