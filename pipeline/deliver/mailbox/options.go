package mailbox

import (
	"fmt"
	"strings"
	"time"
)

// Options say how mailboxes are written.
type Options struct {
	// Hostname stands in the names of Maildir files (myhostname).
	Hostname string
	// SizeLimit is the most bytes an mbox file or a Maildir message may have; 0: no limit
	// (mailbox_size_limit, virtual_mailbox_limit).
	SizeLimit int64
	// Locks are taken on mbox files beside the lock that this process takes on its own
	// (mailbox_delivery_lock, virtual_mailbox_lock).
	Locks Locks
	// LockAttempts is how often a lock is tried, 20 when 0 (deliver_lock_attempts), and
	// LockDelay the time between, 1 s when 0 (deliver_lock_delay).
	LockAttempts int
	LockDelay    time.Duration
	// StaleLock is the age at which a dotlock is taken for forgotten and removed, 500 s when
	// 0 (stale_lock_time).
	StaleLock time.Duration
	// StrictOwner demands that an mbox belongs to its recipient or to this process
	// (strict_mailbox_ownership).
	StrictOwner bool
	// Create says which missing directories a delivery makes.
	Create Create
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Create says which missing directories a delivery makes, each with mode 0700.
type Create uint8

// CreateBelow makes what is missing below the base, which must exist; CreateSubdirs only cur, new
// and tmp of a Maildir that exists; CreateAll the base as well.
const (
	CreateBelow Create = iota
	CreateSubdirs
	CreateAll
)

// Locks is a set of ways to lock an mbox file against other programs.
type Locks uint8

// The ways. DefaultLocks is what Postfix uses on Linux.
const (
	LockFcntl Locks = 1 << iota
	LockFlock
	LockDotlock

	DefaultLocks = LockFcntl | LockDotlock
)

// ParseLocks reads the value of mailbox_delivery_lock: names with commas or white space between,
// none of them meaning no lock.
func ParseLocks(value string) (Locks, error) {
	var l Locks
	for _, name := range strings.FieldsFunc(value, listSeparator) {
		switch strings.ToLower(name) {
		case "fcntl":
			l |= LockFcntl
		case "flock":
			l |= LockFlock
		case "dotlock":
			l |= LockDotlock
		default:
			return 0, fmt.Errorf("unknown mailbox lock %q: use fcntl, flock, dotlock", name)
		}
	}
	return l, nil
}

func listSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }

func (o Options) withDefaults() Options {
	if o.LockAttempts <= 0 {
		o.LockAttempts = 20
	}
	if o.LockDelay <= 0 {
		o.LockDelay = time.Second
	}
	if o.StaleLock <= 0 {
		o.StaleLock = 500 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Hostname = fileHost(o.Hostname)
	return o
}

// fileHost makes a host name fit for a file name: "/" and ":" are written in octal, as the
// Maildir convention has it.
func fileHost(host string) string {
	if host == "" {
		return "localhost"
	}
	return strings.NewReplacer("/", `\057`, ":", `\072`, "\x00", "").Replace(host)
}
