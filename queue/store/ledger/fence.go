package ledger

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failure is why an instance cannot go on. damage says that what is on the disk is wrong, so
// that opening it again is not enough; read says that it could not be read.
type failure struct {
	err          error
	damage, read bool
}

// plainError is an error that prints as one line. Pebble's print as many, with stack traces where
// loggers ask for all they have.
type plainError struct {
	text string
	err  error
}

func plain(err error) error {
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return &plainError{text, err}
}

// Error returns the first line.
func (e *plainError) Error() string { return e.text }

// Unwrap returns the error as it came.
func (e *plainError) Unwrap() error { return e.err }

// fence stands between one instance and the disk. It passes everything until the first change
// that fails; then it is closed, and every change (that one, too) does nothing and succeeds.
// Reads always go to the disk.
//
// Pebble never sees a failed write, because it cannot live with one.
type fence struct {
	vfs.FS
	// changes is held shared by every change under way; see drain.
	changes sync.RWMutex
	failed  atomic.Pointer[failure]
	// onFail is called once, when the fence closes. It must not block.
	onFail func()
	// lastLog is the log that was last opened for reading.
	lastLog atomic.Pointer[string]
}

var _ vfs.FS = (*fence)(nil)

// fail closes the fence, if it is the first to do so.
func (f *fence) fail(why failure) {
	why.err = plain(why.err)
	if f.failed.CompareAndSwap(nil, &why) && f.onFail != nil {
		f.onFail()
	}
}

// enter asks to change something on the disk. If the answer is true, leave must follow.
func (f *fence) enter() bool {
	f.changes.RLock()
	if f.failed.Load() != nil {
		f.changes.RUnlock()
		return false
	}
	return true
}

// leave ends a change. Invariant: a failure is recorded before the caller hears of success, so
// who looks at failed after a synced commit cannot miss it.
func (f *fence) leave(err error) {
	if err != nil {
		f.fail(failure{err: err})
	}
	f.changes.RUnlock()
}

// drain waits until no change is under way. The fence must be closed.
func (f *fence) drain() {
	f.changes.Lock()
	defer f.changes.Unlock()
}

func (f *fence) change(op func() error) error {
	if f.enter() {
		f.leave(op())
	}
	return nil
}

// create runs op, which opens a file for writing, and puts the file behind the fence.
func (f *fence) create(op func() (vfs.File, error)) (vfs.File, error) {
	if !f.enter() {
		return &fencedFile{File: void{}, fence: f}, nil
	}
	file, err := op()
	f.leave(err)
	if err != nil {
		file = void{}
	}
	return &fencedFile{File: file, fence: f}, nil
}

// Create syncs the directory before it makes a marker, the file that says which manifest counts.
// Pebble syncs it only afterwards, and so relies on a file system that keeps names in the order
// in which they were made; one that did not could keep the marker and lose the manifest.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(func() (vfs.File, error) {
		if strings.HasPrefix(f.FS.PathBase(name), markerPrefix) {
			if err := syncDir(f.FS, f.FS.PathDir(name)); err != nil {
				return nil, err
			}
		}
		return f.FS.Create(name, c)
	})
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.create(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

func (f *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
}

func (f *fence) Link(from, to string) error {
	return f.change(func() error { return f.FS.Link(from, to) })
}

func (f *fence) Rename(from, to string) error {
	return f.change(func() error { return f.FS.Rename(from, to) })
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.change(func() error { return f.FS.MkdirAll(dir, perm) })
}

// Remove passes on that there is no such file: Pebble can live with that.
func (f *fence) Remove(name string) error {
	if !f.enter() {
		return nil
	}
	err := f.FS.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		f.leave(nil)
		return err
	}
	f.leave(err)
	return nil
}

func (f *fence) RemoveAll(name string) error {
	return f.change(func() error { return f.FS.RemoveAll(name) })
}

// Lock locks nothing: the ledger has locked the directory, for longer than one instance lives.
func (f *fence) Lock(string) (io.Closer, error) { return void{}, nil }

// Open opens for reading. A log is opened to be replayed, and remembered for the case that it
// is damaged.
func (f *fence) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if strings.HasSuffix(name, logSuffix) {
		f.lastLog.Store(&name)
	}
	return f.FS.Open(name, opts...)
}

// OpenDir opens a directory in order to sync it.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f}, nil
}

// GetDiskUsage never fails: Pebble wants to know the room only to pace deletions.
func (f *fence) GetDiskUsage(name string) (vfs.DiskUsage, error) {
	usage, err := f.FS.GetDiskUsage(name)
	if err != nil {
		return vfs.DiskUsage{}, vfs.ErrUnsupported
	}
	return usage, nil
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fencedFile is a file that is written, behind the fence.
type fencedFile struct {
	vfs.File
	fence *fence
}

func (w *fencedFile) Write(p []byte) (int, error) {
	n := len(p)
	if w.fence.enter() {
		_, err := w.File.Write(p)
		w.fence.leave(err)
	}
	return n, nil
}

func (w *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	n := len(p)
	if w.fence.enter() {
		_, err := w.File.WriteAt(p, off)
		w.fence.leave(err)
	}
	return n, nil
}

func (w *fencedFile) Sync() error     { return w.fence.change(w.File.Sync) }
func (w *fencedFile) SyncData() error { return w.fence.change(w.File.SyncData) }

func (w *fencedFile) SyncTo(length int64) (full bool, err error) {
	if w.fence.enter() {
		full, err = w.File.SyncTo(length)
		w.fence.leave(err)
	}
	return full, nil
}

// Preallocate may fail without harm: it is advice.
func (w *fencedFile) Preallocate(offset, length int64) error {
	if !w.fence.enter() {
		return nil
	}
	defer w.fence.leave(nil)
	return w.File.Preallocate(offset, length)
}

// Close always closes; only before a failure does it matter how it ended.
func (w *fencedFile) Close() error {
	if w.fence.enter() {
		w.fence.leave(w.File.Close())
		return nil
	}
	_ = w.File.Close()
	return nil
}

// Stat must not fail either: Pebble asks the size of a log that it reuses, and panics when it
// gets none.
func (w *fencedFile) Stat() (vfs.FileInfo, error) {
	info, err := w.File.Stat()
	if err != nil {
		w.fence.fail(failure{err: err})
		return void{}, nil
	}
	return info, nil
}

// void is a file that accepts everything and keeps nothing, and what Stat tells of it.
type void struct{}

var (
	_ vfs.File     = void{}
	_ vfs.FileInfo = void{}
)

func (void) Read([]byte) (int, error)                  { return 0, io.EOF }
func (void) ReadAt([]byte, int64) (int, error)         { return 0, io.EOF }
func (void) Write(p []byte) (int, error)               { return len(p), nil }
func (void) WriteAt(p []byte, _ int64) (int, error)    { return len(p), nil }
func (void) Preallocate(int64, int64) error            { return nil }
func (void) Stat() (vfs.FileInfo, error)               { return void{}, nil }
func (void) Sync() error                               { return nil }
func (void) SyncTo(int64) (fullSync bool, err error)   { return true, nil }
func (void) SyncData() error                           { return nil }
func (void) Prefetch(offset int64, length int64) error { return nil }
func (void) Fd() uintptr                               { return vfs.InvalidFd }
func (void) Close() error                              { return nil }

func (void) Name() string           { return "" }
func (void) Size() int64            { return 0 }
func (void) Mode() os.FileMode      { return 0 }
func (void) ModTime() time.Time     { return time.Time{} }
func (void) IsDir() bool            { return false }
func (void) Sys() any               { return nil }
func (void) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
