package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/qid"
)

// repair copies the entries that can be read from a database with unreadable places to an empty
// one. What is listed but cannot be read becomes corrupt.
func (s *Store) repair(from, to *pebble.DB) error {
	r := &repairer{from: from, to: to, listed: map[uint64]*row{}}
	r.list()
	b := to.NewBatch()
	defer func() { _ = b.Close() }()
	for _, serial := range slices.Sorted(maps.Keys(r.listed)) {
		if err := r.copy(b, serial, r.listed[serial]); err != nil {
			return err
		}
		if b.Len() < repairBatch {
			continue
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return err
		}
		b.Reset()
	}
	if err := r.copyLimit(b, s.serials.next.Load()); err != nil {
		return err
	}
	s.log.Warn("queue repaired", "directory", s.opt.Dir, "entries", len(r.listed), "corrupt", r.corrupt)
	return b.Commit(pebble.NoSync)
}

const repairBatch = 1 << 20

// repairer is a repair under way.
type repairer struct {
	from, to *pebble.DB
	// listed are the entries to copy, with the state in which they are listed; nil for those
	// that are in no index.
	listed  map[uint64]*row
	corrupt int
}

// list finds the entries. While the indexes can be read, they are the truth: what else is found
// may be the rest of something removed. Where they cannot, all that is found is taken.
func (r *repairer) list() {
	holes := 0
	for _, state := range indexedStates() {
		holes += r.scan(indexPrefix(state), func(key, id []byte) {
			if serial, ok := indexSerial(key); ok {
				r.listed[serial] = &row{id: string(id), rec: stateAt(key)}
			}
		})
	}
	if holes == 0 {
		return
	}
	found := func(key, _ []byte) {
		if len(key) < itemLen {
			return
		}
		serial, _ := indexSerial(key[:itemLen])
		if _, ok := r.listed[serial]; !ok {
			r.listed[serial] = nil
		}
	}
	r.scan(prefixEntry, found)
	r.scan(prefixText, found)
}

// copy copies one entry. listed may be nil.
func (r *repairer) copy(b *pebble.Batch, serial uint64, listed *row) error {
	st, err := r.copyParts(b, serial)
	if err != nil {
		return err
	}
	if damage := r.copyText(b, serial); st.damage == "" {
		st.damage = damage
	}
	if st.none() {
		st.damage = "the envelope is lost"
	}
	now := st.row(nameOf(serial, &st, listed))
	if st.damage == "" && !st.hasRec && listed != nil && listed.rec.State != queue.Incoming {
		st.damage = "the record is lost"
	}
	if !st.damaged() {
		return b.Set(indexKey(now.rec.State, now.rec.Due, serial), []byte(now.id), nil)
	}
	r.corrupt++
	now.rec.State, now.rec.Reason = queue.Corrupt, st.damage
	return putCorrupt(b, serial, nil, now)
}

// nameOf finds the id of an entry; one that nothing tells is made up of the serial.
func nameOf(serial uint64, st *stored, listed *row) string {
	switch {
	case st.entry != nil:
		return st.entry.ID
	case listed != nil:
		return listed.id
	}
	return qid.Short(time.Unix(0, 0), serial)
}

// copyParts copies envelope, record and progress of an entry, as far as they can be read.
func (r *repairer) copyParts(b *pebble.Batch, serial uint64) (st stored, err error) {
	prefix := serialKey(prefixEntry, serial)
	it, err := r.from.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return st, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			break
		}
		if err := st.take(it.Key(), value); err != nil {
			st.damage = err.Error()
		}
		if err := b.Set(it.Key(), value, nil); err != nil {
			return st, errors.Join(err, it.Close())
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		st.damage = "part of the entry cannot be read: " + oneLine(err)
	}
	return st, nil
}

// copyText copies the text of an entry, or says why it cannot.
func (r *repairer) copyText(b *pebble.Batch, serial uint64) (damage string) {
	key := textKey(serial)
	value, closer, err := r.from.Get(key)
	if err != nil {
		return "the text cannot be read: " + oneLine(err)
	}
	err = b.Set(key, value, nil)
	if err = errors.Join(err, closer.Close()); err != nil {
		return "the text cannot be copied: " + oneLine(err)
	}
	return ""
}

// oneLine is the first line of what an error says; Pebble's have several.
func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// copyLimit records where serials go on: at the old limit, or if that is lost, well above all
// that is known.
func (r *repairer) copyLimit(b *pebble.Batch, next uint64) error {
	value, closer, err := r.from.Get(serialLimitKey())
	if err == nil {
		return errors.Join(b.Set(serialLimitKey(), value, nil), closer.Close())
	}
	for serial := range r.listed {
		next = max(next, serial)
	}
	return b.Set(serialLimitKey(), binary.BigEndian.AppendUint64(nil, next+serialBlock), nil)
}

// scan calls fn for all keys with a prefix that can be read, and returns how many places cannot.
func (r *repairer) scan(prefix byte, fn func(key, value []byte)) (holes int) {
	from, end := []byte{prefix}, []byte{prefix + 1}
	for from != nil {
		last, err := r.scanTo(from, end, fn)
		if err == nil {
			return holes
		}
		holes++
		from = r.behindHole(last, end)
	}
	return holes
}

// scanTo scans until the first place that cannot be read, and returns the last key before it.
func (r *repairer) scanTo(from, end []byte, fn func(key, value []byte)) (last []byte, err error) {
	last = from
	it, err := r.from.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return last, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return last, errors.Join(err, it.Close())
		}
		fn(it.Key(), value)
		last = bytes.Clone(it.Key())
	}
	return last, errors.Join(it.Error(), it.Close())
}

// behindHole returns a key behind the place after last that cannot be read, as near to it as can
// be told, nil when nothing can be read up to end. It takes the number in a key, a serial or a due
// time, and doubles its steps until it can read, then halves them to come back.
func (r *repairer) behindHole(last, end []byte) []byte {
	prefix := last[0]
	low := keyNumber(last)
	high, step := low, uint64(1)
	for ; ; step *= 2 {
		if high = low + step; high < low || step == 0 {
			return nil
		}
		if r.readable(serialKey(prefix, high), end) {
			break
		}
	}
	for low += step / 2; high-low > 1; {
		if middle := low + (high-low)/2; r.readable(serialKey(prefix, middle), end) {
			high = middle
		} else {
			low = middle
		}
	}
	return serialKey(prefix, high)
}

// keyNumber returns the number behind the first byte of a key, 0 when there is none.
func keyNumber(key []byte) uint64 {
	if len(key) < itemLen {
		return 0
	}
	return binary.BigEndian.Uint64(key[1:])
}

// readable says whether reading on at from succeeds, be it that nothing follows.
func (r *repairer) readable(from, end []byte) bool {
	it, err := r.from.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return false
	}
	if it.First() {
		_, err = it.ValueAndErr()
	}
	return errors.Join(err, it.Error(), it.Close()) == nil
}
