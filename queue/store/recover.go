package store

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
)

// ready takes over a database that the store does not know yet: it counts, and finds where
// serials go on. Active needs no recovery: it is not on the disk.
func (s *Store) ready(db *pebble.DB) error {
	counts := map[queue.State]int{}
	for _, state := range indexedStates() {
		n, err := countFamily(db, indexPrefix(state))
		if err != nil {
			return err
		}
		counts[state] = n
	}
	if err := s.loadSerials(db); err != nil {
		return err
	}
	return s.rows.reset(counts, func(serial uint64, row *row) (bool, error) {
		return hasKey(db, indexKey(row.rec.State, row.rec.Due, serial))
	})
}

func hasKey(db *pebble.DB, key []byte) (bool, error) {
	_, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

func countFamily(db *pebble.DB, prefix byte) (n int, err error) {
	it, err := db.NewIter(family(prefix))
	if err != nil {
		return 0, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	return n, errors.Join(it.Error(), it.Close())
}

// sweep removes the body files below serial first, where this run began, that have no entry: what
// a crash left between a commit and its file, or a removal and its file.
func (s *Store) sweep(ctx context.Context, first uint64) {
	err := s.bodies.Walk(func(serial uint64) error {
		if err := ctx.Err(); err != nil || serial >= first {
			return err
		}
		known, err := s.hasText(serial)
		if err != nil || known {
			return err
		}
		return s.bodies.Remove(serial)
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("not all body files without entry could be removed", "directory", s.opt.Dir, "err", err)
	}
}

// hasText says whether there is a text under a serial.
func (s *Store) hasText(serial uint64) (known bool, err error) {
	err = s.ledger.Read(func(db *pebble.DB) error {
		known, err = hasKey(db, textKey(serial))
		return err
	})
	return known, err
}
