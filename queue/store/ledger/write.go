package ledger

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

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
