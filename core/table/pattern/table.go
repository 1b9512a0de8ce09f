package pattern

import (
	"context"
	"fmt"
	"math/bits"
	"sync"
)

// Table is a table of regular expressions.
type Table struct {
	name   string
	rules  []rule
	filter *filter
	// always has a bit for each rule that must be looked at whatever the filter says: "if", "!"
	// and rules without a literal.
	always []uint64
	pool   sync.Pool
}

// WholeKey reports true: keys are never taken apart to look their parts up (domainlist.WholeKey).
func (t *Table) WholeKey() bool { return true }

// Len returns the number of rules.
func (t *Table) Len() int { return len(t.rules) }

// plan says which rules the filter cannot leave out.
func (t *Table) plan() {
	t.always = make([]uint64, (len(t.rules)+63)/64)
	for i, r := range t.rules {
		if r.kind == kindIf || r.not || !t.filter.covers(i) {
			t.always[i/64] |= 1 << (i % 64)
		}
	}
	t.pool.New = func() any { return t.filter.newScratch(len(t.always)) }
}

// Lookup returns the result of the first rule that matches key.
func (t *Table) Lookup(_ context.Context, key string) (string, bool, error) {
	s := t.pool.Get().(*scratch)
	defer t.pool.Put(s)
	t.filter.scan(key, s)
	for i := t.next(s, 0); i < len(t.rules); {
		r := &t.rules[i]
		m, err := t.match(s, i, key)
		if err != nil {
			return "", false, fmt.Errorf("%s:%d: %w", t.name, r.line, err)
		}
		switch hit := (m != nil) != r.not; {
		case r.kind == kindIf && !hit:
			i = t.next(s, r.end)
			continue
		case r.kind == kindMatch && hit:
			if r.result.groups == 0 {
				return r.result.expand(nil), true, nil
			}
			return r.result.expand(m.group), true, nil
		}
		i = t.next(s, i+1)
	}
	return "", false, nil
}

// match runs the expression of rule i unless the filter knows that it cannot match.
func (t *Table) match(s *scratch, i int, key string) (match, error) {
	if t.filter.covers(i) && !t.filter.possible(s, i) {
		return nil, nil
	}
	return t.rules[i].engine.match(key, t.rules[i].result.groups > 0)
}

// next returns the first rule from i on that must be looked at.
func (t *Table) next(s *scratch, i int) int {
	for w := i / 64; w < len(t.always); w++ {
		set := t.always[w] | s.rules[w]
		if w == i/64 {
			set &= ^uint64(0) << (i % 64)
		}
		if set != 0 {
			return w*64 + bits.TrailingZeros64(set)
		}
	}
	return len(t.rules)
}
