package mastercf

import (
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// token is one word of a line, or what stands in braces, braces included.
type token struct {
	text   string
	offset int
}

const white = " \t\r\n\v\f"

// tokenize splits a line at white space outside braces.
func tokenize(text string) []token {
	var tokens []token
	start, level := -1, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case level == 0 && strings.IndexByte(white, c) >= 0:
			if start >= 0 {
				tokens = append(tokens, token{text[start:i], start})
			}
			start = -1
			continue
		case c == '{':
			level++
		case c == '}':
			level = max(0, level-1)
		}
		if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		tokens = append(tokens, token{text[start:], start})
	}
	return tokens
}

// program reads the command.
func (p *parser) program(t token) {
	p.s.Program = t.text
	if _, ok := ProgramNamed(t.text); !ok && !p.defaults.AnyProgram {
		p.refuse(t.offset, "service %s: unknown program %q%s", p.s.Name, t.text, suggestion(t.text))
	}
}

// arguments reads what follows the command.
func (p *parser) arguments(tokens []token) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if !strings.HasPrefix(t.text, "-") || len(t.text) == 1 {
			p.rest(tokens[i:])
			return
		}
		switch {
		case t.text == "-o":
			if i++; i == len(tokens) {
				p.refuse(t.offset, "nothing follows -o")
				return
			}
			p.override(tokens[i])
		case strings.HasPrefix(t.text, "-o"):
			p.override(token{t.text[2:], t.offset + 2})
		default:
			p.flags(t)
		}
	}
}

// flags reads an option of letters alone, such as -v or -vv.
func (p *parser) flags(t token) {
	p.s.arguments = append(p.s.arguments, t.text)
	for _, letter := range t.text[1:] {
		switch letter {
		case 'v':
			p.s.Verbose++
		case 'D':
			p.s.Debug = true
		default:
			p.refuse(t.offset, "unknown option %q: -o, -v or -D expected", t.text)
			return
		}
	}
}

// override reads the argument of -o: name=value or { name = value }.
func (p *parser) override(t token) {
	text, _ := list.Payload(t.text)
	if !list.Closed(t.text) {
		p.refuse(t.offset, "the braces of %q do not close", t.text)
		return
	}
	name, value, ok := strings.Cut(text, "=")
	name = strings.TrimRight(name, white)
	if !ok || name == "" || strings.ContainsAny(name, white) {
		p.refuse(t.offset, "-o %s: name=value or { name = value } expected", t.text)
		return
	}
	value = strings.TrimLeft(value, white)
	p.s.Overrides = append(p.s.Overrides, Override{name, value, p.line.Number(t.offset)})
	p.s.arguments = append(p.s.arguments, "-o", quote(name+"="+value))
}

// rest takes the arguments that are the program's own.
func (p *parser) rest(tokens []token) {
	for _, t := range tokens {
		text, _ := list.Payload(t.text)
		if !list.Closed(t.text) {
			p.refuse(t.offset, "the braces of %q do not close", t.text)
		}
		p.s.Args = append(p.s.Args, text)
		p.s.arguments = append(p.s.arguments, quote(text))
	}
}
