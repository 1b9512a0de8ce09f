package edit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// How long File waits for another writer, and how often it looks.
const (
	lockTime = 10 * time.Second
	lockTick = 20 * time.Millisecond
)

// File changes a file: change is given what is in it and returns what shall be. The new text is
// written to FILE.tmp beside it, synced, and renamed; owner and mode stay. A file that is a link is
// changed where it is. Another writer is waited for, 10 s at most.
func File(path string, change func(old []byte) ([]byte, error)) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	tmp, err := locked(path + ".tmp")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tmp.Close()) }()
	if err = replace(path, tmp, change); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDirectory(filepath.Dir(path))
}

// replace writes the new text to tmp and gives it the name path.
func replace(path string, tmp *os.File, change func([]byte) ([]byte, error)) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data, err := change(old)
	if err != nil {
		return err
	}
	if err := likeness(tmp, info); err != nil {
		return err
	}
	if err := tmp.Truncate(0); err != nil {
		return err
	}
	if _, err := tmp.WriteAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// likeness gives f the mode and, as root, the owner of the file it replaces.
func likeness(f *os.File, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(info.Mode().Perm())
}

// locked opens the temporary file and has it for itself. One that a writer left behind who died is
// taken over; one that another writer renamed in the meantime is not the temporary file any more.
func locked(path string) (*os.File, error) {
	for end := time.Now().Add(lockTime); ; time.Sleep(lockTick) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && same(f, path) {
			return f, nil
		}
		if cerr := f.Close(); cerr != nil {
			return nil, cerr
		}
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("lock %s: another program has it since %v", path, lockTime)
		}
	}
}

// same reports whether path is still the name of f.
func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
