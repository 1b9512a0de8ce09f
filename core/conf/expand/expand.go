package expand

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of one call of Expand.
const (
	maxDepth  = 100
	maxSteps  = 10_000
	maxResult = 1 << 20
)

// Lookup returns the value of name as it is written, not expanded; defined is false when there
// is no such name.
type Lookup func(name string) (value string, defined bool)

// Expand returns text with every reference replaced.
func Expand(text string, lookup Lookup) (string, error) {
	if strings.IndexByte(text, '$') < 0 {
		return text, nil
	}
	e := expander{lookup: lookup}
	if err := e.text(text); err != nil {
		return "", err
	}
	return e.out.String(), nil
}

// expander is the state of one call.
type expander struct {
	lookup Lookup
	out    strings.Builder
	// names is the chain of references that led here, depth the levels of operands and names.
	names []string
	depth int
	steps int
}

// text appends s, expanded.
func (e *expander) text(s string) error {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxDepth {
		return fmt.Errorf("more than %d levels of references", maxDepth)
	}
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return e.write(s)
		}
		if err := e.write(s[:i]); err != nil {
			return err
		}
		ref, rest, err := cutReference(s[i:])
		if err != nil {
			return err
		}
		if err := e.reference(ref); err != nil {
			return err
		}
		s = rest
	}
}

func (e *expander) write(s string) error {
	if e.out.Len()+len(s) > maxResult {
		return fmt.Errorf("the result is longer than %d bytes", maxResult)
	}
	e.out.WriteString(s)
	return nil
}

// reference appends what ref stands for.
func (e *expander) reference(ref reference) error {
	if e.steps++; e.steps > maxSteps {
		return fmt.Errorf("more than %d references", maxSteps)
	}
	switch ref.kind {
	case dollar:
		return e.write("$")
	case plain:
		return e.name(ref.text)
	}
	if strings.HasPrefix(ref.text, "{") {
		return e.comparison(ref.text)
	}
	return e.conditional(ref.text)
}

// name appends the expanded value of name.
func (e *expander) name(name string) error {
	value, defined := e.lookup(name)
	if !defined || value == "" {
		return nil
	}
	if slices.Contains(e.names, name) {
		return loopError(e.names, name)
	}
	e.names = append(e.names, name)
	err := e.text(value)
	e.names = e.names[:len(e.names)-1]
	return err
}

func loopError(names []string, again string) error {
	from := slices.Index(names, again)
	return errors.New("a loop: $" + strings.Join(append(slices.Clone(names[from:]), again), " -> $"))
}

// conditional appends what `name`, `name?a`, `name:b` or `name?{a}:{b}` stands for.
func (e *expander) conditional(s string) error {
	name := s[:nameLength(s)]
	rest := trimLeft(s[len(name):])
	switch {
	case name == "":
		return fmt.Errorf("empty macro name: %q", "${"+s+"}")
	case rest == "":
		return e.name(name)
	case rest[0] != '?' && rest[0] != ':':
		return fmt.Errorf("%q is not a parameter name", s)
	}
	value, _ := e.lookup(name)
	return e.choose(value != "", rest)
}

// comparison appends what `{a} op {b}`, alone or with operands, stands for.
func (e *expander) comparison(s string) error {
	holds, rest, err := e.compare(s)
	if err != nil {
		return err
	}
	if rest != "" {
		return e.choose(holds, rest)
	}
	if holds {
		return e.write("true")
	}
	return nil
}

// choose appends the operand of `?a`, `:b` or `?{a}:{b}` that condition asks for.
func (e *expander) choose(condition bool, s string) error {
	yes, no, err := cutOperands(s)
	if err != nil {
		return err
	}
	if condition {
		return e.text(yes)
	}
	return e.text(no)
}

// apart returns s, an operand, expanded for itself.
func (e *expander) apart(s string) (string, error) {
	inner := expander{lookup: e.lookup, names: e.names, depth: e.depth, steps: e.steps}
	err := inner.text(s)
	e.steps = inner.steps
	return inner.out.String(), err
}
