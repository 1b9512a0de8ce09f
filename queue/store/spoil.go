package store

import (
	"bytes"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
)

// spoil moves an entry that turned out to be damaged to corrupt, and returns the error that says
// so. What is left of it stays for the admin.
func (s *Store) spoil(id string, serial uint64, reason string) error {
	defer s.lockEntry(serial)()
	_, err := s.spoilLocked(id, serial, reason)
	return err
}

// spoilLocked is spoil for who holds the lock of the entry. The row is nil if it was not moved: when
// that failed, and when the queue is open for reading only.
func (s *Store) spoilLocked(id string, serial uint64, reason string) (*row, error) {
	known, ok := s.rows.get(serial)
	if ok && known.rec.State == queue.Corrupt {
		return known, corrupt(id, known.rec.Reason)
	}
	s.log.Error("queue entry is damaged; it is kept as corrupt and not delivered", "qid", id, "err", reason)
	if s.opt.ReadOnly {
		return nil, corrupt(id, reason)
	}
	if !ok {
		var err error
		if known, err = s.listed(id, serial); err != nil {
			return nil, err
		}
	}
	now := &row{id: id, size: maxInline + 1} // who knows
	now.rec.State, now.rec.Reason = queue.Corrupt, reason
	err := s.ledger.Note(func(b *pebble.Batch) error { return putCorrupt(b, serial, known, now) }, nil)
	if err != nil {
		return nil, err
	}
	s.rows.change(serial, known, now, false)
	return now, corrupt(id, reason)
}

// listed makes a row of what the indexes say about an entry, nil when it is in none.
func (s *Store) listed(id string, serial uint64) (known *row, err error) {
	err = s.ledger.Read(func(db *pebble.DB) error {
		key, err := findIndex(db, serial)
		if key != nil {
			known = &row{id: id, rec: stateAt(key)}
		}
		return err
	})
	return known, err
}

// putCorrupt adds to the batch the move of an entry to corrupt.
func putCorrupt(b *pebble.Batch, serial uint64, old, now *row) error {
	if old != nil {
		if err := b.Delete(indexKey(old.rec.State, old.rec.Due, serial), nil); err != nil {
			return err
		}
	}
	key := recordKey(serial)
	if err := b.Set(key, codec.AppendRecord(nil, key, &now.rec), nil); err != nil {
		return err
	}
	return b.Set(indexKey(queue.Corrupt, time.Time{}, serial), []byte(now.id), nil)
}

// findIndex returns the key under which an entry is listed, nil when it is not. That takes long
// for a deferred one; it is needed only for what is damaged.
func findIndex(db *pebble.DB, serial uint64) ([]byte, error) {
	for _, state := range []queue.State{queue.Incoming, queue.Hold, queue.Corrupt} {
		key := serialKey(indexPrefix(state), serial)
		_, closer, err := db.Get(key)
		if err == nil {
			return key, closer.Close()
		}
		if !errors.Is(err, pebble.ErrNotFound) {
			return nil, err
		}
	}
	it, err := db.NewIter(family(prefixDeferred))
	if err != nil {
		return nil, err
	}
	var found []byte
	for ok := it.First(); ok && found == nil; ok = it.Next() {
		if n, ok := indexSerial(it.Key()); ok && n == serial {
			found = bytes.Clone(it.Key())
		}
	}
	return found, errors.Join(it.Error(), it.Close())
}

// stateAt is the record that the key of an index speaks of.
func stateAt(key []byte) queue.Record {
	switch key[0] {
	case prefixDeferred:
		return queue.Record{State: queue.Deferred, Due: indexDue(key)}
	case prefixHold:
		return queue.Record{State: queue.Hold}
	case prefixCorrupt:
		return queue.Record{State: queue.Corrupt}
	}
	return queue.Record{State: queue.Incoming}
}
