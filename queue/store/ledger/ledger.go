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

// Close syncs what Note took and closes the database. Nothing else may run.
func (l *Ledger) Close() error {
	close(l.stop)
	<-l.stopped
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.in != nil {
		err = l.closeInstance()
	} else if n := l.redo.pending(); n > 0 {
		l.cfg.Log.Error("changes of the queue are lost; some mail may be delivered again", "changes", n)
	}
	l.why = errors.New("closed")
	return errors.Join(err, l.lock.Close())
}

func (l *Ledger) closeInstance() error {
	var err error
	if !l.cfg.ReadOnly {
		err = l.sync(l.in)
		l.callSettled()
	}
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
		if pebble.IsCorruptionError(err) {
			in.fence.fail(failure{err: err, damage: true})
			return fmt.Errorf("%w: %w", ErrDown, plain(err))
		}
		return err
	}
	return nil
}

// Add writes the batch that build makes. It is durable when Add returns nil. When Add returns an
// error, nothing of it is there, or the batch that undo makes, which must take all of it back, is
// written before the database is used again; only a crash before that may leave it. undone, if not
// nil, is called in either case once nothing is there.
func (l *Ledger) Add(build, undo func(*pebble.Batch) error, undone func()) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	in, err := l.writable()
	if err == nil {
		mark := l.redo.mark()
		if err = in.apply(build, pebble.Sync); err == nil {
			if failed := in.failure(); failed != nil {
				return l.takeBack(failed, undo, undone)
			}
			l.syncedTo(mark)
			return nil
		}
	}
	if undone != nil {
		undone()
	}
	return err
}

// takeBack has a batch undone of which nobody knows whether it is on the disk.
func (l *Ledger) takeBack(failed *failure, undo func(*pebble.Batch) error, undone func()) error {
	err := fmt.Errorf("%w: %w", ErrDown, failed.err)
	repr, err2 := represent(undo)
	if err2 != nil {
		return errors.Join(err, err2)
	}
	l.redo.addUndo(change{repr, undone})
	return err
}

func (l *Ledger) writable() (*instance, error) {
	if l.cfg.ReadOnly {
		return nil, ErrReadOnly
	}
	return l.usable()
}

// apply builds a batch and writes it. Its error is build's, and then nothing was written: of the
// disk's failures the fence knows.
func (in *instance) apply(build func(*pebble.Batch) error, sync *pebble.WriteOptions) error {
	b := in.db.NewBatch()
	defer b.Close()
	if err := build(b); err != nil {
		return err
	}
	return b.Commit(sync)
}

// represent builds a batch for the redo list.
func represent(build func(*pebble.Batch) error) ([]byte, error) {
	var b pebble.Batch
	if err := build(&b); err != nil {
		return nil, err
	}
	return append([]byte(nil), b.Repr()...), nil
}

// Note writes the batch that build makes, without waiting for a sync: it is synced soon, and kept
// until then. then, if not nil, is called once it is, by the keeper. While there is no database,
// Note still takes changes, as far as there is room in memory.
func (l *Ledger) Note(build func(*pebble.Batch) error, then func()) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.cfg.ReadOnly {
		return ErrReadOnly
	}
	in, down := l.usable()
	if down != nil && l.redo.full() {
		return down
	}
	var repr []byte
	var err error
	if down == nil {
		repr, err = in.note(build)
	} else {
		repr, err = represent(build)
	}
	if err != nil {
		return err
	}
	first, long := l.redo.add(change{repr, then})
	if first {
		wake(l.fresh)
	}
	if long && down == nil {
		// That this sync fails is the failure of the instance, not of this change.
		_ = l.sync(in)
	}
	return nil
}

// note builds a batch, writes it unsynced, and returns its representation.
func (in *instance) note(build func(*pebble.Batch) error) (repr []byte, err error) {
	err = in.apply(func(b *pebble.Batch) error {
		err := build(b)
		repr = append([]byte(nil), b.Repr()...)
		return err
	}, pebble.NoSync)
	return repr, err
}

// Sync makes durable what Note took so far. When it returns an error that wraps ErrDown, that may
// still become durable.
func (l *Ledger) Sync() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	in, err := l.writable()
	if err != nil {
		return err
	}
	return l.sync(in)
}

// sync makes everything durable that was written so far. The caller holds mu.
func (l *Ledger) sync(in *instance) error {
	mark := l.redo.mark()
	if err := in.db.LogData(nil, pebble.Sync); err != nil {
		return err
	}
	if failed := in.failure(); failed != nil {
		return fmt.Errorf("%w: %w", ErrDown, failed.err)
	}
	l.syncedTo(mark)
	return nil
}

// syncedTo drops the changes below mark; the keeper calls their functions.
func (l *Ledger) syncedTo(mark uint64) {
	if l.redo.synced(mark) {
		wake(l.settled)
	}
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
