package ledger

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failure is why an instance cannot go on. damage says that what is on the disk is wrong, so
// that opening it again is not enough; read says that it could not be read.
type failure struct {
	err          error
	damage, read bool
}

// fence stands between one instance and the disk. It passes everything until the first change
// that fails; then it is closed, and every change (that one, too) does nothing and succeeds.
// Reads always go to the disk.
//
// Pebble never sees a failed write, because it cannot live with one; except those of a
// compaction, which it can do without (see spare).
type fence struct {
	vfs.FS
	// changes is held shared by every change under way; see drain.
	changes sync.RWMutex
	failed  atomic.Pointer[failure]
	// onFail is called once, when the fence closes. It must not block.
	onFail func()
	// lastLog is the log that was last opened for reading.
	lastLog atomic.Pointer[string]
	tables  tables
	spare   spare
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
func (f *fence) create(name string, op func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File = void{}
	if f.enter() {
		opened, err := op()
		f.leave(err)
		if err == nil {
			file = opened
		}
	}
	manifest := strings.HasPrefix(f.FS.PathBase(name), manifestPrefix)
	return &fencedFile{File: file, fence: f, name: name, manifest: manifest}, nil
}

// Create syncs the directory before it makes a marker, the file that says which manifest counts.
// Pebble syncs it only afterwards, and so relies on a file system that keeps names in the order
// in which they were made; one that did not could keep the marker and lose the manifest.
func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasSuffix(name, tableSuffix) {
		f.tables.begin(name)
	}
	if c == compactionWrites {
		return f.createSpare(name, c)
	}
	return f.create(name, func() (vfs.File, error) {
		if strings.HasPrefix(f.FS.PathBase(name), markerPrefix) {
			if err := syncDir(f.FS, f.FS.PathDir(name)); err != nil {
				return nil, err
			}
		}
		return f.FS.Create(name, c)
	})
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.create(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

func (f *fence) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.create(to, func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, c) })
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
	f.tables.forget(name)
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
	return &fencedFile{File: file, fence: f, name: name}, nil
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
