package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
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
	// Plugin finds the plugin that is a table, for wasm:NAME, process:NAME and plugin:NAME; nil
	// when there are none.
	Plugin func(name string) (Table, error)
}

// ErrType says that a table type is not known or not built.
var ErrType = errors.New("table type is not supported")

// Types returns the names of the types that Open knows, in alphabetical order.
func Types() []string {
	return []string{"btree", "cdb", "dbm", "environ", "fail", "hash", "inline", "internal", "lmdb", "plugin",
		"process", "proxy", "sdbm", "static", "texthash", "unionmap", "unix", "wasm"}
}

// Open opens the table that spec ("type:name") names.
func Open(spec string, o Options) (Table, error) {
	kind, name, ok := strings.Cut(spec, ":")
	if !ok {
		kind, name = o.Default, spec
	}
	t, err := open(kind, name, o)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", spec, err)
	}
	return t, nil
}

func open(kind, name string, o Options) (Table, error) {
	switch kind {
	case "hash", "btree", "dbm", "sdbm", "cdb", "lmdb", "texthash":
		return openText(name)
	case "static":
		return static(braced(name)), nil
	case "inline":
		return inline(name)
	case "environ":
		return environ(o), nil
	case "internal":
		return text{}, nil
	case "fail":
		return failing(name), nil
	case "unix":
		return openUnix(name, o)
	case "proxy":
		return Open(name, o)
	case "plugin", "process", "wasm":
		if o.Plugin == nil {
			return nil, fmt.Errorf("%q: no plugins here: %w", kind, ErrType)
		}
		return o.Plugin(name)
	case "unionmap":
		return union(name, o)
	}
	return nil, fmt.Errorf("%q: %w", kind, ErrType)
}

// braced takes the braces of `{ text }` off.
func braced(s string) string {
	if p, ok := list.Payload(s); ok {
		return p
	}
	return s
}

type static string

// Lookup always finds.
func (s static) Lookup(context.Context, string) (string, bool, error) { return string(s), true, nil }

type failing string

// Lookup always fails.
func (f failing) Lookup(context.Context, string) (string, bool, error) {
	return "", false, fmt.Errorf("table fail:%s fails, as it is meant to", string(f))
}

type lookupFunc func(key string) (string, bool)

// Lookup asks the function.
func (f lookupFunc) Lookup(_ context.Context, key string) (string, bool, error) {
	v, ok := f(key)
	return v, ok, nil
}

func environ(o Options) Table {
	if o.Environ != nil {
		return lookupFunc(o.Environ)
	}
	return lookupFunc(os.LookupEnv)
}

// inline reads `{ {key = value}, {key = value} … }`.
func inline(name string) (Table, error) {
	t := text{}
	for _, item := range list.Split(braced(name)) {
		key, value, ok := strings.Cut(braced(item), "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("%s: want { { key = value } … }", item)
		}
		t[strings.ToLower(key)] = strings.TrimSpace(value)
	}
	return t, nil
}

// union joins what several tables find with commas.
func union(name string, o Options) (Table, error) {
	var all unionTable
	for _, spec := range list.Split(braced(name)) {
		t, err := Open(braced(spec), o)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

type unionTable []Table

// Lookup returns the values of all tables that have the key.
func (u unionTable) Lookup(ctx context.Context, key string) (string, bool, error) {
	var values []string
	for _, t := range u {
		v, ok, err := t.Lookup(ctx, key)
		if err != nil {
			return "", false, err
		}
		if ok {
			values = append(values, v)
		}
	}
	return strings.Join(values, ","), values != nil, nil
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
			return nil, err
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
