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
	s.rows.reset(counts)
	return nil
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
		_, closer, err := db.Get(textKey(serial))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		known = true
		return closer.Close()
	})
	return known, err
}
