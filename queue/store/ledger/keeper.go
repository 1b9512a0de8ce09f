package ledger

import (
	"fmt"
	"time"
)

// readTries is how often in a row an instance may fail because the disk cannot be read before
// that place of it is taken for damaged.
const readTries = 3

// keep is the keeper: until the ledger closes, it syncs what waits too long, calls what waits
// for a sync, and replaces an instance that failed.
func (l *Ledger) keep() {
	defer close(l.stopped)
	due := time.NewTimer(l.cfg.SyncAfter)
	defer due.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.fresh:
			due.Reset(l.cfg.SyncAfter)
		case <-due.C:
			l.syncLate()
		case <-l.settled:
			l.callSettled()
		case <-l.failed:
			l.replace()
		}
	}
}

// syncLate syncs the changes that no commit has taken along.
func (l *Ledger) syncLate() {
	if l.redo.pending() == 0 {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if in, err := l.usable(); err == nil {
		// Its failure is the instance's.
		_ = l.sync(in)
	}
	if l.redo.pending() > 0 {
		wake(l.fresh)
	}
}

func (l *Ledger) callSettled() {
	for _, fn := range l.redo.takeSettled() {
		fn()
	}
}

// replace closes the instance if it failed, and opens another one, as often as it takes.
func (l *Ledger) replace() {
	if !l.retire() {
		return
	}
	for wait := l.cfg.RetryAfter; l.sleep(wait); wait = min(2*wait, longestRetry) {
		err := l.reopen()
		if err == nil {
			l.cfg.Log.Info("queue database is back", "directory", l.cfg.Dir)
			wake(l.fresh)
			return
		}
		l.cfg.Log.Error("queue database cannot be opened again yet", "directory", l.cfg.Dir, "err", err)
	}
}

// retire takes an instance that failed out of use and closes it. It reports whether there was one.
func (l *Ledger) retire() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in == nil || l.in.failure() == nil {
		return false
	}
	failed := l.in.failure()
	l.cfg.Log.Error("queue database failed, mail is put off", "directory", l.cfg.Dir, "err", failed.err)
	l.in.close(l.cfg.Log)
	l.in, l.why = nil, failed.err
	l.damaged = failed.damage || l.givesUpReading(failed)
	return true
}

// givesUpReading counts how often in a row the disk could not be read: what stays so is damage.
func (l *Ledger) givesUpReading(failed *failure) bool {
	if !failed.read {
		l.unreadable = 0
		return false
	}
	l.unreadable++
	return l.unreadable >= readTries
}

// sleep waits, and reports whether the ledger still lives.
func (l *Ledger) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.stop:
		return false
	case <-t.C:
		return true
	}
}

// reopen opens the next instance, brings it up to date and puts it in use.
func (l *Ledger) reopen() error {
	if free, err := freeBytes(l.cfg.FS, l.cfg.Dir); err == nil && free < 2*l.cfg.MemTable {
		return fmt.Errorf("%d bytes free, less than %d", free, 2*l.cfg.MemTable)
	}
	in, err := l.openRepaired()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	mark := l.redo.mark()
	if err = l.redo.replay(in.db); err == nil {
		err = l.show(in)
	}
	if err != nil {
		in.fence.fail(failure{err: err})
		in.close(l.cfg.Log)
		return err
	}
	l.redo.replayed(mark)
	l.in, l.why = in, nil
	close(l.back)
	l.back = make(chan struct{})
	wake(l.settled)
	return nil
}
