package dns

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// recheckAfter is how long a file is taken to be unchanged.
const recheckAfter = 5 * time.Second

// watched is a small file whose parsed form is kept until the file changes. Safe for concurrent use.
type watched[T any] struct {
	path  string
	limit int64 // bytes that are read; the rest of a longer file is an error
	parse func([]byte) T

	mu      sync.Mutex
	checked time.Time
	mtime   time.Time
	size    int64
	loaded  bool
	value   T
}

// get returns the parsed file, looking at it again if the last look was a while ago. A file that was
// never there is an empty one. When the file cannot be read, or is gone, the last good value
// stands; err is non-nil only if there is none.
func (w *watched[T]) get() (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loaded && time.Since(w.checked) < recheckAfter {
		return w.value, nil
	}
	w.checked = time.Now()
	if err := w.refresh(); err != nil && !w.loaded {
		return w.value, err
	}
	return w.value, nil
}

func (w *watched[T]) refresh() error {
	f, err := os.Open(w.path)
	if os.IsNotExist(err) && !w.loaded {
		w.set(nil, time.Time{})
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || w.loaded && st.ModTime().Equal(w.mtime) && st.Size() == w.size {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, w.limit+1))
	if err == nil && int64(len(text)) > w.limit {
		err = fmt.Errorf("%s: longer than %d bytes", w.path, w.limit)
	}
	if err == nil {
		w.set(text, st.ModTime())
	}
	return err
}

func (w *watched[T]) set(text []byte, mtime time.Time) {
	w.value, w.loaded = w.parse(text), true
	w.mtime, w.size = mtime, int64(len(text))
}
