package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// The sizes of an instance; see RATIONALE.md of package store for the measurements.
const (
	memTables = 4
	// cacheTables is the size of the cache in memtables, which are taken off it.
	cacheTables = 4
	// blockBytes is what one flipped bit of a table takes with it at least, and what a read of
	// one envelope reads.
	blockBytes = 4 << 10
	// indexBytes lets every table have an index of one block: to read two costs more.
	indexBytes = 256 << 10
	openFiles  = 500
)

// instance is one opened database behind its fence.
type instance struct {
	db    *pebble.DB
	fence *fence
}

// failure returns why the instance cannot go on, or nil.
func (in *instance) failure() *failure { return in.fence.failed.Load() }

// openInstance opens the database in dir. When that fails, what it returns is closed, and serves
// to tell what was tried.
func (c *Config) openInstance(dir string, onFail func(), set func(*pebble.Options)) (*instance, error) {
	f := &fence{FS: c.FS, onFail: onFail, spare: spare{
		log: c.Log, room: memTables*c.MemTable + c.tableBytes(), closing: make(chan struct{}),
	}}
	o := c.options(f)
	if set != nil {
		set(o)
	}
	db, err := pebble.Open(dir, o)
	in := &instance{db: db, fence: f}
	if failed := in.failure(); failed != nil {
		in.close(c.Log)
		return in, failed.err
	}
	return in, plain(err)
}

// close closes the database. What an instance that failed says on its way out does not matter.
//
// Invariant: when the fence is drained, nothing that an instance which failed still does can
// reach the disk.
func (in *instance) close(log *slog.Logger) {
	if in.failure() != nil {
		in.fence.drain()
	}
	if in.db != nil {
		close(in.fence.spare.closing)
		if err := in.db.Close(); err != nil && in.failure() == nil {
			log.Warn("closing the queue database", "err", plain(err))
		}
	}
	if in.failure() != nil {
		in.fence.removeUnlisted()
	}
}

// tableBytes is the size of a table: what damage to its index takes with it.
func (c *Config) tableBytes() int64 { return c.MemTable / 2 }

func (c *Config) options(f *fence) *pebble.Options {
	l := &pebbleLog{log: c.Log, fence: f}
	o := &pebble.Options{
		FS:                          f,
		ReadOnly:                    c.ReadOnly,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		CacheSize:                   cacheTables * c.MemTable,
		MaxOpenFiles:                openFiles,
		MemTableSize:                uint64(c.MemTable),
		MemTableStopWritesThreshold: memTables,
		// A backlog must never stop the mail: levels may wait, writers may not.
		L0CompactionThreshold:      4,
		L0StopWritesThreshold:      1 << 10,
		LBaseMaxBytes:              256 << 20,
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 2 },
		Logger:                     l,
		EventListener: &pebble.EventListener{
			BackgroundError: l.backgroundError,
			DataCorruption:  l.dataCorruption,
			WriteStallBegin: l.writeStall,
		},
	}
	for i := range o.Levels {
		o.TargetFileSizes[i] = c.tableBytes()
		o.Levels[i].BlockSize = blockBytes
		o.Levels[i].IndexBlockSize = indexBytes
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if c.Tune != nil {
		c.Tune(o)
	}
	return o
}

// pebbleLog hears what Pebble has to say.
type pebbleLog struct {
	log   *slog.Logger
	fence *fence
}

var _ pebble.Logger = (*pebbleLog)(nil)

// Infof logs what only we want to know.
func (l *pebbleLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("queue database", "event", fmt.Sprintf(format, args...))
	}
}

// Errorf logs trouble that Pebble gets over.
func (l *pebbleLog) Errorf(format string, args ...any) {
	if l.fence.failed.Load() == nil {
		l.log.Warn("queue database", "event", fmt.Sprintf(format, args...))
	}
}

// Fatalf ends the instance, not the process. It may return: nothing that the instance still does
// reaches the disk, and nobody believes it.
func (l *pebbleLog) Fatalf(format string, args ...any) {
	l.fence.fail(failure{err: fmt.Errorf("queue database: "+format, args...)})
}

// backgroundError hears that a flush or compaction failed. Unless it is one that we passed on, it
// could not read; Pebble would try again at once and for ever.
func (l *pebbleLog) backgroundError(err error) {
	if isSpare(err) || errors.Is(err, pebble.ErrCancelledCompaction) || errors.Is(err, pebble.ErrClosed) {
		return
	}
	damage := isDamage(err)
	l.fence.fail(failure{err: fmt.Errorf("queue database in the background: %w", err), damage: damage, read: !damage})
}

func (l *pebbleLog) dataCorruption(info pebble.DataCorruptionInfo) {
	if l.fence.failed.Load() == nil {
		l.log.Error("queue database is damaged", "file", info.Path, "err", plain(info.Details))
	}
}

func (l *pebbleLog) writeStall(info pebble.WriteStallBeginInfo) {
	l.log.Warn("queue database is behind, mail waits", "reason", info.Reason)
}

// isDamage says that what is on the disk is wrong: it is not what was written, or not there. That it
// could not be read is no damage, though Pebble calls some of that corruption, too.
func isDamage(err error) bool {
	return !isDisk(err) && (pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist))
}

// isDisk says that the disk did not do what was asked: it is full, failing or forbidden.
func isDisk(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist)
}

// noConsistencyCheck opens what a database with damaged or missing tables still has, for reading.
func noConsistencyCheck(o *pebble.Options) {
	o.ReadOnly = true
	o.DisableConsistencyCheck = true
	o.ErrorIfNotExists = true
	// A repair meets the damage at every step, and it is known.
	o.EventListener.DataCorruption = func(pebble.DataCorruptionInfo) {}
}
