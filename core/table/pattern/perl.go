package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// perlFlags are what (?flags) can change.
type perlFlags struct{ fold, multi, dotAll, extended, ungreedy bool }

// perl translates Perl-compatible expressions. Both engines get classes spelt out in bytes, greed
// turned round and white space removed where flags say so, and groups without names, because
// regexp2 counts named groups after the others.
type perl struct {
	output
	in      []rune
	flags   perlFlags
	endOnly bool
	dollar  bool
	names   map[string]int
}

func translatePerl(expr, flags string) (translated, error) {
	p := perl{in: []rune(expr), flags: perlFlags{fold: true, dotAll: true}, names: map[string]int{}}
	anchored := false
	for _, f := range flags {
		switch f {
		case 'i':
			p.flags.fold = !p.flags.fold
		case 'm':
			p.flags.multi = !p.flags.multi
		case 's':
			p.flags.dotAll = !p.flags.dotAll
		case 'x':
			p.flags.extended = !p.flags.extended
		case 'U':
			p.flags.ungreedy = !p.flags.ungreedy
		case 'A':
			anchored = !anchored
		case 'E':
			p.endOnly = !p.endOnly
		case 'X':
		default:
			return translated{}, fmt.Errorf("unknown pcre option %q", f)
		}
	}
	if anchored {
		p.both(`\A`)
	}
	p.both("(?" + p.flags.letters() + ":")
	if err := p.all(); err != nil {
		return translated{}, err
	}
	p.both(")")
	return translated{
		re2: string(p.re2), net: string(p.net), exact: !p.inexact, dollar: p.dollar, groups: p.count,
	}, nil
}

// letters is what both engines are told of the flags; "." , "^" and "$" are spelt out instead.
func (f perlFlags) letters() string {
	if f.fold {
		return "i"
	}
	return "-i"
}

func (p *perl) all() error {
	for len(p.in) > 0 {
		if err := p.step(); err != nil {
			return err
		}
	}
	if len(p.groups) > 0 {
		return errors.New("missing closing parenthesis")
	}
	return nil
}

func (p *perl) take() rune {
	r := p.in[0]
	p.in = p.in[1:]
	return r
}

// has takes s off the input if it begins with s.
func (p *perl) has(s string) bool {
	for i, r := range []rune(s) {
		if i >= len(p.in) || p.in[i] != r {
			return false
		}
	}
	p.in = p.in[len([]rune(s)):]
	return true
}

func (p *perl) step() error {
	switch r := p.take(); {
	case p.flags.extended && (r == ' ' || r >= '\t' && r <= '\r'):
	case p.flags.extended && r == '#':
		for len(p.in) > 0 && p.take() != '\n' {
		}
	case r == '\\':
		return p.escape()
	case r == '[':
		return p.bracket()
	case r == '(':
		return p.group()
	case r == ')':
		if len(p.groups) == 0 {
			return errors.New("unmatched closing parenthesis")
		}
		p.flags = p.close().outer
	case r == '|':
		p.assertion("|", "|")
	case r == '.':
		p.begin()
		if p.flags.dotAll {
			p.both("(?s:.)")
		} else {
			p.both(`[^\n]`)
		}
	case r == '^':
		p.line(`\A`, "(?m:^)")
	case r == '$':
		p.end()
	case strings.ContainsRune("*+?", r):
		return p.repeat(string(r))
	case r == '{':
		return p.interval()
	default:
		p.literal(r)
	}
	return nil
}

func (p *perl) line(text, line string) {
	if p.flags.multi {
		text = line
	}
	p.assertion(text, text)
}

// end translates "$": at the end, or before a newline that ends the key unless flag E is set.
func (p *perl) end() {
	switch {
	case p.flags.multi:
		p.assertion("(?m:$)", `(?=\n|\z)`)
	case p.endOnly:
		p.assertion(`\z`, `\z`)
	default:
		p.dollar = true
		p.assertion(`\z`, `\Z`)
	}
}

// interval translates {n}, {n,} and {n,m}; any other brace is a character.
func (p *perl) interval() error {
	text, rest, ok := strings.Cut(string(p.in), "}")
	low, high, comma := strings.Cut(text, ",")
	if !ok || low == "" || !digits(low) || !digits(high) || comma && high == "" && !p.atom {
		p.literal('{')
		return nil
	}
	p.in = []rune(rest)
	return p.repeat("{" + text + "}")
}

// repeat translates a repetition with what makes it lazy or possessive.
func (p *perl) repeat(op string) error {
	if !p.atom || p.repeated {
		return errors.New("quantifier does not follow a repeatable item")
	}
	lazy, possessive := p.has("?"), false
	if !lazy {
		possessive = p.has("+")
	}
	p.both(op)
	if lazy != p.flags.ungreedy && !possessive {
		p.both("?")
	}
	if possessive {
		p.wrap("(?:", "(?>")
		p.inexact = true
	}
	p.repeated = true
	return nil
}
