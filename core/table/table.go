package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Table is a lookup table.
type Table interface {
	// Lookup returns the value of key. found is false when the table has no such key; err is
	// non-nil only if the table could not be asked, and is always temporary. Safe for
	// concurrent use.
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Options of Open.
type Options struct {
	// Default is default_database_type: the type of a specification without one.
	Default string
	// Environ looks an environment variable up; os.LookupEnv when nil.
	Environ func(string) (string, bool)
	// Passwd and Group are the files of the type unix; /etc/passwd and /etc/group when empty.
	Passwd, Group string
	// Aliases says that the texts of indexed tables have the form of aliases(5) (alias_maps).
	Aliases bool
	// NoSubstitution refuses $1 in the results of regexp and pcre tables, for parameters where
	// what a sender writes must not become a command, a file or a user: alias_maps,
	// transport_maps, virtual_mailbox_maps, virtual_uid_maps, virtual_gid_maps.
	NoSubstitution bool
	// ProxyReadMaps are the tables that proxy: may read (proxy_read_maps, expanded); elements
	// that do not begin with "proxy:" do not count. Nil allows all, as in programs that open
	// tables themselves.
	ProxyReadMaps []string
	// Parameter looks a parameter of main.cf up, for tables of databases that are configured there
	// (NAME_hosts, NAME_query ...). Nil when there are none.
	Parameter func(name string) (string, bool)
	// Warn is told what is wrong with a table that can be used all the same ("FILE:LINE: ..."):
	// lines left out, an index older than its text, a change that cannot be read. It may be called
	// from any goroutine, also after Open. When nil, such a table is refused by Open.
	Warn func(text string)
	// Absent, when not nil, is told why a table cannot be opened, and Open returns one whose
	// lookups fail until it can be opened, which is tried now and then.
	Absent func(err error)
	// Shared, when not nil, gives equal specifications the same Table.
	Shared *Shared
	// Plugin finds the plugin that is a table, for wasm:NAME, process:NAME and plugin:NAME; nil
	// when there are none.
	Plugin func(name string) (Table, error)
}

// ErrType says that a table type is not known or not built.
var ErrType = errors.New("table type is not supported")

// opener opens tables of one type.
type opener func(name string, o Options) (Table, error)

// openers are the types, by their name.
func openers() map[string]opener {
	all := map[string]opener{
		"texthash": openTexthash, "static": openStatic, "inline": openInline, "environ": openEnviron,
		"internal": openInternal, "fail": openFailing, "unix": openUnix, "proxy": openProxy,
		"unionmap": openUnion, "pipemap": openPipe, "randmap": openRandom,
		"plugin": openPlugin, "process": openPlugin, "wasm": openPlugin,
		"tcp": openTCP, "socketmap": openSocketmap, "ldap": openLDAP, "redis": openRedis,
		"sqlite": openSQL("sqlite"), "mysql": openSQL("mysql"), "pgsql": openSQL("pgsql"),
		"regexp": openRegexp, "pcre": openPCRE, "cidr": openCIDR,
	}
	for _, kind := range indexedTypes() {
		all[kind] = openIndexed
	}
	return all
}

// indexedTypes are the types that Postfix keeps in indexed files; here they are one.
func indexedTypes() []string { return []string{"hash", "btree", "dbm", "sdbm", "cdb", "lmdb"} }

// Indexed reports whether tables of a type are built by postmap.
func Indexed(kind string) bool { return slices.Contains(indexedTypes(), kind) }

// Types returns the names of the types that Open knows, in alphabetical order.
func Types() []string {
	var names []string
	for name := range openers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Split takes a specification apart; without a type it gets def.
func Split(spec, def string) (kind, name string) {
	if kind, name, ok := strings.Cut(spec, ":"); ok && !strings.ContainsAny(kind, "/.") {
		return kind, name
	}
	return def, spec
}

// Open opens the table that spec ("type:name") names.
func Open(spec string, o Options) (Table, error) {
	kind, name := Split(spec, o.Default)
	t, err := o.Shared.open(kind, name, o)
	if err == nil {
		return t, nil
	}
	err = fmt.Errorf("table %s: %w", spec, err)
	if o.Absent == nil {
		return nil, err
	}
	o.Absent(err)
	return newAbsent(spec, o, err), nil
}

func open(kind, name string, o Options) (Table, error) {
	fn, ok := openers()[kind]
	if !ok {
		return nil, fmt.Errorf("%q: %w%s", kind, ErrType, instead(kind))
	}
	return fn(name, o)
}

// instead names what does the work of a type that there is not.
func instead(kind string) string {
	switch kind {
	case "nis", "nisplus", "netinfo":
		return "; use unix: (which asks the local files), ldap: or a text that is exported into hash:"
	case "memcache":
		return "; use redis:, or the table behind it"
	case "mongodb":
		return "; use pgsql:, mysql:, ldap: or a text that is exported into hash:"
	}
	return ""
}

// Check opens a table to see what is wrong with it. warnings are what Open tells Options.Warn.
func Check(spec string, o Options) (warnings []string, err error) {
	o.Shared, o.Absent = nil, nil
	o.Warn = func(text string) { warnings = append(warnings, text) }
	t, err := Open(spec, o)
	if err != nil {
		return warnings, err
	}
	return warnings, Close(t)
}

// Close gives back what a table holds: connections, files. Tables that are not closed give it
// back some time after nobody refers to them any more.
func Close(t Table) error {
	if c, ok := t.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// wholeKey reports whether a table wants whole keys only (domainlist.WholeKey).
func wholeKey(t Table) bool {
	w, ok := t.(interface{ WholeKey() bool })
	return ok && w.WholeKey()
}

// Maps asks several tables in order; the first that has the key answers, and an error ends the
// search. An empty Maps finds nothing.
type Maps []Table

// OpenMaps opens the tables of a parameter.
func OpenMaps(specs []string, o Options) (Maps, error) {
	var m Maps
	for _, s := range specs {
		t, err := Open(s, o)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m = append(m, t)
	}
	return m, nil
}

// Lookup asks the tables in order.
func (m Maps) Lookup(ctx context.Context, key string) (string, bool, error) {
	for _, t := range m {
		if v, ok, err := t.Lookup(ctx, key); ok || err != nil {
			return v, ok, err
		}
	}
	return "", false, nil
}

// Close closes all tables.
func (m Maps) Close() error {
	var errs []error
	for _, t := range m {
		errs = append(errs, Close(t))
	}
	return errors.Join(errs...)
}
