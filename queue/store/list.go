package store

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/qid"
)

// listChunk is how many entries are read at a time while listing: nothing of the database is held
// while the caller looks at them.
const listChunk = 128

// item is an entry in an index, or among the active ones (then key is nil).
type item struct {
	serial uint64
	key    []byte
	id     string
}

// Each calls fn for the entries in a state, deferred ones by due time, others by arrival, until fn
// returns false. The order of arrival is that of Begin. after may be the id of an entry that is
// gone or has changed its state since fn saw it, as long as it was among the last 64 at which a
// listing ended; otherwise a deferred one must still be there. fn may change entries; who comes to
// or leaves the state while Each runs may be seen or not.
func (s *Store) Each(ctx context.Context, state queue.State, after string, fn func(*queue.Entry, *queue.Record) bool) error {
	return failed("Each", after, s.each(ctx, state, after, fn))
}

func (s *Store) each(ctx context.Context, state queue.State, after string, fn func(*queue.Entry, *queue.Record) bool) error {
	last, err := s.place(state, after)
	if err != nil {
		return err
	}
	if state == queue.Active {
		return s.eachActive(ctx, last.serial, fn)
	}
	for {
		items, err := s.nextItems(state, last.key)
		if err != nil || len(items) == 0 {
			return err
		}
		if stop, err := s.show(ctx, state, items, fn); stop || err != nil {
			return err
		}
		last = items[len(items)-1]
	}
}

func (s *Store) eachActive(ctx context.Context, after uint64, fn func(*queue.Entry, *queue.Record) bool) error {
	for items := range slices.Chunk(s.rows.activeAfter(after), listChunk) {
		if stop, err := s.show(ctx, queue.Active, items, fn); stop || err != nil {
			return err
		}
	}
	return nil
}

// place finds where to go on after an id.
func (s *Store) place(state queue.State, after string) (item, error) {
	if after == "" {
		return item{}, nil
	}
	serial, ok := qid.Serial(after)
	if !ok {
		return item{}, queue.ErrNotFound
	}
	if state != queue.Deferred {
		return item{serial: serial, key: serialKey(indexPrefix(state), serial)}, nil
	}
	if key := s.places.get(serial); key != nil {
		return item{serial: serial, key: key}, nil
	}
	defer s.lockEntry(serial)()
	row, err := s.row(after, serial)
	if err == nil && row.rec.State != queue.Deferred {
		err = queue.ErrNotFound
	}
	if err != nil {
		return item{}, err
	}
	return item{serial: serial, key: dueKey(row.rec.Due, serial)}, nil
}

// nextItems returns the items of an index behind the key last, at most listChunk.
func (s *Store) nextItems(state queue.State, last []byte) (items []item, err error) {
	bounds := family(indexPrefix(state))
	if last != nil {
		bounds.LowerBound = append(slices.Clone(last), 0)
	}
	err = s.scanIndex(bounds, func(key, id []byte) bool {
		if serial, ok := indexSerial(key); ok {
			items = append(items, item{serial: serial, key: slices.Clone(key), id: string(id)})
		}
		return len(items) < listChunk
	})
	return items, err
}

// seen is an entry as it was read for a listing.
type seen struct {
	item
	stored
}

// show reads the items and calls fn for those that are there, in that state and whole.
func (s *Store) show(ctx context.Context, state queue.State, items []item, fn func(*queue.Entry, *queue.Record) bool) (stop bool, err error) {
	if err := ctx.Err(); err != nil {
		return true, err
	}
	all, err := s.readItems(items)
	if err != nil {
		return false, err
	}
	for i := range all {
		it := &all[i]
		if it.none() || s.rows.hidden(it.serial) {
			continue
		}
		if it.damaged() {
			if err := s.spoil(it.id, it.serial, it.damage); !errors.Is(err, queue.ErrCorrupt) {
				return true, err
			}
			continue
		}
		e, rec := s.assemble(it.id, it.serial, &it.stored)
		if rec.State != state {
			continue
		}
		if !fn(e, rec) {
			if state == queue.Deferred {
				s.places.put(it.serial, it.key)
			}
			return true, nil
		}
	}
	return false, nil
}

// readItems reads the entries of the items with one iterator.
func (s *Store) readItems(items []item) (all []seen, err error) {
	err = s.ledger.Read(func(db *pebble.DB) error {
		it, err := db.NewIter(family(prefixEntry))
		if err != nil {
			return err
		}
		for _, item := range items {
			st, err := readStored(it, item.serial)
			if err != nil {
				return errors.Join(err, it.Close())
			}
			all = append(all, seen{item, st})
		}
		return it.Close()
	})
	return all, err
}

// Waiting returns at most most ids of incoming and active entries after the id given, in order of arrival.
// That id need not be in the queue any more.
func (s *Store) Waiting(after string, most int) (ids []string, err error) {
	last, err := s.place(queue.Incoming, after)
	if err != nil {
		return nil, failed("Waiting", after, err)
	}
	bounds := family(prefixIncoming)
	if last.key != nil {
		bounds.LowerBound = append(last.key, 0)
	}
	err = s.scanIndex(bounds, func(key, id []byte) bool {
		if serial, ok := indexSerial(key); ok && len(ids) < most && s.rows.shown(serial) {
			ids = append(ids, string(id))
		}
		return len(ids) < most
	})
	if err != nil {
		return nil, failed("Waiting", after, err)
	}
	return ids, nil
}

// places remembers at which keys of the index of deferred entries the last listings ended, so
// that the next call can go on there even if the entry has left.
type places struct {
	mu   sync.Mutex // guards all below
	keys [64]item
	next int
}

func (p *places) put(serial uint64, key []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[p.next] = item{serial: serial, key: key}
	p.next = (p.next + 1) % len(p.keys)
}

// get returns the latest key for a serial, nil when none is remembered.
func (p *places) get(serial uint64) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.keys {
		k := &p.keys[(p.next+len(p.keys)-1-i)%len(p.keys)]
		if k.serial == serial && k.key != nil {
			return k.key
		}
	}
	return nil
}
