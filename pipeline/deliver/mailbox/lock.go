package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// errBusy says that another program holds a lock, after all attempts.
var errBusy = errors.New("another program holds the lock")

// again tries until it works, at most LockAttempts times, with LockDelay between. try returns
// false for a lock that is held.
func (w *Writer) again(ctx context.Context, try func() (bool, error)) error {
	for n := 1; ; n++ {
		ok, err := try()
		if ok || err != nil {
			return err
		}
		if n == w.o.LockAttempts {
			return errBusy
		}
		timer := time.NewTimer(w.o.LockDelay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// lockFile takes the locks on the open file that the options name.
func (w *Writer) lockFile(ctx context.Context, f file) error {
	if w.o.Locks&LockFcntl != 0 {
		if err := w.again(ctx, func() (bool, error) { return attempt(f, fcntlLock) }); err != nil {
			return fmt.Errorf("fcntl lock: %w", err)
		}
	}
	if w.o.Locks&LockFlock != 0 {
		if err := w.again(ctx, func() (bool, error) { return attempt(f, flockLock) }); err != nil {
			return fmt.Errorf("flock lock: %w", err)
		}
	}
	return nil
}

func attempt(f file, lock func(fd uintptr) error) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = lock(fd) }); err != nil {
		return false, err
	}
	switch {
	case failure == nil:
		return true, nil
	case errIs(failure, syscall.EAGAIN), errIs(failure, syscall.EACCES), errIs(failure, syscall.EINTR):
		return false, nil
	}
	return false, failure
}

func flockLock(fd uintptr) error { return syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }

const dotlockSuffix = ".lock"

// dotlock makes the file whose existence is the lock, when the options ask for it and the mbox is
// none but a regular file; release removes it again.
func (w *Writer) dotlock(ctx context.Context, d disk, p Place) (release func(), err error) {
	none := func() {}
	if w.o.Locks&LockDotlock == 0 {
		return none, w.needDir(d, p)
	}
	if fi, err := d.Lstat(p.name); err == nil && !fi.Mode().IsRegular() {
		return none, nil // openMbox will refuse it
	}
	name := p.name + dotlockSuffix
	var mine fs.FileInfo
	err = w.again(ctx, func() (ok bool, err error) {
		mine, ok, err = w.tryDotlock(d, p, name)
		return ok, err
	})
	if err != nil {
		return nil, fmt.Errorf("dotlock: %w", err)
	}
	return func() { dropDotlock(d, name, mine) }, nil
}

// tryDotlock tries once. A lock older than StaleLock is removed: its owner forgot it.
func (w *Writer) tryDotlock(d disk, p Place, name string) (mine fs.FileInfo, ok bool, err error) {
	for range 2 {
		f, err := d.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0)
		if notExist(err) {
			if err = w.needDir(d, p); err == nil {
				f, err = d.Open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0)
			}
		}
		if err == nil {
			mine, err = f.Stat()
			if err = errors.Join(err, f.Close()); err != nil {
				_ = d.Remove(name)
			}
			return mine, err == nil, err
		}
		if !errIs(err, fs.ErrExist) {
			return nil, false, err
		}
		if fi, err := d.Lstat(name); err != nil || w.o.Clock().Sub(fi.ModTime()) < w.o.StaleLock {
			return nil, false, nil
		}
		_ = d.Remove(name)
	}
	return nil, false, nil
}

// dropDotlock removes the lock unless it is another's by now, who took ours for stale.
func dropDotlock(d disk, name string, mine fs.FileInfo) {
	if fi, err := d.Lstat(name); err == nil && !os.SameFile(fi, mine) {
		return
	}
	_ = d.Remove(name)
}

// needDir makes the directory that the mbox shall lie in.
func (w *Writer) needDir(d disk, p Place) error {
	dir := path.Dir(p.name)
	if dir == "." || w.o.Create == CreateSubdirs {
		return nil
	}
	if _, err := d.Lstat(dir); !notExist(err) {
		return err
	}
	return w.makeDirs(d, dir)
}
