package ldaptable

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtad/mtad/core/table/query"
)

// attributes are the names of attributes by what becomes of their values.
type attributes struct {
	// terminal ones are the only ones of an entry that has one.
	terminal []string
	// leaf ones do not count in an entry that has special ones.
	leaf []string
	// result ones always count.
	result []string
	// special ones have names (DNs) or URIs of entries that are searched for as well.
	special []string
}

func readAttributes(p *query.Params) attributes {
	return attributes{
		terminal: p.List("terminal_result_attribute", ""), leaf: p.List("leaf_result_attribute", ""),
		result: p.List("result_attribute", "maildrop"), special: p.List("special_result_attribute", ""),
	}
}

// all are the names to ask for.
func (a *attributes) all() []string { return slices.Concat(a.terminal, a.leaf, a.result, a.special) }

// maxSearches is how many searches one lookup makes at most: groups that contain one another are more
// of them than anybody has members.
const maxSearches = 10000

var (
	errDeep = errors.New("special_result_attribute is nested deeper than recursion_limit")
	errMany = fmt.Errorf("special_result_attribute leads to more than %d searches", maxSearches)
)

// expansion is one lookup: the values found so far.
type expansion struct {
	t        *Table
	ctx      context.Context
	results  *query.Results
	searches int
}

// search searches and takes the values of what is found. A base that does not exist has none.
func (e *expansion) search(base string, scope int, filter string, names []string, depth int) error {
	if e.searches++; e.searches > maxSearches {
		return errMany
	}
	result, err := e.t.ask(e.ctx, e.t.request(base, scope, filter, names))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range result.Entries {
		if err := e.entry(entry, depth); err != nil {
			return err
		}
	}
	return nil
}

// entry takes the values of one entry.
func (e *expansion) entry(entry *ldap.Entry, depth int) error {
	a := &e.t.attributes
	if values := valuesOf(entry, a.terminal); len(values) > 0 {
		return e.add(values)
	}
	special := valuesOf(entry, a.special)
	if len(special) == 0 {
		if err := e.add(valuesOf(entry, a.leaf)); err != nil {
			return err
		}
	}
	if err := e.add(valuesOf(entry, a.result)); err != nil {
		return err
	}
	for _, v := range special {
		if err := e.follow(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func valuesOf(entry *ldap.Entry, names []string) (values []string) {
	for _, name := range names {
		values = append(values, entry.GetEqualFoldAttributeValues(name)...)
	}
	return values
}

func (e *expansion) add(values []string) error {
	for _, v := range values {
		if err := e.results.Add(v); err != nil {
			return err
		}
	}
	return nil
}

// follow searches for what a value of a special attribute names: an entry, or all that a URI finds.
func (e *expansion) follow(value string, depth int) error {
	if depth > e.t.depth {
		return errDeep
	}
	if !isURI(value) {
		if _, err := ldap.ParseDN(value); err != nil {
			return fmt.Errorf("%.100q is neither a DN nor a URI: %w", value, err)
		}
		return e.search(value, ldap.ScopeBaseObject, "(objectClass=*)", e.t.attributes.all(), depth)
	}
	u, err := parseURI(value)
	if err != nil {
		return err
	}
	names := u.attributes
	if len(names) == 0 {
		names = e.t.attributes.all()
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(e.t.attributes.all(), func(own string) bool { return strings.EqualFold(own, name) })
	})
	if len(names) == 0 {
		return nil
	}
	return e.search(u.base, u.scope, u.filter, names, depth)
}

// uri is an LDAP URI (RFC 4516). Its host does not count: the table's own servers are asked, as Postfix
// does it.
type uri struct {
	base, filter string
	scope        int
	attributes   []string
}

func isURI(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && (strings.EqualFold(scheme, "ldap") || strings.EqualFold(scheme, "ldaps") || strings.EqualFold(scheme, "ldapi"))
}

// parseURI reads ldap://host/base?attributes?scope?filter, of which all behind the base may be missing.
func parseURI(s string) (u uri, err error) {
	_, rest, _ := strings.Cut(s, "://")
	_, rest, _ = strings.Cut(rest, "/")
	parts := strings.Split(rest, "?")
	for len(parts) < 4 {
		parts = append(parts, "")
	}
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return u, fmt.Errorf("%.100q is no URI: %w", s, err)
		}
	}
	u = uri{base: parts[0], filter: parts[3], attributes: strings.FieldsFunc(parts[1], func(r rune) bool { return r == ',' || r == ' ' })}
	scope, ok := map[string]int{"": ldap.ScopeBaseObject, "base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel, "sub": ldap.ScopeWholeSubtree}[strings.ToLower(parts[2])]
	if !ok {
		return u, fmt.Errorf("%.100q: there is no scope %q", s, parts[2])
	}
	if u.scope = scope; u.filter == "" {
		u.filter = "(objectClass=*)"
	}
	if !strings.HasPrefix(u.filter, "(") {
		u.filter = "(" + u.filter + ")"
	}
	if _, err = ldap.CompileFilter(u.filter); err != nil {
		return u, fmt.Errorf("%.100q: filter: %w", s, err)
	}
	return u, nil
}
