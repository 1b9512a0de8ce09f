package cidr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/conf/lines"
)

// Problem is something wrong at one line of a table.
type Problem struct {
	// Line counts from 1.
	Line int
	// Text says what and what happens.
	Text string
	// Skipped says that the row takes no part.
	Skipped bool
}

// Table is a table of networks.
type Table struct {
	ops    []op
	values []string
}

// op is one step of a lookup: a run of plain rows, a row after "!", or a condition.
type op struct {
	run *run
	net netip.Prefix
	not bool
	// value is the number of the row's result, or -1 for a condition.
	value int
	// end is the step after the block of a condition.
	end int
}

// WholeKey reports true: keys are never taken apart to look their parts up (domainlist.WholeKey).
func (t *Table) WholeKey() bool { return true }

// Len returns the number of rows that answer.
func (t *Table) Len() int { return len(t.values) }

// Lookup returns the result of the first row that key, an address, matches.
func (t *Table) Lookup(_ context.Context, key string) (string, bool, error) {
	a, err := netip.ParseAddr(key)
	if err != nil || a.Zone() != "" {
		return "", false, nil
	}
	a = a.Unmap()
	for i := 0; i < len(t.ops); {
		o := &t.ops[i]
		i++
		switch {
		case o.run != nil:
			if v := o.run.find(a); v >= 0 {
				return t.values[v], true, nil
			}
		case o.hit(a) && o.value >= 0:
			return t.values[o.value], true, nil
		case !o.hit(a) && o.value < 0:
			i = o.end
		}
	}
	return "", false, nil
}

// hit reports whether a row or condition that stands alone applies. A network of the other family
// has no address in it.
func (o *op) hit(a netip.Addr) bool { return o.net.Contains(a) != o.not }

// Parse reads a table. Bad rows are left out and reported.
func Parse(data []byte) (*Table, []Problem) {
	p := parser{t: &Table{}}
	for _, l := range lines.Read(data) {
		p.line = l.Number(0)
		if l.Indented {
			p.problem(true, "begins with white space but continues no line: ignoring it")
			continue
		}
		p.parse(strings.TrimSpace(l.Text))
	}
	for len(p.open) > 0 {
		p.problem(false, "if has no endif")
		p.close()
	}
	p.flush()
	return p.t, p.problems
}

type parser struct {
	t        *Table
	line     int
	rows     []row // plain rows since the last step
	open     []int
	problems []Problem
}

func (p *parser) problem(skipped bool, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.line, fmt.Sprintf(format, args...), skipped})
}

// flush makes a step of the plain rows.
func (p *parser) flush() {
	if len(p.rows) > 0 {
		p.t.ops = append(p.t.ops, op{run: newRun(p.rows)})
		p.rows = nil
	}
}

func (p *parser) close() {
	p.flush()
	i := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	p.t.ops[i].end = len(p.t.ops)
}

func (p *parser) parse(text string) {
	word, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	switch {
	case strings.EqualFold(word, "endif"):
		if len(p.open) == 0 {
			p.problem(true, "ignoring endif without matching if")
			return
		}
		if strings.TrimSpace(rest) != "" {
			p.problem(false, "ignoring extra text after endif")
		}
		p.close()
		return
	case strings.EqualFold(word, "if"):
		p.condition(strings.TrimSpace(rest))
		return
	}
	not, pattern, result := cut(text)
	net, err := parseNet(pattern)
	if err != nil {
		p.problem(true, "%v: skipping this rule", err)
		return
	}
	if result == "" {
		p.problem(false, "empty result: the address is found, with an empty value")
	}
	v := len(p.t.values)
	p.t.values = append(p.t.values, result)
	if !not {
		p.rows = append(p.rows, row{net, v})
		return
	}
	p.flush()
	p.t.ops = append(p.t.ops, op{net: net, not: true, value: v})
}

// condition opens a block; one whose network is bad never applies.
func (p *parser) condition(text string) {
	not, pattern, rest := cut(text)
	net, err := parseNet(pattern)
	switch {
	case err != nil:
		p.problem(true, "%v: skipping this block", err)
		not = false
	case rest != "":
		p.problem(false, "ignoring extra text after if")
	}
	p.flush()
	p.open = append(p.open, len(p.t.ops))
	p.t.ops = append(p.t.ops, op{net: net, not: not, value: -1})
}

// cut takes "!" and the network off a row.
func cut(text string) (not bool, pattern, rest string) {
	for strings.HasPrefix(text, "!") {
		not, text = !not, strings.TrimSpace(text[1:])
	}
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return not, text[:i], strings.TrimSpace(text[i:])
	}
	return not, text, ""
}

func parseNet(s string) (netip.Prefix, error) {
	bare := s
	if strings.HasPrefix(s, "[") {
		addr, rest, ok := strings.Cut(s[1:], "]")
		if !ok {
			return netip.Prefix{}, fmt.Errorf("missing ']' character after %q", s)
		}
		bare = addr + rest
	}
	if !strings.Contains(bare, "/") {
		a, err := netip.ParseAddr(bare)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("bad address pattern: %q", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(bare)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("bad net/mask pattern: %q", s)
	}
	if n.Masked() != n {
		return netip.Prefix{}, fmt.Errorf("non-null host address bits in %q, perhaps you should use %q instead", s, n.Masked())
	}
	if a := n.Addr(); a.Is4In6() {
		if n.Bits() < 96 {
			return netip.Prefix{}, errors.New("a mapped IPv4 network needs a length of 96 at least")
		}
		n = netip.PrefixFrom(a.Unmap(), n.Bits()-96)
	}
	return n, nil
}
