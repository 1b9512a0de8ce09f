package queue

import (
	"errors"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// ErrNotFound says that no entry has this id.
var ErrNotFound = errors.New("no such queue entry")

// ErrCorrupt says that an entry is in state corrupt: it failed its checksum, now or before.
var ErrCorrupt = errors.New("queue entry is corrupt")

// State is where a queued message is in its life; see the table in the package documentation.
type State uint8

// The states.
const (
	Incoming State = iota + 1
	Active
	Deferred
	Hold
	Corrupt
)

// String returns the name that Postfix gives the state's queue.
func (s State) String() string {
	switch s {
	case Incoming:
		return "incoming"
	case Active:
		return "active"
	case Deferred:
		return "deferred"
	case Hold:
		return "hold"
	case Corrupt:
		return "corrupt"
	}
	return "unknown"
}

// Entry is one accepted message without its text. It is immutable: share it, do not change it.
type Entry struct {
	mail.Envelope
	// Size is the length of the text in bytes, header included.
	Size int64
}

// Outcome is what became of a recipient in a delivery attempt.
type Outcome uint8

// The outcomes. Pending: not tried yet. Sent also stands for relayed and delivered to a file or
// command; Expanded for a recipient that was replaced by others in a new entry.
const (
	Pending Outcome = iota
	Sent
	Deferred4 // deferred: try again later
	Bounced
	Expanded
)

// String returns the word of the log line ("status=…").
func (o Outcome) String() string {
	switch o {
	case Sent, Expanded:
		return "sent"
	case Deferred4:
		return "deferred"
	case Bounced:
		return "bounced"
	}
	return "pending"
}

// Done reports whether the recipient needs no further attempt.
func (o Outcome) Done() bool { return o == Sent || o == Bounced || o == Expanded }

// Record is what changes about an entry.
type Record struct {
	State State
	// Due is when the next attempt is wanted (deferred).
	Due time.Time
	// Reason says why it is on hold or corrupt.
	Reason string
	// Attempts counts the delivery attempts so far.
	Attempts int
	// Warned is set once a delay notice was sent.
	Warned bool
	// Expire is set when an admin wants it returned at the next attempt (postsuper -e).
	Expire bool
	// Recipients has one element per recipient of the envelope, in its order.
	Recipients []Progress
}

// Progress is the state of one recipient.
type Progress struct {
	Outcome Outcome
	// Reply is the last reply (zero while pending), Relay who gave it ("host[addr]:port",
	// "local", "none").
	Reply status.Reply
	Relay string
	At    time.Time
	// Owed says that it was sent, and that the sender is to be told of that still: the entry
	// stays until the notice is committed.
	Owed bool
}

// Pending returns the indexes of the recipients that are not done.
func (r *Record) Pending() []int {
	var idx []int
	for i := range r.Recipients {
		if !r.Recipients[i].Outcome.Done() {
			idx = append(idx, i)
		}
	}
	return idx
}
