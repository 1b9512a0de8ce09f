package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
)

// lockEntry keeps others from changing the entry; call what it returns.
func (s *Store) lockEntry(serial uint64) func() {
	mu := s.entryLock(serial)
	mu.Lock()
	return mu.Unlock
}

func (s *Store) entryLock(serial uint64) *sync.Mutex {
	return &s.changing[serial%uint64(len(s.changing))]
}

// Update records what changed about an entry, in time proportional to changed. To become active
// is not recorded on the disk, but what else changed is. Update fails, wrapping queue.ErrCorrupt,
// for an entry that is corrupt. When a hold fails for the disk, the entry may be on hold.
func (s *Store) Update(id string, r *queue.Record, changed []int) error {
	return failed("Update", id, s.update(id, r, changed))
}

func (s *Store) update(id string, r *queue.Record, changed []int) error {
	serial, err := s.find(id)
	if err != nil {
		return err
	}
	defer s.lockEntry(serial)()
	old, err := s.row(id, serial)
	if err != nil {
		return err
	}
	if old.rec.State == queue.Corrupt {
		return corrupt(id, old.rec.Reason)
	}
	if err := checkUpdate(r, changed, old); err != nil {
		return err
	}
	return s.record(serial, old, r, changed)
}

// record writes an update and takes it over. Invariant: rows say what the redo list says, so
// they change once Note took the update, whatever becomes of the sync.
func (s *Store) record(serial uint64, old *row, r *queue.Record, changed []int) error {
	now, hold := old.updated(r), r.State == queue.Hold
	if hold {
		if err := s.ledger.Writable(); err != nil {
			return err
		}
	}
	if len(changed) > 0 || !sameRecord(&now.rec, &old.rec) {
		err := s.ledger.Note(func(b *pebble.Batch) error { return putUpdate(b, serial, old, now, r, changed) }, nil)
		if err != nil {
			return err
		}
	} else {
		now = old
	}
	s.rows.change(serial, old, now, r.State == queue.Active)
	if hold {
		return s.ledger.Sync()
	}
	return nil
}

func checkUpdate(r *queue.Record, changed []int, old *row) error {
	if r.State < queue.Incoming || r.State > queue.Corrupt {
		return fmt.Errorf("unknown state %d", r.State)
	}
	for _, i := range changed {
		if i < 0 || i >= len(r.Recipients) || i >= old.recipients {
			return fmt.Errorf("recipient %d of %d changed", i, old.recipients)
		}
	}
	return nil
}

// updated returns the row after an update. An active entry stays on the disk what it was.
func (old *row) updated(r *queue.Record) *row {
	now := *old
	now.plain = false
	now.rec = *r
	now.rec.Recipients = nil
	if r.State == queue.Active {
		now.rec.State, now.rec.Due, now.rec.Reason = old.rec.State, old.rec.Due, old.rec.Reason
	}
	return &now
}

func sameRecord(a, b *queue.Record) bool {
	return a.State == b.State && a.Due.Equal(b.Due) && a.Reason == b.Reason &&
		a.Attempts == b.Attempts && a.Warned == b.Warned && a.Expire == b.Expire
}

// putUpdate adds to the batch what an update changes.
func putUpdate(b *pebble.Batch, serial uint64, old, now *row, r *queue.Record, changed []int) error {
	from := indexKey(old.rec.State, old.rec.Due, serial)
	to := indexKey(now.rec.State, now.rec.Due, serial)
	if string(from) != string(to) {
		if err := b.Delete(from, nil); err != nil {
			return err
		}
		if err := b.Set(to, []byte(now.id), nil); err != nil {
			return err
		}
	}
	var buf [256]byte
	key := recordKey(serial)
	if err := b.Set(key, codec.AppendRecord(buf[:0], key, &now.rec), nil); err != nil {
		return err
	}
	for _, i := range changed {
		key := progressKey(serial, i)
		if err := b.Set(key, codec.AppendProgress(buf[:0], key, &r.Recipients[i]), nil); err != nil {
			return err
		}
	}
	return nil
}

// Remove forgets an entry and its text. Texts that are open stay readable.
func (s *Store) Remove(id string) error {
	return failed("Remove", id, s.remove(id))
}

func (s *Store) remove(id string) error {
	serial, err := s.find(id)
	if err != nil {
		return err
	}
	defer s.lockEntry(serial)()
	old, err := s.row(id, serial)
	if old == nil || err != nil && !errors.Is(err, queue.ErrCorrupt) {
		return err
	}
	// Invariant: a body file is removed only when the removal of its entry is synced, for an
	// entry without its body would come back as corrupt.
	var then func()
	if old.size > maxInline {
		then = func() { s.removeBody(serial, id) }
	}
	sites := s.siteKeys(id, serial, old)
	if err := s.ledger.Note(func(b *pebble.Batch) error { return deleteEntry(b, serial, old, sites) }, then); err != nil {
		return err
	}
	s.rows.remove(serial, old)
	return nil
}

// removeBody removes the body file of an entry that is gone, if there is one.
func (s *Store) removeBody(serial uint64, id string) {
	if err := s.bodies.Remove(serial); err != nil {
		s.log.Warn("a body file stays until the next start", "qid", id, "err", err)
	}
}

// fewRecipients is up to how many recipients are deleted one by one; deleting a range costs every
// reader that passes it.
const fewRecipients = 16

// deleteEntry adds to the batch the deletion of all that there is of an entry in the database; sites
// are its keys in the index by site.
func deleteEntry(b *pebble.Batch, serial uint64, r *row, sites [][]byte) error {
	keys := append(sites, textKey(serial), indexKey(r.rec.State, r.rec.Due, serial))
	if r.recipients > fewRecipients && !r.plain || r.rec.State == queue.Corrupt {
		prefix := serialKey(prefixEntry, serial)
		if err := b.DeleteRange(prefix, after(prefix), nil); err != nil {
			return err
		}
	} else {
		keys = append(keys, entryKey(serial))
		if !r.plain {
			keys = append(keys, recordKey(serial))
			for i := range r.recipients {
				keys = append(keys, progressKey(serial, i))
			}
		}
	}
	for _, key := range keys {
		if err := b.Delete(key, nil); err != nil {
			return err
		}
	}
	return nil
}
