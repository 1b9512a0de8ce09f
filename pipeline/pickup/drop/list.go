package drop

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
)

// Waiting is a message in a maildrop directory.
type Waiting struct {
	// Name is the file's; Size the length of the message in bytes.
	Name string
	Size int64
	Env  *mail.Envelope
}

// List calls fn for each whole file of a maildrop directory that the caller may read, in no order,
// until fn returns false. Files that are being written, or are not in the form of this package, are
// passed over.
func List(dir string, fn func(Waiting) bool) error {
	names, err := names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if IsTemporary(name) {
			continue
		}
		w, err := read(dir, name)
		if err == nil && !fn(w) {
			return nil
		}
	}
	return nil
}

// read decodes the head of one file. It does not follow links or wait for pipes.
func read(dir, name string) (Waiting, error) {
	path := filepath.Join(dir, name)
	st, err := os.Lstat(path)
	if err != nil {
		return Waiting{}, err
	}
	if !st.Mode().IsRegular() {
		return Waiting{}, ErrDamaged
	}
	f, err := os.Open(path)
	if err != nil {
		return Waiting{}, err
	}
	defer f.Close()
	env, size, err := DecodeHead(f)
	return Waiting{Name: name, Size: size, Env: env}, err
}

func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// Purge removes the files of a maildrop directory that were begun before a time and never finished,
// because their writer died. It returns how many.
func Purge(dir string, before time.Time) (n int, err error) {
	names, err := names(dir)
	for _, name := range names {
		path := filepath.Join(dir, name)
		if st, err := os.Lstat(path); err != nil || !strings.HasPrefix(name, tempPrefix) || !st.ModTime().Before(before) {
			continue
		}
		switch rmErr := os.Remove(path); {
		case rmErr == nil:
			n++
		case !errors.Is(rmErr, fs.ErrNotExist):
			err = errors.Join(err, rmErr)
		}
	}
	return n, err
}
