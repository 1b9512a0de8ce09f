package domainlist

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// Table is what a list asks of a lookup table. core/table's tables are Tables.
type Table interface {
	// Lookup returns the value of key; err means that the table could not be asked.
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// WholeKey is a Table whose keys are patterns: it is asked for the whole domain only, not for
// the domains above it.
type WholeKey interface {
	Table
	// WholeKey reports whether that is so.
	WholeKey() bool
}

// Opener opens the table `type:name`.
type Opener func(name string) (Table, error)

// Subdomains says which names below a domain a list matches.
type Subdomains int

const (
	// None matches the domain alone (mydestination, virtual_alias_domains).
	None Subdomains = iota
	// Dotted matches names below the domain of an element that begins with a dot.
	Dotted
	// Parents matches names below the domain of every element
	// (parent_domain_matches_subdomains).
	Parents
)

// List is a match list of domains.
type List struct {
	below  Subdomains
	items  []element
	tables []int // indexes of items that are tables, in order
	// first holds the index of the first element with a given text in lower case.
	first map[string]int
}

// element is one element; table is nil for a name.
type element struct {
	not   bool
	table Table
	whole bool
}

// New returns the list of items. open may be nil when no item is a table.
func New(items []list.Item, below Subdomains, open Opener) (*List, error) {
	l := &List{below: below, first: make(map[string]int, len(items))}
	for _, item := range items {
		e := element{not: item.Not}
		if item.IsTable() {
			if err := e.open(item.Text, open); err != nil {
				return nil, place(item, err)
			}
			l.tables = append(l.tables, len(l.items))
		} else if text := strings.ToLower(item.Text); !l.has(text) {
			l.first[text] = len(l.items)
		}
		l.items = append(l.items, e)
	}
	return l, nil
}

func (e *element) open(name string, open Opener) (err error) {
	if open == nil {
		return fmt.Errorf("no tables can be opened for %s", name)
	}
	if e.table, err = open(name); err != nil {
		return err
	}
	w, ok := e.table.(WholeKey)
	e.whole = ok && w.WholeKey()
	return nil
}

func (l *List) has(text string) bool {
	_, ok := l.first[text]
	return ok
}

func place(item list.Item, err error) error {
	if item.File == "" {
		return err
	}
	return fmt.Errorf("%s:%d: %w", item.File, item.Line, err)
}

// Len returns the number of elements.
func (l *List) Len() int { return len(l.items) }

// Match reports whether domain is in the list.
func (l *List) Match(ctx context.Context, domain string) (bool, error) {
	domain = strings.ToLower(domain)
	named := l.nameIndex(domain)
	for _, i := range l.tables {
		if i > named {
			break
		}
		found, err := l.inTable(ctx, &l.items[i], domain)
		if err != nil {
			return false, err
		}
		if found {
			return !l.items[i].not, nil
		}
	}
	return named < len(l.items) && !l.items[named].not, nil
}

// nameIndex returns the index of the first element that names domain, or the number of elements.
func (l *List) nameIndex(domain string) int {
	best := len(l.items)
	try := func(name string) {
		if i, ok := l.first[name]; ok && i < best {
			best = i
		}
	}
	try(domain)
	if l.below == None {
		return best
	}
	for parent := Parent(domain, l.below); parent != ""; parent = Parent(parent, l.below) {
		try(parent)
	}
	return best
}

// inTable looks domain up, and the domains above it if the list matches what is below a domain.
func (l *List) inTable(ctx context.Context, e *element, domain string) (bool, error) {
	for key := domain; key != ""; key = Parent(key, l.below) {
		if _, found, err := e.table.Lookup(ctx, key); found || err != nil {
			return found, err
		}
		if l.below == None || e.whole {
			return false, nil
		}
	}
	return false, nil
}

// Parent returns what an element must say to match the name through the domain above it:
// "example.com" for "mail.example.com" with Parents, ".example.com" with Dotted; "" at the end.
func Parent(name string, below Subdomains) string {
	if name == "" {
		return ""
	}
	i := strings.IndexByte(name[1:], '.')
	if i < 0 || below == None {
		return ""
	}
	if below == Parents {
		return name[i+2:]
	}
	return name[i+1:]
}
