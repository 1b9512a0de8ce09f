package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Ledger is the database. Safe for concurrent use.
type Ledger struct {
	cfg  Config
	lock io.Closer
	redo redo

	// fresh wakes the keeper when there is something to sync, settled when there is something
	// to call, failed when an instance failed.
	fresh, settled, failed chan struct{}
	stop, stopped          chan struct{}

	// mu guards in and why. Who uses the instance holds it for reading; only the keeper
	// exchanges the instance.
	mu   sync.RWMutex
	in   *instance     // nil while there is none
	why  error         // why there is none
	back chan struct{} // closed when the next instance is in use

	// The following belong to Open, and then to the keeper.

	unreadable int  // how often in a row the disk could not be read
	damaged    bool // the current database needs repair
	known      bool // Ready has seen the current database
}

// Open locks the directory and opens the database in it; it is made if there is none, unless
// ReadOnly is set. Close the ledger.
func Open(cfg Config) (*Ledger, error) {
	l := &Ledger{
		cfg: cfg, fresh: make(chan struct{}, 1), settled: make(chan struct{}, 1),
		failed: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
		back: make(chan struct{}),
	}
	if err := l.prepare(); err != nil {
		return nil, fmt.Errorf("queue directory %s: %w", cfg.Dir, err)
	}
	in, err := l.openFirst()
	if err != nil {
		_ = l.lock.Close()
		return nil, fmt.Errorf("queue directory %s: %w", cfg.Dir, err)
	}
	l.in = in
	go l.keep()
	return l, nil
}

// openFirst opens the first instance and shows it to the owner of the ledger, who may be the one
// to find that it is damaged.
func (l *Ledger) openFirst() (*instance, error) {
	for tries := 1; ; tries++ {
		in, err := l.openRepaired()
		if err != nil {
			return nil, err
		}
		if err = l.show(in); err == nil {
			return in, nil
		}
		in.close(l.cfg.Log)
		if tries > 1 || l.cfg.ReadOnly || !isDamage(err) {
			return nil, err
		}
		l.cfg.Log.Error("queue database is damaged, it is repaired now", "directory", l.cfg.Dir, "err", err)
		l.damaged = true
	}
}

// show has Ready see a database that it has not seen.
func (l *Ledger) show(in *instance) error {
	var err error
	if !l.known {
		err = plain(l.cfg.Ready(in.db))
	}
	if failed := in.failure(); failed != nil {
		return errors.Join(failed.err, err)
	}
	l.known = err == nil
	return err
}

// Close syncs what Note took and closes the database. If that has failed, it tries once to open
// it again for what is still to be written. Nothing else may run.
func (l *Ledger) Close() error {
	close(l.stop)
	<-l.stopped
	if l.Writable() != nil && l.redo.waits() {
		l.retire()
		if err := l.reopen(); err != nil {
			l.cfg.Log.Error("queue database cannot be opened again", "directory", l.cfg.Dir, "err", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.in != nil {
		err = l.closeInstance()
	}
	if n := l.redo.pending(); n > 0 {
		l.cfg.Log.Error("changes of the queue are lost; some mail may be delivered again", "directory", l.cfg.Dir, "changes", n)
	}
	l.why = errors.New("closed")
	return errors.Join(err, l.lock.Close())
}

func (l *Ledger) closeInstance() error {
	var err error
	if l.redo.waits() {
		err = l.sync(l.in)
	}
	l.callSettled()
	l.in.close(l.cfg.Log)
	l.in = nil
	return err
}

// usable returns the instance, or why there is none. The caller holds mu.
func (l *Ledger) usable() (*instance, error) {
	if l.in == nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, l.why)
	}
	if failed := l.in.failure(); failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, failed.err)
	}
	return l.in, nil
}

// Writable returns nil, or why nothing new can be written now: an error that wraps ErrDown or
// ErrReadOnly.
func (l *Ledger) Writable() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, err := l.writable()
	return err
}

// Up waits until there is a working database, or ctx ends.
func (l *Ledger) Up(ctx context.Context) error {
	for {
		l.mu.RLock()
		_, err := l.usable()
		back := l.back
		l.mu.RUnlock()
		if err == nil {
			return nil
		}
		select {
		case <-back:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Read calls fn with the database. What fn opens it closes. Damage that fn meets and returns
// leads to a repair.
func (l *Ledger) Read(fn func(db *pebble.DB) error) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	in, err := l.usable()
	if err != nil {
		return err
	}
	if err := fn(in.db); err != nil {
		if pebble.IsCorruptionError(err) && isDamage(err) {
			in.fence.fail(failure{err: err, damage: true})
			return fmt.Errorf("%w: %w", ErrDown, plain(err))
		}
		return err
	}
	return nil
}
