package table

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// braced takes the braces of `{ text }` off.
func braced(s string) string {
	if p, ok := list.Payload(s); ok {
		return p
	}
	return s
}

type static string

func openStatic(name string, _ Options) (Table, error) { return static(braced(name)), nil }

// Lookup always finds.
func (s static) Lookup(context.Context, string) (string, bool, error) { return string(s), true, nil }

type failing string

func openFailing(name string, _ Options) (Table, error) { return failing(name), nil }

// Lookup always fails.
func (f failing) Lookup(context.Context, string) (string, bool, error) {
	return "", false, fmt.Errorf("table fail:%s fails", string(f))
}

// WholeKey reports true: one failure is enough.
func (f failing) WholeKey() bool { return true }

type lookupFunc func(key string) (string, bool)

// Lookup asks the function.
func (f lookupFunc) Lookup(_ context.Context, key string) (string, bool, error) {
	v, ok := f(key)
	return v, ok, nil
}

func openEnviron(_ string, o Options) (Table, error) {
	if o.Environ != nil {
		return lookupFunc(o.Environ), nil
	}
	return lookupFunc(os.LookupEnv), nil
}

func openInternal(string, Options) (Table, error) { return text{}, nil }

// openInline reads `{ {key = value}, {key = value} … }`.
func openInline(name string, _ Options) (Table, error) {
	t := text{}
	for _, item := range list.Split(braced(name)) {
		key, value, ok := strings.Cut(braced(item), "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("%s: want { { key = value } … }", item)
		}
		t[strings.ToLower(key)] = strings.TrimSpace(value)
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("want { { key = value } … }")
	}
	return t, nil
}

func openPlugin(name string, o Options) (Table, error) {
	if o.Plugin == nil {
		return nil, fmt.Errorf("no plugins here: %w", ErrType)
	}
	return o.Plugin(name)
}

// openUnix opens passwd.byname or group.byname: the whole line, by name.
func openUnix(name string, o Options) (Table, error) {
	file, def := o.Passwd, "/etc/passwd"
	switch name {
	case "passwd.byname":
	case "group.byname":
		file, def = o.Group, "/etc/group"
	default:
		return nil, fmt.Errorf("unix:%s: want passwd.byname or group.byname", name)
	}
	if file == "" {
		file = def
	}
	return unixFile(file), nil
}

// unixFile is a file of lines "name:…", read at each lookup: accounts come and go.
type unixFile string

// Lookup returns the line of a name.
func (f unixFile) Lookup(_ context.Context, key string) (string, bool, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return "", false, err
	}
	for line := range strings.Lines(string(data)) {
		if name, _, ok := strings.Cut(line, ":"); ok && name == key {
			return strings.TrimRight(line, "\n"), true, nil
		}
	}
	return "", false, nil
}
