package drop

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

// DirMode is the mode of the maildrop directory: everybody may put a file there, only its owner
// (and the owner of the directory) may take one away, and nobody else can see which there are.
const DirMode = os.ModeSticky | 0o733

// tempPrefix begins the name of a file that is being written.
const tempPrefix = "tmp."

// IsTemporary reports whether a file of this name in the maildrop directory is being written, or
// was when its writer died.
func IsTemporary(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// Put writes a message into the maildrop directory dir and returns the name of its file. It is
// synced when Put returns. The file belongs to the user who calls; other users can read it
// only if they know its name, which is a secret of 128 bits.
func Put(dir string, env *mail.Envelope, text io.Reader, size int64) (name string, err error) {
	name = rand.Text()
	temp := filepath.Join(dir, tempPrefix+name)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(temp)))
		}
	}()
	if err := write(f, env, text, size); err != nil {
		return "", errors.Join(err, f.Close())
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return "", errors.Join(err, f.Close())
	}
	return name, syncName(f, dir)
}

// write fills f, lets pickup (which is another user) read it, and syncs it.
func write(f *os.File, env *mail.Envelope, text io.Reader, size int64) error {
	w := bufio.NewWriterSize(f, 64<<10)
	if err := Encode(w, env, text, size); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Sync()
}

// syncName makes the new name of f durable and closes f. A user who may not read the directory
// cannot sync it; then a second sync of the file does: on Linux's journalling file systems
// it commits the renaming with it.
func syncName(f *os.File, dir string) error {
	err := f.Sync()
	err = errors.Join(err, f.Close())
	d, openErr := os.Open(dir)
	if openErr != nil {
		return err
	}
	return errors.Join(err, d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// MakeDir makes the maildrop directory with mode DirMode, whatever the umask, or gives that mode
// to one that is there. Its owner is the caller's to set.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, DirMode)
}
