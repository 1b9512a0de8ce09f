package mailbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// disk is the directory below which mailboxes lie, with the operations of a delivery, so that
// tests can let each of them fail. Names are relative; none leads out.
type disk interface {
	Open(name string, flag int, perm fs.FileMode) (file, error)
	Lstat(name string) (fs.FileInfo, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	// ReadDir returns the entries of a directory, those before an error with it.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error
	Close() error
}

// file is an open file of a disk.
type file interface {
	io.Writer
	io.ReaderAt
	syscall.Conn // for locks
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// rootDisk is the real disk.
type rootDisk struct{ *os.Root }

func openRoot(base string) (disk, error) {
	r, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	return rootDisk{r}, nil
}

// Open opens a file.
func (d rootDisk) Open(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := d.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil file
	}
	return f, nil
}

// ReadDir lists a directory, in no order.
func (d rootDisk) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	all, err := f.ReadDir(-1)
	return all, errors.Join(err, f.Close())
}

// SyncDir syncs a directory.
func (d rootDisk) SyncDir(name string) error {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return syncAndClose(f)
}

// limited counts what is written and refuses what goes over the limit, as the kernel does for a
// process with a file size limit, by which Postfix enforces mailbox_size_limit.
type limited struct {
	io.Writer
	size, limit int64 // limit 0: none
}

// Write writes p whole or not at all.
func (l *limited) Write(p []byte) (int, error) {
	if l.limit > 0 && l.size+int64(len(p)) > l.limit {
		return 0, syscall.EFBIG
	}
	n, err := l.Writer.Write(p)
	l.size += int64(n)
	return n, err
}
