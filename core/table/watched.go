package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often, at most, a table looks whether its files have changed.
const lookEvery = time.Second

// loadAside is the size, in bytes, from which a changed file is read beside the lookups, which go
// on with what they have.
const loadAside = 1 << 20

// watched is a table made of files, which is made again when they change.
type watched struct {
	files []string
	whole bool
	warn  func(string)
	load  func() (Table, error)

	current atomic.Pointer[loaded]
	looked  atomic.Int64 // when the files were looked at, Unix time in ns

	// mu is held by the one lookup that looks, or by its loader; it guards seen.
	mu   sync.Mutex
	seen []stamp
	// aside is waited for by Close: the loader that runs beside the lookups.
	aside sync.WaitGroup
}

// loaded is one state of the table.
type loaded struct{ Table }

// stamp says which state a file is in.
type stamp struct {
	size     int64
	modified time.Time
	there    bool
	info     os.FileInfo
}

// openWatched loads a table. whole says that it wants whole keys.
func openWatched(files []string, whole bool, o Options, load func() (Table, error)) (Table, error) {
	w := &watched{files: files, whole: whole, load: load, warn: o.Warn, seen: stamps(files)}
	t, err := load()
	if err != nil {
		return nil, err
	}
	w.current.Store(&loaded{t})
	w.looked.Store(time.Now().UnixNano())
	return w, nil
}

func stamps(files []string) []stamp {
	all := make([]stamp, len(files))
	for i, name := range files {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime(), true, info}
		}
	}
	return all
}

// same reports whether nothing has changed. A file that was put in the place of another is
// another one, even with the same size and time.
func same(a, b []stamp) bool {
	for i := range a {
		if a[i].there != b[i].there || a[i].there && (a[i].size != b[i].size ||
			!a[i].modified.Equal(b[i].modified) || !os.SameFile(a[i].info, b[i].info)) {
			return false
		}
	}
	return true
}

// WholeKey reports whether keys are never taken apart.
func (w *watched) WholeKey() bool { return w.whole }

// Lookup asks the table in its newest state.
func (w *watched) Lookup(ctx context.Context, key string) (string, bool, error) {
	now := time.Now().UnixNano()
	if last := w.looked.Load(); now-last >= int64(lookEvery) && w.looked.CompareAndSwap(last, now) {
		w.look()
	}
	return w.current.Load().Lookup(ctx, key)
}

// look loads the table again if a file has changed, unless somebody is at it.
func (w *watched) look() {
	if !w.mu.TryLock() {
		return
	}
	now := stamps(w.files)
	if same(w.seen, now) {
		w.mu.Unlock()
		return
	}
	// Invariant: seen is from before the load, so that a change during it is noticed next time.
	w.seen = now
	for _, s := range now {
		if s.size > loadAside {
			w.aside.Go(w.reload)
			return
		}
	}
	w.reload()
}

// reload replaces the state, or keeps it when the new one cannot be read: an admin who is in the
// middle of an edit must not stop the mail. It gives mu back.
func (w *watched) reload() {
	defer w.mu.Unlock()
	t, err := w.load()
	if err != nil {
		if w.warn != nil {
			w.warn(fmt.Sprintf("keeping the table as it was: %v", err))
		}
		return
	}
	// The old state may still be asked; what it holds is given back when nobody refers to it.
	w.current.Store(&loaded{t})
}

// Close waits for a loader and closes the table.
func (w *watched) Close() error {
	w.aside.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := Close(w.current.Load().Table); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
