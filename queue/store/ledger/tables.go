package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tables knows the tables that an instance made and no manifest speaks of yet. When the instance
// fails they are of no use, and on a full disk they would take the room that the next one needs.
type tables struct {
	mu sync.Mutex // guards unlisted
	// unlisted has the names; true for those that are finished.
	unlisted map[string]bool
}

// begin takes note of a table that is to be written.
func (t *tables) begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unlisted == nil {
		t.unlisted = map[string]bool{}
	}
	t.unlisted[name] = false
}

// finish takes note that a file is complete; only then can a manifest speak of it.
func (t *tables) finish(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.unlisted[name]; ok {
		t.unlisted[name] = true
	}
}

// list takes note that the manifest is written: it may speak of every table that is finished.
func (t *tables) list() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, finished := range t.unlisted {
		if finished {
			delete(t.unlisted, name)
		}
	}
}

func (t *tables) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.unlisted, name)
}

// removeUnlisted removes the tables that nothing speaks of. The fence must be drained. What
// cannot be removed is removed by the next instance.
func (f *fence) removeUnlisted() {
	f.tables.mu.Lock()
	defer f.tables.mu.Unlock()
	for name := range f.tables.unlisted {
		_ = f.FS.Remove(name)
	}
}

// compactionWrites is what Pebble says of the tables that it writes to tidy up, as opposed to those
// that it writes to empty its memory.
const compactionWrites vfs.DiskWriteCategory = "pebble-compaction"

// sparePause is how long tidying rests after it failed.
const sparePause = 30 * time.Second

// spare is about what an instance can do without. A compaction needs room of its own, which a disk
// that is nearly full does not have though it has enough to go on; so its failures are passed on to
// Pebble, which drops it and tries it again at once, and here the next ones have to wait.
type spare struct {
	log *slog.Logger
	// room is how much must be free on the disk before a table is begun.
	room    int64
	closing chan struct{} // closed when the instance closes

	mu   sync.Mutex // guards rest
	rest time.Time  // until then no compaction starts
}

// spareError is a failure that an instance survives.
type spareError struct{ err error }

// Error says what failed.
func (e *spareError) Error() string { return "compaction: " + e.err.Error() }

// Unwrap returns the failure itself.
func (e *spareError) Unwrap() error { return e.err }

// failed takes note of a failure and returns what Pebble hears.
func (s *spare) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.After(s.rest) {
		s.rest = now.Add(sparePause)
		s.log.Warn("queue database cannot tidy up, it goes on without", "err", plain(err))
	}
	return &spareError{err}
}

// wait waits until compactions may start, or the instance closes.
func (s *spare) wait() {
	s.mu.Lock()
	rest := time.Until(s.rest)
	s.mu.Unlock()
	if rest <= 0 {
		return
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.closing:
	}
}

// createSpare makes a table for a compaction.
func (f *fence) createSpare(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.spare.wait()
	if !f.enter() {
		return &fencedFile{File: void{}, fence: f, name: name}, nil
	}
	file, err := f.beginSpare(name, c)
	f.leave(nil)
	if err != nil {
		return nil, f.spare.failed(err)
	}
	return &fencedFile{File: file, fence: f, name: name, spare: true}, nil
}

// beginSpare makes the file, unless what is left of the disk is wanted for more important things.
func (f *fence) beginSpare(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	free, err := freeBytes(f.FS, f.FS.PathDir(name))
	if err == nil && free < f.spare.room {
		return nil, fmt.Errorf("%d bytes free, less than %d: %w", free, f.spare.room, syscall.ENOSPC)
	}
	return f.FS.Create(name, c)
}

// isSpare says that an error is of something that the instance can do without.
func isSpare(err error) bool {
	var e *spareError
	return errors.As(err, &e)
}
