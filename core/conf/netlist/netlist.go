package netlist

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
)

// List is a match list of networks.
type List struct {
	below domainlist.Subdomains
	items []element
}

// element is one element: a network, a table or a host name.
type element struct {
	not     bool
	network netip.Prefix
	table   domainlist.Table
	name    string // lower case
}

// New returns the list of items. below says what host names match beside themselves; open may be
// nil when no item is a table.
func New(items []list.Item, below domainlist.Subdomains, open domainlist.Opener) (*List, error) {
	l := &List{below: below, items: make([]element, 0, len(items))}
	for _, item := range items {
		e, err := newElement(item.Text, open)
		if err != nil {
			return nil, place(item, err)
		}
		e.not = item.Not
		l.items = append(l.items, e)
	}
	return l, nil
}

// Match reports whether the address is in the list, its host name not being known.
func (l *List) Match(ctx context.Context, client netip.Addr) (bool, error) {
	return l.MatchClient(ctx, "", client)
}

// MatchClient reports whether a client is in the list. name is its verified host name, "" when
// it has none: whoever lets names into a list trusts the reverse DNS.
func (l *List) MatchClient(ctx context.Context, name string, client netip.Addr) (bool, error) {
	client = client.Unmap().WithZone("")
	for i := range l.items {
		e := &l.items[i]
		found := e.network.IsValid() && e.network.Contains(client)
		if e.table != nil {
			var err error
			if found, err = l.inTable(ctx, e.table, name, client); err != nil {
				return false, err
			}
		} else if e.name != "" && name != "" {
			found = l.named(e.name, name)
		}
		if found {
			return !e.not, nil
		}
	}
	return false, nil
}

// inTable looks the client's name up, and the domains above it, and then its address.
func (l *List) inTable(ctx context.Context, t domainlist.Table, name string, client netip.Addr) (bool, error) {
	for key := strings.ToLower(name); key != ""; key = domainlist.Parent(key, l.below) {
		if _, found, err := t.Lookup(ctx, key); found || err != nil {
			return found, err
		}
		if w, ok := t.(domainlist.WholeKey); ok && w.WholeKey() {
			break
		}
	}
	_, found, err := t.Lookup(ctx, client.String())
	return found, err
}

// named reports whether pattern, in lower case, matches the host name.
func (l *List) named(pattern, name string) bool {
	if strings.EqualFold(pattern, name) {
		return true
	}
	if l.below == domainlist.None || l.below == domainlist.Dotted && pattern[0] != '.' {
		return false
	}
	tail := len(name) - len(pattern)
	if tail <= 0 || !strings.EqualFold(name[tail:], pattern) {
		return false
	}
	return l.below == domainlist.Dotted || name[tail-1] == '.'
}

// Len returns the number of elements.
func (l *List) Len() int { return len(l.items) }

// Names returns the elements that are host names; they match only clients whose name is known.
func (l *List) Names() []string {
	var names []string
	for _, e := range l.items {
		if e.name != "" {
			names = append(names, e.name)
		}
	}
	return names
}
