package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
	"github.com/mtad/mtad/queue/store/qid"
)

// stored is what the database has of one entry.
type stored struct {
	entry    *queue.Entry // nil when there is none, or it is damaged
	rec      queue.Record
	hasRec   bool
	progress []numbered
	// damage says what cannot be read, "" when all can.
	damage string
}

// numbered is the progress of the recipient with this number.
type numbered struct {
	recipient int
	progress  queue.Progress
}

func (st *stored) none() bool { return st.entry == nil && st.damage == "" }

// damaged says that damage was found which is not known yet.
func (st *stored) damaged() bool { return st.damage != "" && st.rec.State != queue.Corrupt }

// readStored reads all of an entry but its text. Damage to the database itself is the error;
// damage to what was written to it is said in stored.
func readStored(it *pebble.Iterator, serial uint64) (st stored, err error) {
	prefix := serialKey(prefixEntry, serial)
	end := after(prefix)
	for ok := it.SeekGE(prefix); ok && string(it.Key()) < string(end); ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return st, err
		}
		if err := st.take(it.Key(), value); err != nil {
			st.damage = err.Error()
		}
	}
	if err := it.Error(); err != nil {
		return st, err
	}
	if st.entry == nil && st.damage == "" && (st.hasRec || st.progress != nil) {
		st.damage = "the envelope is missing"
	}
	return st, nil
}

// take takes over one value.
func (st *stored) take(key, value []byte) (err error) {
	_, part, recipient, ok := entryPart(key)
	switch {
	case !ok:
		return fmt.Errorf("%w: unknown key %x", codec.ErrDamaged, key)
	case part == partEntry:
		if st.entry, err = codec.Entry(key, value); err != nil {
			st.entry = nil
			return fmt.Errorf("envelope: %w", err)
		}
	case part == partRecord:
		if st.rec, err = codec.Record(key, value); err != nil {
			return fmt.Errorf("record: %w", err)
		}
		st.hasRec = true
	default:
		p, err := codec.Progress(key, value)
		if err != nil {
			return fmt.Errorf("progress of recipient %d: %w", recipient, err)
		}
		st.progress = append(st.progress, numbered{recipient, p})
	}
	return nil
}

// record puts the record together, for n recipients.
func (st *stored) record(n int) *queue.Record {
	rec := st.onDisk()
	rec.Recipients = make([]queue.Progress, n)
	for _, p := range st.progress {
		if p.recipient < n {
			rec.Recipients[p.recipient] = p.progress
		}
	}
	return &rec
}

// onDisk is the record on the disk, without recipients: where none was written, the entry is
// incoming and nothing happened to it.
func (st *stored) onDisk() queue.Record {
	if st.hasRec {
		return st.rec
	}
	return queue.Record{State: queue.Incoming}
}

// row is what must be known in order to change the entry.
func (st *stored) row(id string) *row {
	r := &row{id: id, rec: st.onDisk(), plain: st.damage == "" && !st.hasRec && st.progress == nil}
	if st.entry != nil {
		r.recipients, r.size = len(st.entry.Recipients), st.entry.Size
	} else {
		r.size = maxInline + 1 // who knows
	}
	return r
}

// find returns the serial of an id, or ErrNotFound when there cannot be such an entry.
func (s *Store) find(id string) (uint64, error) {
	serial, ok := qid.Serial(id)
	if !ok || s.rows.hidden(serial) {
		return 0, queue.ErrNotFound
	}
	return serial, nil
}

// read reads what there is of an entry. An entry whose envelope is readable must have this id.
func (s *Store) read(id string, serial uint64) (st stored, err error) {
	err = s.ledger.Read(func(db *pebble.DB) error {
		prefix := serialKey(prefixEntry, serial)
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
		if err != nil {
			return err
		}
		st, err = readStored(it, serial)
		return errors.Join(err, it.Close())
	})
	if err == nil && (st.none() || st.entry != nil && st.entry.ID != id) {
		err = queue.ErrNotFound
	}
	return st, err
}

// readPlain reads an entry of which only the envelope was ever written.
func (s *Store) readPlain(id string, serial uint64) (st stored, err error) {
	err = s.ledger.Read(func(db *pebble.DB) error {
		key := entryKey(serial)
		value, closer, err := db.Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			return queue.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := st.take(key, value); err != nil {
			st.damage = err.Error()
		}
		return closer.Close()
	})
	if err == nil && st.entry != nil && st.entry.ID != id {
		err = queue.ErrNotFound
	}
	return st, err
}

// Load returns an entry and its record. An entry that turns out to be damaged is moved to
// corrupt, and the error wraps queue.ErrCorrupt. One that is corrupt already is returned as far
// as it can be read.
func (s *Store) Load(id string) (*queue.Entry, *queue.Record, error) {
	e, rec, err := s.load(id)
	if err != nil {
		return nil, nil, failed("Load", id, err)
	}
	return e, rec, nil
}

func (s *Store) load(id string) (*queue.Entry, *queue.Record, error) {
	serial, err := s.find(id)
	if err != nil {
		return nil, nil, err
	}
	defer s.lockEntry(serial)()
	var st stored
	if known, ok := s.rows.get(serial); ok && known.plain && known.id == id {
		st, err = s.readPlain(id, serial)
	} else {
		st, err = s.read(id, serial)
	}
	if err != nil {
		return nil, nil, err
	}
	if st.damaged() {
		_, err := s.spoilLocked(id, serial, st.damage)
		return nil, nil, err
	}
	s.rows.put(serial, st.row(id))
	e, rec := s.assemble(id, serial, &st)
	return e, rec, nil
}

// assemble makes entry and record of what was read.
func (s *Store) assemble(id string, serial uint64, st *stored) (*queue.Entry, *queue.Record) {
	e := st.entry
	if e == nil {
		e = &queue.Entry{Envelope: mail.Envelope{ID: id}}
	}
	rec := st.record(len(e.Recipients))
	rec.State = s.rows.stateOf(serial, rec.State)
	return e, rec
}
