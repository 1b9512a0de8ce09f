package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// errUnsupported says that Postfix knows what we do not.
var errUnsupported = errors.New("mtad does not support this")

// compiled is an expression that can be run.
type compiled struct {
	engine engine
	groups int
	needs  []literals
	// note is something the author of the table should know.
	note string
}

// translated is an expression in the syntaxes of the two engines.
type translated struct {
	// re2 is in the syntax of Go's regexp; unless exact, it matches more than is meant and only
	// serves to find literals. "" when there is none.
	re2   string
	exact bool
	// net is in regexp2's syntax.
	net string
	// longest asks for the longest of the leftmost matches.
	longest bool
	// dollar says that "$" occurs with Perl's meaning: also before a newline at the end.
	dollar bool
	groups int
	note   string
}

// maxExpr bounds an expression, in bytes.
const maxExpr = 64 << 10

func compile(d Dialect, expr, flags string) (compiled, error) {
	if len(expr) > maxExpr {
		return compiled{}, fmt.Errorf("expression longer than %d bytes", maxExpr)
	}
	tr, err := translate(d, expr, flags)
	if err != nil {
		return compiled{}, err
	}
	c := compiled{groups: tr.groups, note: tr.note}
	if tree, err := syntax.Parse(tr.re2, syntax.Perl); err == nil && tr.re2 != "" {
		c.needs = required(tree)
	} else {
		tr.exact = false
	}
	c.engine, err = tr.engine()
	return c, err
}

func translate(d Dialect, expr, flags string) (translated, error) {
	expr, _ = widen(expr)
	if d == Perl {
		return translatePerl(expr, flags)
	}
	return translatePOSIX(expr, flags)
}

// engine prefers the engine whose time is bounded by the length of the key.
func (tr translated) engine() (engine, error) {
	if tr.exact {
		re, err := regexp.Compile(tr.re2)
		if err == nil {
			if tr.longest {
				re.Longest()
			}
			e := &linear{re: re}
			if tr.dollar {
				e.lineEnd = lazily(tr.net)
			}
			return e, nil
		}
	}
	e, err := newBacktracking(tr.net)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return e, nil
}

// output is an expression being written in both syntaxes.
type output struct {
	re2, net []byte
	inexact  bool
	// atomRe2 and atomNet say where the last atom begins, which a repetition repeats; atom is
	// false where there is nothing to repeat.
	atomRe2, atomNet int
	atom             bool
	repeated         bool
	groups           []group
	count            int
}

// group is an open parenthesis.
type group struct {
	re2, net int
	// drop says that re2 forgets the group: it takes no text.
	drop bool
	// outer is what flags were before it, for Perl.
	outer perlFlags
}

// begin notes that an atom begins here.
func (o *output) begin() {
	o.atomRe2, o.atomNet, o.atom, o.repeated = len(o.re2), len(o.net), true, false
}

func (o *output) both(s string) { o.each(s, s) }

func (o *output) each(re2, net string) {
	o.re2 = append(o.re2, re2...)
	o.net = append(o.net, net...)
}

// literal writes a character that stands for itself. Bytes above 127 are matched as they are,
// since case is a matter of letters and these are not known to be letters.
func (o *output) literal(r rune) {
	o.begin()
	if r >= 0x80 {
		o.both("(?-i:" + string(r) + ")")
		return
	}
	o.both(quote(r))
}

// quote escapes what is not a letter or digit; both engines take punctuation so.
func quote(r rune) string {
	if r < 0x80 && !alphanumeric(byte(r)) && r > ' ' && r != '_' && r < 0x7f {
		return `\` + string(r)
	}
	return string(r)
}

// assertion writes what takes no text.
func (o *output) assertion(re2, net string) {
	o.each(re2, net)
	o.atom = false
}

// open begins a group.
func (o *output) open(re2, net string, drop bool, flags perlFlags) {
	o.groups = append(o.groups, group{len(o.re2), len(o.net), drop, flags})
	o.each(re2, net)
	o.atom = false
}

// close ends the innermost group, which then is an atom.
func (o *output) close() group {
	g := o.groups[len(o.groups)-1]
	o.groups = o.groups[:len(o.groups)-1]
	o.both(")")
	if g.drop {
		o.re2, o.inexact = append(o.re2[:g.re2], "(?:)"...), true
	}
	o.atomRe2, o.atomNet, o.atom, o.repeated = g.re2, g.net, true, false
	return g
}

// wrap puts parentheses around the last atom.
func (o *output) wrap(re2, net string) {
	o.re2 = insert(o.re2, o.atomRe2, re2)
	o.net = insert(o.net, o.atomNet, net)
	o.both(")")
}

func insert(b []byte, at int, s string) []byte {
	b = append(b, s...)
	copy(b[at+len(s):], b[at:len(b)-len(s)])
	copy(b[at:], s)
	return b
}
