package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mtad/mtad/core/table/bdb"
	"github.com/mtad/mtad/core/table/index"
)

// openIndexed opens a table that postmap builds: its index; without one its text; without that
// the file that Postfix's postmap left.
func openIndexed(name string, o Options) (Table, error) {
	return openWatched(Files("hash", name), false, o,
		func() (Table, error) { return o.loadIndexed(name) })
}

// Files returns the files that the rows of a table of a type may be in, the one that counts first; the
// others count when it does not exist.
func Files(kind, name string) []string {
	if Indexed(kind) {
		return []string{name + index.Suffix, name, name + bdb.Suffix}
	}
	return []string{name}
}

func (o Options) loadIndexed(name string) (Table, error) {
	info, err := os.Stat(name + index.Suffix)
	if err == nil {
		return o.loadIndex(name, info)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	t, err := o.readText(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	return loadBerkeley(name)
}

func (o Options) loadIndex(name string, info fs.FileInfo) (Table, error) {
	if source, err := os.Stat(name); err == nil && o.Warn != nil && source.ModTime().After(info.ModTime()) {
		o.Warn(fmt.Sprintf("%s%s: database is older than source file %s", name, index.Suffix, name))
	}
	r, err := index.Open(name + index.Suffix)
	if err != nil {
		return nil, err
	}
	return indexTable{r}, nil
}

// loadBerkeley reads the file that is all that is left of a table.
func loadBerkeley(name string) (Table, error) {
	t := text{}
	err := bdb.Read(name+bdb.Suffix, func(key, value string) error {
		t[strings.ToLower(key)] = value
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s, %s%s or %s%s: %w", name, name, index.Suffix, name, bdb.Suffix, fs.ErrNotExist)
	}
	return t, err
}

// indexTable is an index of keys that postmap folded to lower case.
type indexTable struct{ r *index.Reader }

// Lookup finds key in any case.
func (t indexTable) Lookup(_ context.Context, key string) (string, bool, error) {
	return t.r.Lookup(strings.ToLower(key))
}

// Close closes the file.
func (t indexTable) Close() error { return t.r.Close() }
