package ledger

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The errors of the ledger itself.
var (
	// ErrDown says that there is no working database at the moment.
	ErrDown = errors.New("the queue database is not available")
	// ErrInUse says that another process, or another ledger of this one, has the directory.
	ErrInUse = errors.New("in use by another process")
	// ErrFormat says that the directory was written in a format this program does not know.
	ErrFormat = errors.New("unknown format")
	// ErrManifest says that the list of the database's tables is damaged. It cannot be
	// repaired here, and to go on would lose tables.
	ErrManifest = errors.New("the manifest is damaged")
	// ErrReadOnly says that the ledger was opened for reading only.
	ErrReadOnly = errors.New("opened for reading only")
)

// Config says what a ledger works on. All but ReadOnly and Tune must be set.
type Config struct {
	FS  vfs.FS
	Dir string
	// Format is the newest format of the directory that the caller knows; ≥ 1.
	Format int
	// ReadOnly opens for reading only; nothing on the disk changes, so damage is not
	// repaired.
	ReadOnly bool
	Log      *slog.Logger
	// SyncAfter is how long a change that Note took may wait for a sync; > 0.
	SyncAfter time.Duration
	// RetryAfter is how long to wait before an instance that failed is replaced; it doubles
	// with every attempt that fails, up to a minute; > 0.
	RetryAfter time.Duration
	// MemTable is how many bytes of changes the database gathers in memory before it writes
	// a table; > 0. It takes up to four of them, and wants twice that room on the disk.
	MemTable int64
	// Ready is called with a database of which this process knows nothing yet, before anybody
	// else uses it: the first one, and each that was repaired. It may write to it.
	Ready func(db *pebble.DB) error
	// Repair copies what can be read of from, parts of which are damaged, to the empty
	// database to.
	Repair func(from, to *pebble.DB) error
	// Tune changes Pebble's options, for tests; may be nil.
	Tune func(*pebble.Options)
}

// The limits of what Note may keep in memory: with a working disk, before it syncs by itself;
// without one, before it fails.
const (
	redoChanges     = 4096
	redoBytes       = 1 << 20
	redoDownChanges = 1 << 18
	redoDownBytes   = 64 << 20
)

const longestRetry = time.Minute
