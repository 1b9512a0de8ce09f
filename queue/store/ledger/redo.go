package ledger

import (
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// redo is the list of changes that are not known to be synced, oldest first, and of those that
// must be undone.
//
// Changes of one entry come in their order from its one owner, so the order of appending is the
// order of happening where it matters.
type redo struct {
	mu sync.Mutex // guards all below
	// changes are batches that Note took; the first has number first.
	changes []change
	first   uint64
	bytes   int
	// undo takes back what Add could not finish.
	undo []change
	// settled are the functions of changes that are synced, not yet called.
	settled []func()
}

// change is the representation of a batch, and what to do once it is synced.
type change struct {
	repr []byte
	then func()
}

// add appends a change and reports whether it is the first one, and whether the list is long.
func (r *redo) add(c change) (first, long bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, c)
	r.bytes += len(c.repr)
	return len(r.changes) == 1, len(r.changes) > redoChanges || r.bytes > redoBytes
}

// full says that there is no room for more while there is no database.
func (r *redo) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes) >= redoDownChanges || r.bytes >= redoDownBytes
}

func (r *redo) addUndo(c change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undo = append(r.undo, c)
}

// mark returns the number behind the last change: a sync that begins now covers all below it.
func (r *redo) mark() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first + uint64(len(r.changes))
}

// synced drops the changes below mark and reports whether functions wait to be called.
func (r *redo) synced(mark uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for ; r.first < mark && n < len(r.changes); n++ {
		r.first++
		r.bytes -= len(r.changes[n].repr)
		if then := r.changes[n].then; then != nil {
			r.settled = append(r.settled, then)
		}
	}
	r.changes = slices.Delete(r.changes, 0, n)
	return len(r.settled) > 0
}

// takeSettled returns the functions to call, each only once.
func (r *redo) takeSettled() []func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	fns := r.settled
	r.settled = nil
	return fns
}

// pending returns how many changes wait.
func (r *redo) pending() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)
}

// waits says whether there is anything to write.
func (r *redo) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)+len(r.undo) > 0
}

// replay writes everything to db, synced, in the order: changes, then undoing.
func (r *redo) replay(db *pebble.DB) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range slices.Concat(r.changes, r.undo) {
		var b pebble.Batch
		if err := b.SetRepr(slices.Clone(c.repr)); err != nil {
			return err
		}
		if err := db.Apply(&b, pebble.NoSync); err != nil {
			return err
		}
	}
	return db.LogData(nil, pebble.Sync)
}

// replayed forgets what replay wrote, once that is known to be good. mark is from before replay.
func (r *redo) replayed(mark uint64) {
	r.synced(mark)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.undo {
		if c.then != nil {
			r.settled = append(r.settled, c.then)
		}
	}
	r.undo = nil
}
