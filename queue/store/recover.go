package store

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
)

// ready takes over a database that the store does not know yet: it mends, counts, and finds where
// serials go on. Active needs no recovery: it is not on the disk.
func (s *Store) ready(db *pebble.DB) error {
	counts, err := s.count(db)
	if err != nil {
		return err
	}
	if err := s.loadSerials(db); err != nil {
		return err
	}
	if err := s.hasSites(db); err != nil {
		return err
	}
	return s.rows.reset(counts, func(serial uint64, row *row) (bool, error) {
		return hasKey(db, indexKey(row.rec.State, row.rec.Due, serial))
	})
}

// count counts the indexes. An entry that is corrupt can be in another one, too, when an update from
// before a repair was written again after it; that it is corrupt, counts.
func (s *Store) count(db *pebble.DB) (map[queue.State]int, error) {
	spoilt := map[uint64]bool{}
	counts := map[queue.State]int{}
	var stale [][]byte
	for _, state := range []queue.State{queue.Corrupt, queue.Incoming, queue.Deferred, queue.Hold} {
		err := eachKey(db, indexPrefix(state), func(key []byte) {
			serial, _ := indexSerial(key)
			if spoilt[serial] {
				stale = append(stale, bytes.Clone(key))
				return
			}
			if state == queue.Corrupt {
				spoilt[serial] = true
			}
			counts[state]++
		})
		if err != nil {
			return nil, err
		}
	}
	if s.opt.ReadOnly {
		return counts, nil
	}
	return counts, mend(db, spoilt, stale)
}

// mend sees that the records of corrupt entries say so, and deletes the stale keys of indexes.
func mend(db *pebble.DB, spoilt map[uint64]bool, stale [][]byte) error {
	for _, key := range stale {
		if err := db.Delete(key, pebble.NoSync); err != nil {
			return err
		}
	}
	for serial := range spoilt {
		key := recordKey(serial)
		value, closer, err := db.Get(key)
		if err != nil && !errors.Is(err, pebble.ErrNotFound) {
			return err
		}
		var rec queue.Record
		if err == nil {
			rec, _ = codec.Record(key, value) // a damaged one is written anew
			if err := closer.Close(); err != nil {
				return err
			}
		}
		if rec.State == queue.Corrupt {
			continue
		}
		rec.State, rec.Reason = queue.Corrupt, "damaged; what was changed before the repair is uncertain"
		if err := db.Set(key, codec.AppendRecord(nil, key, &rec), pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}

// eachKey calls fn for the keys with a prefix. fn must not keep them.
func eachKey(db *pebble.DB, prefix byte, fn func(key []byte)) error {
	it, err := db.NewIter(family(prefix))
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		fn(it.Key())
	}
	return errors.Join(it.Error(), it.Close())
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
