package queue

import (
	"context"
	"io"
	"time"

	"github.com/mtad/mtad/core/mail"
)

// Store keeps entries on stable storage. Safe for concurrent use, but changes to one entry come
// from its one owner. Errors are as the package documentation says.
type Store interface {
	// Begin starts a new entry. The draft must end in Commit or Abort.
	Begin(ctx context.Context) (Draft, error)
	// Load returns an entry and its record. It fails with ErrNotFound, or moves the entry
	// to corrupt (and says so in the error) when it cannot be read.
	Load(id string) (*Entry, *Record, error)
	// Open returns the text of an entry, header and body, in wire form. Close it. An entry
	// removed while its text is open stays readable until Close.
	Open(id string) (mail.Content, error)
	// Update records what changed about an entry: state, times and the progress of the
	// recipients named in changed (indexes; nil for none). Synced when the state is hold.
	Update(id string, r *Record, changed []int) error
	// Remove forgets an entry and its text.
	Remove(id string) error

	// Each calls fn for the entries in a state, deferred ones by due time, others by
	// arrival, until fn returns false; after is "" or the id of the last entry seen, to go on
	// from. It streams: neither all entries nor their records are in memory at once.
	Each(ctx context.Context, s State, after string, fn func(*Entry, *Record) bool) error
	// Due returns the ids of at most max deferred entries whose time has come, oldest due
	// first, and when the next one after those is due (zero when there is none). It reads
	// the due index only, never all entries.
	Due(now time.Time, max int) (ids []string, next time.Time, err error)
	// Waiting returns at most max ids of incoming and active entries after the id given, in
	// order of arrival: what a manager takes up at start. An active one that no manager has
	// is a stray: the manager before could not write it back.
	Waiting(after string, max int) (ids []string, err error)
	// NoteSites records that an entry waits for these sites, domains in lower case; Site calls
	// fn for the ids of the entries that were so noted, oldest first, until fn returns false.
	// Some of them may be gone. It reads an index only, never all entries.
	NoteSites(id string, sites []string) error
	Site(site string, fn func(id string) bool) error
	// Counts returns the number of entries per state. It does not scan.
	Counts() map[State]int
	// FreeBytes returns the room on the store's file system.
	FreeBytes() (int64, error)
	io.Closer
}

// Draft is an entry that is being written: text first, envelope at the commit. One goroutine
// uses it.
type Draft interface {
	// ID is the queue id the entry will have.
	ID() string
	// Write appends text; up to 64 KiB stay in memory, what is beyond goes to an uncommitted
	// file.
	io.Writer
	// Content is the text written so far, for random access. It is valid until Commit or
	// Abort and need not be closed.
	Content() mail.Content
	// Fork returns a draft of the same id with no text, to write another text for the
	// entry. Of the two, one is committed and the other aborted.
	Fork() Draft
	// Commit makes the entry durable in the given state (Incoming or Hold, with reason): the
	// message is head followed by what was written. It returns once both are synced; the
	// store keeps a copy of what it needs of env, whose ID it sets in the entry. The draft is
	// over in any case; on error nothing was kept.
	Commit(ctx context.Context, env *mail.Envelope, head []byte, s State, reason string) (*Entry, error)
	// Abort forgets what was written. It may be called after Commit and then does nothing.
	Abort()
}
