package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/queue/store/qid"
)

// firstSerial is where a new queue begins, so that its ids are no shorter than the tools that
// read Postfix's logs expect.
const firstSerial = 0x10000

// serialBlock is how many serials are reserved at a time.
const serialBlock = 1 << 16

// serials gives out serials. Invariant: a serial below limit was reserved durably, and only such
// are given out, so none comes twice, whatever happens.
type serials struct {
	next, limit atomic.Uint64
	// low wakes the task that reserves more.
	low chan struct{}
	mu  sync.Mutex // one reserves at a time
}

// newID gives out a serial and its id.
func (s *Store) newID() (serial uint64, id string, err error) {
	serial = s.serials.next.Add(1) - 1
	limit := s.serials.limit.Load()
	if serial+serialBlock/2 >= limit {
		select {
		case s.serials.low <- struct{}{}:
		default:
		}
	}
	for serial >= s.serials.limit.Load() {
		if err := s.reserveSerials(); err != nil {
			return 0, "", err
		}
	}
	if s.opt.LongIDs {
		return serial, qid.Long(s.opt.Now(), serial), nil
	}
	return serial, qid.Short(s.opt.Now(), serial), nil
}

// reserveSerials raises the limit, so that half a block is left at least.
func (s *Store) reserveSerials() error {
	s.serials.mu.Lock()
	defer s.serials.mu.Unlock()
	limit := s.serials.next.Load() + serialBlock
	if s.serials.limit.Load()+serialBlock/2 >= limit {
		return nil
	}
	if err := s.recordLimit(limit); err != nil {
		return err
	}
	s.serials.limit.Store(limit)
	return nil
}

func (s *Store) recordLimit(limit uint64) error {
	if err := s.ledger.Writable(); err != nil {
		return err
	}
	err := s.ledger.Note(func(b *pebble.Batch) error {
		return b.Set(serialLimitKey(), binary.BigEndian.AppendUint64(nil, limit), nil)
	}, nil)
	if err != nil {
		return err
	}
	return s.ledger.Sync()
}

// keepSerials reserves serials before they are needed.
func (s *Store) keepSerials(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.serials.low:
			// When it fails, who needs a serial beyond the limit will hear of it.
			_ = s.reserveSerials()
		}
	}
}

// releaseSerials gives back at the end what was reserved and not given out.
func (s *Store) releaseSerials() {
	s.serials.mu.Lock()
	defer s.serials.mu.Unlock()
	if next := s.serials.next.Load(); next < s.serials.limit.Load() {
		// If it fails, some serials are never used.
		_ = s.recordLimit(next)
	}
}

// loadSerials finds where serials go on: at the recorded limit, and above all that are there.
func (s *Store) loadSerials(db *pebble.DB) error {
	next := max(uint64(firstSerial), s.serials.next.Load())
	value, closer, err := db.Get(serialLimitKey())
	switch {
	case err == nil:
		if len(value) != 8 {
			_ = closer.Close()
			return fmt.Errorf("the limit of serials has %d bytes", len(value))
		}
		next = max(next, binary.BigEndian.Uint64(value))
		err = closer.Close()
	case errors.Is(err, pebble.ErrNotFound):
		err = nil
	}
	if err != nil {
		return err
	}
	last, err := lastSerial(db)
	s.serials.next.Store(max(next, last+1))
	return err
}

// lastSerial returns the highest serial of an entry, 0 when there is none.
func lastSerial(db *pebble.DB) (serial uint64, err error) {
	it, err := db.NewIter(family(prefixEntry))
	if err != nil {
		return 0, err
	}
	if it.Last() {
		serial, _, _, _ = entryPart(it.Key())
	}
	return serial, errors.Join(it.Error(), it.Close())
}

// family are the bounds of all keys that begin with prefix.
func family(prefix byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}}
}
