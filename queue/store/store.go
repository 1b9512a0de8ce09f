package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/bodyfile"
	"github.com/mtad/mtad/queue/store/ledger"
)

// Store keeps entries in a directory. Make one with Open.
type Store struct {
	opt     Options
	log     *slog.Logger
	ledger  *ledger.Ledger
	bodies  *bodyfile.Dir
	pool    pool
	rows    *rows
	serials serials
	places  places
	room    room
	// changing serialises changes of one entry, by the low bits of its serial.
	changing [64]sync.Mutex

	stop  context.CancelFunc
	tasks sync.WaitGroup
}

var _ queue.Store = (*Store)(nil)

// Open opens the queue in o.Dir, or makes one. It fails when another process has it open, when
// a newer program wrote it, and when the disk does not let it; the error says so and names the
// directory. Close the store.
func Open(o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{opt: o, log: o.Log, rows: newRows()}
	s.serials.low = make(chan struct{}, 1)
	s.room.reserve = s.reserve()
	l, err := ledger.Open(ledger.Config{
		FS: o.FS, Dir: o.Dir, Format: int(FormatNewest), ReadOnly: o.ReadOnly, Log: o.Log,
		SyncAfter: o.SyncAfter, RetryAfter: o.RetryAfter, Reserve: s.room.reserve,
		Ready: s.ready, Repair: s.repair, Tune: o.tune,
	})
	if err != nil {
		return nil, fmt.Errorf("store.Open: %w", err)
	}
	s.ledger = l
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("store.Open %s: %w", o.Dir, err), l.Close())
	}
	return s, nil
}

// start does what needs the lock of the directory.
func (s *Store) start() (err error) {
	if s.bodies, err = bodyfile.Open(s.opt.FS, s.opt.Dir, &s.pool.blocks, s.opt.ReadOnly); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	if s.opt.ReadOnly {
		return nil
	}
	if err := s.reserveSerials(); err != nil {
		cancel()
		return err
	}
	first := s.serials.next.Load()
	s.tasks.Go(func() { s.sweep(ctx, first) })
	s.tasks.Go(func() { s.keepSerials(ctx) })
	return nil
}

// Close syncs and closes the queue. Texts and drafts must be closed or given up before; what is
// still called afterwards fails.
func (s *Store) Close() error {
	s.stop()
	s.tasks.Wait()
	if !s.opt.ReadOnly {
		s.releaseSerials()
	}
	if err := s.ledger.Close(); err != nil {
		return failed("Close", s.opt.Dir, err)
	}
	return nil
}

// Counts returns the number of entries per state. It does not scan.
func (s *Store) Counts() map[queue.State]int { return s.rows.countAll() }

// FreeBytes returns the room on the store's file system; math.MaxInt64 where there is no limit.
func (s *Store) FreeBytes() (int64, error) {
	n, err := s.ledger.FreeBytes()
	return n, failed("FreeBytes", s.opt.Dir, err)
}

// reserve asks how much room the store wants to be left on its file system.
func (s *Store) reserve() int64 {
	usage, err := s.opt.FS.GetDiskUsage(s.opt.FS.PathDir(s.opt.Dir))
	if err != nil {
		return 0
	}
	return reserve(usage.TotalBytes)
}

// room remembers for a moment how much room there is, so that not every message asks.
type room struct {
	reserve int64
	asked   atomic.Int64 // Unix time in nanoseconds
	free    atomic.Int64
}

const roomKnownFor = 100 * time.Millisecond

// checkRoom returns an error when nothing more is to be accepted (postconf(5) queue_minfree).
func (s *Store) checkRoom() error {
	now := time.Now().UnixNano()
	if asked := s.room.asked.Load(); now-asked > int64(roomKnownFor) && s.room.asked.CompareAndSwap(asked, now) {
		free, err := s.ledger.FreeBytes()
		if err != nil {
			free = math.MaxInt64 // writing will tell
		}
		s.room.free.Store(free)
	}
	switch free := s.room.free.Load(); {
	case free < s.opt.MinFree:
		return noRoom().By("queue_minfree").Because(fmt.Errorf("%d bytes free in %s", free, s.opt.Dir))
	case free < s.room.reserve:
		return noRoom().Because(fmt.Errorf("%d bytes free in %s, the reserve is %d", free, s.opt.Dir, s.room.reserve))
	}
	return nil
}
