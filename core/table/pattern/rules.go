package pattern

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/lines"
)

// Dialect is the syntax of a table's expressions.
type Dialect int

const (
	// POSIX is the type regexp: extended regular expressions (regex(7)).
	POSIX Dialect = iota
	// Perl is the type pcre.
	Perl
)

// Options of Parse.
type Options struct {
	Dialect Dialect
	// NoSubstitution refuses $1 in results, for parameters where a sender could choose what it
	// stands for and so a command, a file or a user (aliases(5), virtual(8)).
	NoSubstitution bool
}

// Problem is something wrong or doubtful at one line of a table.
type Problem struct {
	// Line counts from 1.
	Line int
	// Text says what and what happens.
	Text string
	// Skipped says that the rule takes no part, as in Postfix.
	Skipped bool
}

// ErrSubstitution says that a result has $1 where that is not allowed.
var ErrSubstitution = errors.New("$number in a result is not allowed for this parameter")

// maxRules bounds a table.
const maxRules = 1 << 18

// kind is what a rule does.
type kind uint8

const (
	kindMatch kind = iota // answers when it matches
	kindIf                // opens a block
)

// rule is one line.
type rule struct {
	kind kind
	not  bool
	// end is the index after the block of a kindIf.
	end    int
	engine engine
	result template
	line   int
}

// Parse reads a table. file is for errors. Bad rules are left out and reported; the error is for
// what must not be left out silently.
func Parse(file string, data []byte, o Options) (*Table, []Problem, error) {
	p := parser{opts: o}
	for _, l := range lines.Read(data) {
		p.line = l.Number(0)
		if l.Indented {
			p.skip("begins with white space but continues no line: ignoring it")
			continue
		}
		if err := p.parse(strings.TrimSpace(l.Text)); err != nil {
			return nil, p.problems, fmt.Errorf("%s:%d: %w", file, p.line, err)
		}
		if len(p.rules) > maxRules {
			return nil, p.problems, fmt.Errorf("%s: more than %d rules", file, maxRules)
		}
	}
	for len(p.open) > 0 {
		r := p.close()
		p.line = r.line
		p.warn("if has no endif")
	}
	t := &Table{name: file, rules: p.rules}
	t.filter = newFilter(p.needs)
	t.plan()
	return t, p.problems, nil
}

type parser struct {
	opts     Options
	line     int
	rules    []rule
	needs    [][]literals
	open     []int // indexes of the blocks that are open
	problems []Problem
}

func (p *parser) skip(format string, args ...any) {
	p.problems = append(p.problems, Problem{p.line, fmt.Sprintf(format, args...), true})
}

func (p *parser) warn(format string, args ...any) {
	p.problems = append(p.problems, Problem{p.line, fmt.Sprintf(format, args...), false})
}

// close ends the innermost block.
func (p *parser) close() rule {
	i := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	p.rules[i].end = len(p.rules)
	return p.rules[i]
}

func (p *parser) parse(text string) error {
	word, rest := text, ""
	if i := strings.IndexAny(text, " \t"); i > 0 {
		word, rest = text[:i], strings.TrimSpace(text[i:])
	}
	switch {
	case strings.EqualFold(word, "endif"):
		if len(p.open) == 0 {
			p.skip("ignoring endif without matching if")
			return nil
		}
		if rest != "" {
			p.warn("ignoring extra text after endif")
		}
		p.close()
		return nil
	case len(text) > 2 && strings.EqualFold(text[:2], "if") && !alphanumeric(text[2]):
		return p.rule(kindIf, strings.TrimSpace(text[2:]))
	case alphanumeric(text[0]):
		p.skip("ignoring unrecognized request")
		return nil
	}
	return p.rule(kindMatch, text)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// rule adds the rule that text begins with.
func (p *parser) rule(k kind, text string) error {
	r := rule{kind: k, line: p.line}
	for strings.HasPrefix(text, "!") {
		r.not, text = !r.not, strings.TrimSpace(text[1:])
	}
	expr, flags, result, err := cut(text)
	if err != nil {
		return p.bad(k, err)
	}
	x, err := compile(p.opts.Dialect, expr, flags)
	if errors.Is(err, errUnsupported) {
		return fmt.Errorf("expression %q: %w", expr, err)
	}
	if err != nil {
		return p.bad(k, err)
	}
	if x.note != "" {
		p.warn("%s", x.note)
	}
	r.engine = x.engine
	switch {
	case k == kindIf && result != "":
		p.warn("ignoring extra text after if")
	case k == kindMatch && result == "":
		p.warn("empty result: the key is found, with an empty value")
	}
	if k == kindMatch {
		if r.result, err = parseTemplate(result); err == nil {
			err = r.result.check(x.groups, r.not)
		}
		if err != nil {
			return p.bad(k, err)
		}
		if r.result.groups > 0 && p.opts.NoSubstitution {
			return fmt.Errorf("%s: %w", result, ErrSubstitution)
		}
	} else {
		p.open = append(p.open, len(p.rules))
	}
	p.rules = append(p.rules, r)
	p.needs = append(p.needs, x.needs)
	return nil
}

// bad leaves a rule out. A block whose condition is bad never applies, as its condition cannot be
// known; Postfix leaves only the "if" out and then obeys what stands in it, which no one meant.
func (p *parser) bad(k kind, err error) error {
	p.skip("%v: skipping this rule", err)
	if k == kindIf {
		p.open = append(p.open, len(p.rules))
		p.rules = append(p.rules, rule{kind: kindIf, engine: never{}, line: p.line})
		p.needs = append(p.needs, nil)
	}
	return nil
}

// cut takes a rule apart. A backslash keeps the next character from ending the expression.
func cut(text string) (expr, flags, result string, err error) {
	if text == "" || alphanumeric(text[0]) || text[0] == '\\' {
		return "", "", "", fmt.Errorf("no expression in %q", text)
	}
	end := -1
	for i := 1; i < len(text) && end < 0; i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			end = i
		}
	}
	if end < 0 {
		return "", "", "", fmt.Errorf("no closing delimiter %q", text[0])
	}
	expr, rest := text[1:end], text[end+1:]
	if i := strings.IndexAny(rest, " \t\r\n\v\f"); i >= 0 {
		return expr, rest[:i], strings.TrimSpace(rest[i:]), nil
	}
	return expr, rest, "", nil
}
