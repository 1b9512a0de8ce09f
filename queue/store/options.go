package store

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options says where and how a store keeps its entries. Only Dir must be set.
type Options struct {
	// Dir is the directory of the queue; it is made, for its owner only, when it is not
	// there (postconf(5) queue_directory).
	Dir string
	// FS is the disk that Dir is on; nil is the computer's own. See MemDisk.
	FS vfs.FS
	// LongIDs asks for queue ids that never come again (postconf(5)
	// enable_long_queue_ids). Ours never come again either way; only the look differs.
	LongIDs bool
	// MinFree is the free space in bytes below which nothing is accepted (postconf(5)
	// queue_minfree). Zero leaves only the store's own reserve, which keeps the database
	// working: 128 MiB, on file systems below 1 GiB an eighth of them.
	MinFree int64
	// ReadOnly opens an existing queue for reading only, for tools while the daemon is
	// stopped. Whatever would change something fails.
	ReadOnly bool
	// Log is where the store reports trouble; nil is nowhere.
	Log *slog.Logger
	// Now is the clock for queue ids; nil is time.Now.
	Now func() time.Time
	// SyncAfter is how long progress and removals may wait for a sync; zero is 0.1 s. A power
	// cut, or a kill, repeats at most that much work.
	SyncAfter time.Duration
	// RetryAfter is how long the store waits, at first, before it tries to work again after
	// the disk failed; zero is 1 s.
	RetryAfter time.Duration

	// tune changes Pebble's options, for tests.
	tune func(*pebble.Options)
}

// MemDisk returns a new disk in memory for Options.FS: for tests of rooms that need a store.
func MemDisk() vfs.FS { return vfs.NewMem() }

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SyncAfter <= 0 {
		o.SyncAfter = time.Second / 10
	}
	if o.RetryAfter <= 0 {
		o.RetryAfter = time.Second
	}
}

// The sizes of the database in memory, in bytes; see RATIONALE.md.
const (
	smallestMemTable = 1 << 20
	largestMemTable  = 16 << 20
)

// memTable is the size of one memtable of a queue on a file system of total bytes.
func memTable(total uint64) int64 {
	return int64(min(max(total/64, smallestMemTable), largestMemTable))
}

// reserve is the free space that the store wants to be left on such a file system: enough to
// write all memtables, and the log of as many again.
func reserve(total uint64) int64 {
	return min(8*memTable(total), int64(min(total/8, largestMemTable*8)))
}
