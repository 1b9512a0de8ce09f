package ledger

import (
	"io"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fencedFile is a file that is written, behind the fence.
type fencedFile struct {
	vfs.File
	fence *fence
	name  string
	// manifest says that it is the list of tables; spare, that it is a file that Pebble can do
	// without: then it hears of failures.
	manifest, spare bool
}

// end ends a change that entered the fence, and returns what Pebble hears of it.
func (w *fencedFile) end(err error) error {
	if err == nil || !w.spare {
		w.fence.leave(err)
		return nil
	}
	w.fence.leave(nil)
	return w.fence.spare.failed(err)
}

func (w *fencedFile) Write(p []byte) (int, error) {
	n := len(p)
	if !w.fence.enter() {
		return n, nil
	}
	if w.manifest {
		w.fence.tables.list()
	}
	_, err := w.File.Write(p)
	if err = w.end(err); err != nil {
		return 0, err
	}
	return n, nil
}

func (w *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	n := len(p)
	if !w.fence.enter() {
		return n, nil
	}
	_, err := w.File.WriteAt(p, off)
	if err = w.end(err); err != nil {
		return 0, err
	}
	return n, nil
}

func (w *fencedFile) Sync() error {
	if !w.fence.enter() {
		return nil
	}
	return w.end(w.File.Sync())
}

func (w *fencedFile) SyncData() error {
	if !w.fence.enter() {
		return nil
	}
	return w.end(w.File.SyncData())
}

func (w *fencedFile) SyncTo(length int64) (full bool, err error) {
	if !w.fence.enter() {
		return false, nil
	}
	full, err = w.File.SyncTo(length)
	return full, w.end(err)
}

// Preallocate does nothing: it is advice, and costs more disk than it saves time (RATIONALE.md of
// the store).
func (w *fencedFile) Preallocate(int64, int64) error { return nil }

// Close always closes; only before a failure does it matter how it ended.
func (w *fencedFile) Close() error {
	if !w.fence.enter() {
		_ = w.File.Close()
		return nil
	}
	err := w.File.Close()
	if err == nil {
		w.fence.tables.finish(w.name)
	}
	return w.end(err)
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
