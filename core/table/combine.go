package table

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// openMembers opens the tables of `{ type:name, type:name … }`.
func openMembers(name string, o Options) (Maps, error) {
	var specs []string
	for _, spec := range list.Split(braced(name)) {
		specs = append(specs, braced(spec))
	}
	if len(specs) == 0 {
		return nil, errors.New("want { type:name, type:name … }")
	}
	return OpenMaps(specs, o)
}

// anyWhole reports whether a member wants whole keys: then all get them.
func anyWhole(m Maps) bool { return slices.ContainsFunc(m, wholeKey) }

// unionTable joins what several tables find with commas.
type unionTable struct{ Maps }

func openUnion(name string, o Options) (Table, error) {
	m, err := openMembers(name, o)
	return unionTable{m}, err
}

// WholeKey reports whether a member wants whole keys.
func (u unionTable) WholeKey() bool { return anyWhole(u.Maps) }

// Lookup returns the values of all tables that have the key.
func (u unionTable) Lookup(ctx context.Context, key string) (string, bool, error) {
	var values []string
	for _, t := range u.Maps {
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

// pipeTable asks each table for what the one before it found.
type pipeTable struct{ Maps }

func openPipe(name string, o Options) (Table, error) {
	m, err := openMembers(name, o)
	return pipeTable{m}, err
}

// WholeKey reports whether a member wants whole keys.
func (p pipeTable) WholeKey() bool { return anyWhole(p.Maps) }

// Lookup returns what the last table finds; a table that finds nothing ends it.
func (p pipeTable) Lookup(ctx context.Context, key string) (string, bool, error) {
	for _, t := range p.Maps {
		v, ok, err := t.Lookup(ctx, key)
		if !ok || err != nil {
			return "", false, err
		}
		key = v
	}
	return key, true, nil
}

// randomTable answers every key with one of its values.
type randomTable []string

func openRandom(name string, _ Options) (Table, error) {
	var t randomTable
	for _, v := range list.Split(braced(name)) {
		t = append(t, braced(v))
	}
	if len(t) == 0 {
		return nil, errors.New("want { value, value … }")
	}
	return t, nil
}

// WholeKey reports true: the key does not matter.
func (randomTable) WholeKey() bool { return true }

// Lookup returns a value by chance.
func (t randomTable) Lookup(context.Context, string) (string, bool, error) {
	return t[rand.IntN(len(t))], true, nil
}
