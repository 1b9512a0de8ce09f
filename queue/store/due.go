package store

import (
	"bytes"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// dueFloor remembers below which key of the index of deferred entries there is none that waits.
// What was there has left tombstones, and reading over them again and again would take longer
// every time. The zero dueFloor knows nothing.
type dueFloor struct {
	key     []byte
	changes uint64
}

// lower takes note of an entry that now waits under key.
func (f *dueFloor) lower(key []byte) {
	f.changes++
	if bytes.Compare(key, f.key) < 0 {
		f.key = key
	}
}

// raise takes note that none waits below key, if nothing changed since changes.
func (f *dueFloor) raise(key []byte, changes uint64) {
	if f.changes == changes {
		f.key = key
	}
}

func (r *rows) dueFrom() (key []byte, changes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due.key, r.due.changes
}

func (r *rows) noneDueBelow(key []byte, changes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due.raise(key, changes)
}

// Due returns the ids of at most most deferred entries whose time has come, oldest due first, and
// when the next one after those is due; zero when there is none. Active ones are left out.
func (s *Store) Due(now time.Time, most int) (ids []string, next time.Time, err error) {
	from, changes := s.rows.dueFrom()
	first := []byte{prefixDeferred + 1} // the first that waits
	opts := family(prefixDeferred)
	if from != nil {
		opts.LowerBound = from
	}
	err = s.scanIndex(opts, func(key, id []byte) bool {
		serial, ok := indexSerial(key)
		if !ok || !s.rows.shown(serial) {
			return true
		}
		if first[0] != prefixDeferred {
			first = bytes.Clone(key)
		}
		if due := indexDue(key); len(ids) >= most || due.After(now) {
			next = due
			return false
		}
		ids = append(ids, string(id))
		return true
	})
	if err != nil {
		return nil, time.Time{}, failed("Due", "", err)
	}
	s.rows.noneDueBelow(first, changes)
	return ids, next, nil
}

// scanIndex calls fn for the keys and values within the bounds, until fn returns false. fn must
// not keep them.
func (s *Store) scanIndex(bounds *pebble.IterOptions, fn func(key, value []byte) bool) error {
	return s.ledger.Read(func(db *pebble.DB) error {
		it, err := db.NewIter(bounds)
		if err != nil {
			return err
		}
		for ok := it.First(); ok; ok = it.Next() {
			value, err := it.ValueAndErr()
			if err != nil {
				return errors.Join(err, it.Close())
			}
			if !fn(it.Key(), value) {
				break
			}
		}
		return errors.Join(it.Error(), it.Close())
	})
}
