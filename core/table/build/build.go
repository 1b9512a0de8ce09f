package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/table/bdb"
	"github.com/mtad/mtad/core/table/index"
	"github.com/mtad/mtad/core/table/source"
)

// Twice says what happens to a key that is there already.
type Twice int

const (
	// Warn keeps the first entry and warns.
	Warn Twice = iota
	// Keep keeps the first entry (postmap -w).
	Keep
	// Replace takes the last entry (postmap -r).
	Replace
)

// Options of Make and Insert.
type Options struct {
	// Format is that of the text.
	Format source.Format
	// Twice says what happens to a key that is there already.
	Twice Twice
	// Warn is told what is left out; nil to tell nobody.
	Warn func(text string)
	// Progress is told now and then how many entries were read; nil to tell nobody.
	Progress func(entries int)
	// PlainMode makes the index readable for its owner only instead of like its text (postmap -p).
	PlainMode bool
}

// progressEvery is how often Progress is told.
const progressEvery = 1_000_000

// entries are what an index will have, in the order in which they came.
type entries struct {
	keys   []string
	values map[string]string
}

// Make builds the index of the text name.
func Make(name string, o Options) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return locked(name, func() error {
		all := &entries{values: map[string]string{}}
		if err := all.read(f, name, o); err != nil {
			return err
		}
		return all.write(name, o.mode(info))
	})
}

// Insert adds the entries of a text to the index of name, which need not exist.
func Insert(name string, r io.Reader, o Options) error {
	return locked(name, func() error {
		all, mode, err := load(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := all.read(r, "standard input", o); err != nil {
			return err
		}
		return all.write(name, mode)
	})
}

// Delete takes keys out of the index of name and returns how many of them were there.
func Delete(name string, keys []string) (found int, err error) {
	err = locked(name, func() error {
		all, mode, err := load(name)
		if err != nil {
			return err
		}
		for _, key := range keys {
			key = strings.ToLower(key)
			if _, ok := all.values[key]; ok {
				delete(all.values, key)
				found++
			}
		}
		if found == 0 {
			return nil
		}
		return all.write(name, mode)
	})
	return found, err
}

// Dump calls yield for each entry of a table: of its index; without one, of its text; without that,
// of Berkeley DB's file.
func Dump(name string, o Options, yield func(key, value string) error) error {
	r, err := index.Open(name + index.Suffix)
	if err == nil {
		return errors.Join(r.All(yield), r.Close())
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = DumpText(name, o, yield)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return bdb.Read(name+bdb.Suffix, yield)
}

// DumpText calls yield for each entry of a text.
func DumpText(name string, o Options, yield func(key, value string) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	all := &entries{values: map[string]string{}}
	if err := all.read(f, name, o); err != nil {
		return err
	}
	for _, key := range all.keys {
		if err := yield(key, all.values[key]); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) mode(info fs.FileInfo) fs.FileMode {
	if o.PlainMode {
		return 0o600
	}
	return info.Mode().Perm()
}

// locked calls fn while no other process changes tables in the same directory.
func locked(name string, fn func() error) error {
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir.Name(), err)
	}
	return fn()
}

// load reads the index of name.
func load(name string) (*entries, fs.FileMode, error) {
	all := &entries{values: map[string]string{}}
	path := name + index.Suffix
	info, err := os.Stat(path)
	if err != nil {
		return all, 0o644, err
	}
	r, err := index.Open(path)
	if err != nil {
		return all, 0, err
	}
	err = r.All(func(key, value string) error {
		all.keys = append(all.keys, key)
		all.values[key] = value
		return nil
	})
	return all, info.Mode().Perm(), errors.Join(err, r.Close())
}

// read adds the entries of a text.
func (e *entries) read(r io.Reader, name string, o Options) error {
	warn := func(format string, args ...any) {
		if o.Warn != nil {
			o.Warn(fmt.Sprintf(format, args...))
		}
	}
	n := 0
	rd := source.Reader{Format: o.Format, Problem: func(p source.Problem) { warn("%s, line %d: %s", name, p.Line, p.Text) }}
	rd.Entry = func(in source.Entry) error {
		if n++; o.Progress != nil && n%progressEvery == 0 {
			o.Progress(n)
		}
		key := strings.ToLower(in.Key)
		_, there := e.values[key]
		switch {
		case !there:
			e.keys = append(e.keys, key)
		case o.Twice == Warn:
			warn("%s, line %d: duplicate entry: %q", name, in.Line, key)
			return nil
		case o.Twice == Keep:
			return nil
		}
		e.values[key] = in.Value
		return nil
	}
	if err := rd.Read(r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// write puts the index in place.
func (e *entries) write(name string, mode fs.FileMode) error {
	w, err := index.Create(name + index.Suffix)
	if err != nil {
		return err
	}
	for _, key := range e.keys {
		value, ok := e.values[key]
		if !ok {
			continue // deleted
		}
		if err := w.Put(key, value); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	return w.Commit(mode)
}
