package ctl

import (
	"context"
	"slices"

	"github.com/mtad/mtad/queue"
)

// Action is what can be done to entries on hold, in the queue, or wherever Queues says.
type Action string

// The actions, with the letters of postsuper(1).
const (
	Delete  Action = "delete"  // -d: remove, without a notice
	Hold    Action = "hold"    // -h: put on hold
	Release Action = "release" // -H: from hold to deferred, due at once
	Requeue Action = "requeue" // -r: pass the door again, with a new id
	Expire  Action = "expire"  // -e: return to the sender at the next attempt
	Free    Action = "free"    // -f: expire, and release what is on hold
)

// RequeueReason is why an entry is on hold that is being requeued. A tool that has the queue of a
// stopped daemon marks entries so; the daemon requeues them when it starts.
const RequeueReason = "being requeued"

// Actions returns all actions.
func Actions() []Action { return []Action{Delete, Hold, Release, Requeue, Expire, Free} }

// Queues returns the queues in which an action looks for entries, if it is not told.
func (a Action) Queues() []string {
	switch a {
	case Hold:
		return []string{"incoming", "active", "deferred"}
	case Release:
		return []string{"hold"}
	}
	return []string{"hold", "incoming", "active", "deferred"}
}

// Concerns reports whether an action changes an entry with this record: one on hold is not held
// again, and one that is to be returned is not told so twice.
func (a Action) Concerns(r *queue.Record) bool {
	onHold := r.State == queue.Hold
	switch a {
	case Hold:
		return !onHold && r.State != queue.Corrupt
	case Release:
		return onHold
	case Expire:
		return !r.Expire && r.State != queue.Corrupt
	case Free:
		return (!r.Expire || onHold) && r.State != queue.Corrupt
	case Requeue:
		return r.State != queue.Corrupt
	}
	return true
}

// Done is what became of one entry.
type Done struct {
	ID string `json:"id"`
	// Expired and Released say which half of Free was done.
	Expired  bool `json:"expired,omitempty"`
	Released bool `json:"released,omitempty"`
	// Failure is why nothing was done, "" otherwise.
	Failure string `json:"failure,omitempty"`
}

// Actor is who can change entries one by one: the daemon, or a tool that has the queue of a
// stopped one. Errors are as Backend's.
type Actor interface {
	// Find returns an entry and its record, with State set to active for one that is.
	Find(ctx context.Context, id string) (*queue.Entry, *queue.Record, error)
	// Hold, Release, Delete, Requeue and Expire change one entry. Release fails with
	// queue.ErrNotFound for one that is not on hold.
	Hold(ctx context.Context, id string) error
	Release(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error
	Requeue(ctx context.Context, id string) error
	Expire(ctx context.Context, id string) error
}

// Apply does an action to one entry whose record is known. changed is false when the entry was
// gone, or was not in a state in which it can be done.
func (a Action) Apply(ctx context.Context, by Actor, id string, r *queue.Record) (d Done, changed bool, err error) {
	d = Done{ID: id}
	if !a.Concerns(r) {
		return d, false, nil
	}
	switch a {
	case Delete:
		err = by.Delete(ctx, id)
	case Hold:
		err = by.Hold(ctx, id)
	case Release:
		err = by.Release(ctx, id)
	case Requeue:
		err = by.Requeue(ctx, id)
	case Expire:
		err = by.Expire(ctx, id)
	case Free:
		return a.free(ctx, by, d, r)
	}
	return d, err == nil, missingIsFine(&err)
}

func (a Action) free(ctx context.Context, by Actor, d Done, r *queue.Record) (Done, bool, error) {
	if !r.Expire {
		err := by.Expire(ctx, d.ID)
		if d.Expired = err == nil; !d.Expired {
			return d, false, missingIsFine(&err)
		}
	}
	if r.State != queue.Hold {
		return d, d.Expired, nil
	}
	err := by.Release(ctx, d.ID)
	d.Released = err == nil
	return d, d.Expired || d.Released, missingIsFine(&err)
}

// known reports whether an action is one.
func known(a Action) bool { return slices.Contains(Actions(), a) }
