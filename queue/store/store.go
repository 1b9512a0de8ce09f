package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	// sites says that there may be something in the index by site.
	sites atomic.Bool
	// changing serialises changes of one entry, by the low bits of its serial.
	changing [64]sync.Mutex

	stop    context.CancelFunc
	tasks   sync.WaitGroup
	closing sync.Once
}

var _ queue.Store = (*Store)(nil)

// Open opens the queue in o.Dir, or makes one. It fails when another process has it open, when
// a newer program wrote it, and when the disk does not let it; the error says so and names the
// directory. Close the store.
func Open(o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{opt: o, log: o.Log, rows: newRows()}
	s.serials.low = make(chan struct{}, 1)
	total := s.totalBytes()
	s.room.reserve = reserve(total)
	s.room.free.Store(math.MaxInt64) // until somebody has asked
	l, err := ledger.Open(ledger.Config{
		FS: o.FS, Dir: o.Dir, Format: int(FormatNewest), ReadOnly: o.ReadOnly, Log: o.Log,
		SyncAfter: o.SyncAfter, RetryAfter: o.RetryAfter, MemTable: memTable(total),
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
	if err := s.firstSerials(); err != nil {
		cancel()
		return err
	}
	first := s.serials.next.Load()
	s.tasks.Go(func() { s.sweep(ctx, first) })
	s.tasks.Go(func() { s.keepSerials(ctx) })
	return nil
}

// repairTime is how long Open waits for a database that turned out to be damaged as it opened:
// Pebble looks at tables in the background, and what it finds there is repaired there.
const repairTime = 30 * time.Second

// firstSerials is reserveSerials, waiting for a repair.
func (s *Store) firstSerials() error {
	wait := min(s.opt.RetryAfter, 100*time.Millisecond)
	for waited := wait; ; waited += wait {
		err := s.reserveSerials()
		if !errors.Is(err, ledger.ErrDown) || waited > repairTime {
			return err
		}
		time.Sleep(wait)
	}
}

// Close syncs and closes the queue. Texts and drafts must be closed or given up before; what is
// still called afterwards fails. To close again does nothing.
func (s *Store) Close() (err error) {
	s.closing.Do(func() { err = s.close() })
	return err
}

func (s *Store) close() error {
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

// totalBytes is the size of the file system of the directory, which need not be there yet; where
// there is no limit, it is math.MaxUint64.
func (s *Store) totalBytes() uint64 {
	for dir := s.opt.Dir; ; dir = s.opt.FS.PathDir(dir) {
		usage, err := s.opt.FS.GetDiskUsage(dir)
		if err == nil {
			return usage.TotalBytes
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == s.opt.FS.PathDir(dir) {
			return math.MaxUint64
		}
	}
}

// room remembers for a moment how much room there is, so that not every message asks.
type room struct {
	reserve int64
	asked   atomic.Int64 // Unix time in nanoseconds
	free    atomic.Int64 // what the answer was
	written atomic.Int64 // bytes of text since
}

const roomKnownFor = 100 * time.Millisecond

// left is an estimate of the free space. Text may take its length twice, in a log and a table.
func (r *room) left() int64 { return r.free.Load() - 2*r.written.Load() }

// checkRoom returns an error when nothing more is to be accepted (postconf(5) queue_minfree), and
// counts n bytes of text that are.
func (s *Store) checkRoom(n int) error {
	r := &s.room
	now := time.Now().UnixNano()
	if asked := r.asked.Load(); now-asked > int64(roomKnownFor) && r.asked.CompareAndSwap(asked, now) {
		free, err := s.ledger.FreeBytes()
		if err != nil {
			free = math.MaxInt64 // writing will tell
		}
		r.free.Store(free)
		r.written.Store(0)
	}
	r.written.Add(int64(n))
	switch left := r.left(); {
	case left < s.opt.MinFree:
		return noRoom().By("queue_minfree").Because(fmt.Errorf("%d bytes free in %s", left, s.opt.Dir))
	case left < r.reserve:
		return noRoom().Because(fmt.Errorf("%d bytes free in %s, the reserve is %d", left, s.opt.Dir, r.reserve))
	}
	return nil
}
