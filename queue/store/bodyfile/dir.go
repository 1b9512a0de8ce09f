package bodyfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Dir is the place of the body files of one store. Safe for concurrent use.
type Dir struct {
	fs        vfs.FS
	body, tmp string
	pool      *Pool
	// made tells which of the 256 directories are known to exist, their names synced.
	made [256]atomic.Bool
}

// Open returns the place under root, which must exist. Unless readOnly, it is made when it is
// not there, and uncommitted files that an earlier run left are removed.
func Open(fsys vfs.FS, root string, pool *Pool, readOnly bool) (*Dir, error) {
	d := &Dir{fs: fsys, body: fsys.PathJoin(root, "body"), tmp: fsys.PathJoin(root, "tmp"), pool: pool}
	if readOnly {
		return d, nil
	}
	for _, name := range []string{d.body, d.tmp} {
		if err := fsys.MkdirAll(name, 0o700); err != nil {
			return nil, err
		}
	}
	if err := syncDir(fsys, root); err != nil {
		return nil, err
	}
	return d, d.clean()
}

func (d *Dir) clean() error {
	names, err := d.fs.List(d.tmp)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.fs.Remove(d.fs.PathJoin(d.tmp, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Remove removes the body of a serial; that there is none is no error.
func (d *Dir) Remove(serial uint64) error {
	if err := d.fs.Remove(d.path(serial)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Walk calls fn for the serial of every body file, in no order, until fn returns an error. What
// is no body file is passed over.
func (d *Dir) Walk(fn func(serial uint64) error) error {
	for sub := range 256 {
		names, err := d.fs.List(d.sub(sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			serial, err := strconv.ParseUint(name, 16, 64)
			if err != nil || baseName(serial) != name {
				continue
			}
			if err := fn(serial); err != nil {
				return err
			}
		}
	}
	return nil
}

func baseName(serial uint64) string { return fmt.Sprintf("%016x", serial) }

func (d *Dir) sub(i int) string { return d.fs.PathJoin(d.body, fmt.Sprintf("%02x", i)) }

func (d *Dir) path(serial uint64) string {
	return d.fs.PathJoin(d.sub(int(serial&0xff)), baseName(serial))
}

// makeSub makes the directory for a serial. Invariant: its name is synced when this returns nil,
// for a file in it counts as safe once the directory itself is synced.
func (d *Dir) makeSub(serial uint64) error {
	i := int(serial & 0xff)
	if d.made[i].Load() {
		return nil
	}
	if err := d.fs.MkdirAll(d.sub(i), 0o700); err != nil {
		return err
	}
	if err := syncDir(d.fs, d.body); err != nil {
		return err
	}
	d.made[i].Store(true)
	return nil
}

func syncDir(fsys vfs.FS, name string) error {
	f, err := fsys.OpenDir(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}
