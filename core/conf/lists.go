package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/netlist"
	"github.com/mtad/mtad/core/conf/param"
)

// List returns the elements of a parameter, separated by commas or white space; what stands in
// braces is one element. Panics for a number, a boolean or a time. The result is the caller's.
func (c *Config) List(name string) []string {
	p := find(name)
	if p.IsNumber() || p.Type == param.Bool || p.Type == param.Time {
		wrongType(name, p, "a list")
	}
	return list.Split(c.good(name, p))
}

// Has reports whether a list has the element word, in any case.
func (c *Config) Has(name, word string) bool {
	return slices.ContainsFunc(c.List(name), func(s string) bool { return strings.EqualFold(s, word) })
}

// Items returns the elements of a match list (type match, networks or domains), with those of
// the files it names. Panics for other types.
func (c *Config) Items(name string) []list.Item {
	items, _ := c.items(name, find(name))
	return items
}

func (c *Config) items(name string, p *param.Param) ([]list.Item, error) {
	switch p.Type {
	case param.Match, param.Networks, param.Domains:
	default:
		wrongType(name, p, "a match list")
	}
	text, err := c.expandName(name)
	if err != nil {
		return nil, err
	}
	return list.Items(text, c.readFile)
}

// Networks returns a parameter of type networks as a matcher. open opens its tables. The error
// says that a table cannot be opened. Panics for other types.
func (c *Config) Networks(name string, open domainlist.Opener) (*netlist.List, error) {
	p := find(name)
	if p.Type != param.Networks {
		wrongType(name, p, "networks")
	}
	items, err := c.items(name, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l, err := netlist.New(items, c.Subdomains(name), open)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// Domains returns a parameter of type domains as a matcher. open opens its tables. The error
// says that a table cannot be opened. Panics for other types.
func (c *Config) Domains(name string, open domainlist.Opener) (*domainlist.List, error) {
	p := find(name)
	if p.Type != param.Domains {
		wrongType(name, p, "domains")
	}
	items, err := c.items(name, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l, err := domainlist.New(items, c.Subdomains(name), open)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// Subdomains says what a list matches below the domains it names: everything if
// parent_domain_matches_subdomains has its name, nothing if it is compared as a whole, and else
// what a leading dot asks for. "smtpd_access_maps" stands for access tables.
func (c *Config) Subdomains(name string) domainlist.Subdomains {
	switch {
	case name == "mydestination", name == "virtual_alias_domains", name == "virtual_mailbox_domains":
		return domainlist.None
	case c.Has("parent_domain_matches_subdomains", name):
		return domainlist.Parents
	}
	return domainlist.Dotted
}
