package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/mtad/mtad/queue"
)

// row is what the store must know of an entry in order to change it. It is immutable.
type row struct {
	id string
	// rec is the record on the disk, without recipients; never active.
	rec queue.Record
	// recipients is how many there are; size is the length of the text in bytes.
	recipients int
	size       int64
	// plain says that nothing was written of the entry but what Commit wrote.
	plain bool
}

// rowsCached is how many rows are kept in memory: as many as a manager has entries in its
// active set, and some (postconf(5) qmgr_message_active_limit is 20000).
const rowsCached = 1 << 15

// rows is what the store keeps in memory about entries: rows that were used lately, who is
// active, who is about to be committed, and the counts.
type rows struct {
	mu     sync.Mutex // guards all below
	cached map[uint64]*row
	order  []uint64 // a ring of the serials in cached, oldest at next
	next   int
	// active has the rows of the active entries, which are always in memory.
	active map[uint64]*row
	// committing has the serials whose commit is not synced yet: nobody may see them.
	committing map[uint64]bool
	counts     map[queue.State]int
	due        dueFloor
}

// newRows returns rows that know nothing; reset must follow.
func newRows() *rows {
	return &rows{active: map[uint64]*row{}, committing: map[uint64]bool{}}
}

// reset forgets the rows of entries that are not active, and takes over counts by the states on
// the disk. listed says whether an active entry is still listed as its row says; one that is not
// has become corrupt, and is active no more.
func (r *rows) reset(onDisk map[queue.State]int, listed func(serial uint64, row *row) (bool, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cached, r.order, r.next = map[uint64]*row{}, nil, 0
	r.counts = map[queue.State]int{}
	for _, s := range indexedStates() {
		r.counts[s] = onDisk[s]
	}
	r.counts[queue.Active] = 0
	r.due = dueFloor{changes: r.due.changes + 1}
	for serial, row := range r.active {
		there, err := listed(serial, row)
		if err != nil {
			return err
		}
		if !there {
			delete(r.active, serial)
			continue
		}
		r.counts[row.rec.State]--
		r.counts[queue.Active]++
	}
	return nil
}

// get returns the row of a serial, if it is in memory.
func (r *rows) get(serial uint64) (*row, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if row, ok := r.active[serial]; ok {
		return row, true
	}
	row, ok := r.cached[serial]
	return row, ok
}

// put keeps a row in memory, for as long as there is room.
func (r *rows) put(serial uint64, row *row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putLocked(serial, row)
}

func (r *rows) putLocked(serial uint64, row *row) {
	if _, ok := r.cached[serial]; !ok {
		if len(r.order) < rowsCached {
			r.order = append(r.order, serial)
		} else {
			delete(r.cached, r.order[r.next])
			r.order[r.next] = serial
			r.next = (r.next + 1) % rowsCached
		}
	}
	r.cached[serial] = row
}

// begin hides an entry until committed or abandon is called.
func (r *rows) begin(serial uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committing[serial] = true
}

func (r *rows) committed(serial uint64, row *row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.committing, serial)
	r.counts[row.rec.State]++
	r.putLocked(serial, row)
}

func (r *rows) abandon(serial uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.committing, serial)
}

// hidden says that an entry is not there yet.
func (r *rows) hidden(serial uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.committing[serial]
}

// stateOf returns the state of an entry that is in state onDisk.
func (r *rows) stateOf(serial uint64, onDisk queue.State) queue.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateLocked(serial, onDisk)
}

func (r *rows) stateLocked(serial uint64, onDisk queue.State) queue.State {
	if _, ok := r.active[serial]; ok {
		return queue.Active
	}
	return onDisk
}

// change replaces the row old by now, which is active if so said. An entry that was in no index
// has no old row.
func (r *rows) change(serial uint64, old, now *row, active bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old != nil {
		r.counts[r.stateLocked(serial, old.rec.State)]--
	}
	if active {
		r.active[serial] = now
		r.counts[queue.Active]++
		return
	}
	delete(r.active, serial)
	r.counts[now.rec.State]++
	if now.rec.State == queue.Deferred {
		r.due.lower(dueKey(now.rec.Due, serial))
	}
	r.putLocked(serial, now)
}

// remove forgets an entry.
func (r *rows) remove(serial uint64, old *row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[r.stateLocked(serial, old.rec.State)]--
	delete(r.active, serial)
	delete(r.cached, serial)
}

// shown says that an entry listed as in state onDisk is to be seen there: it is neither active
// nor about to be committed.
func (r *rows) shown(serial uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, active := r.active[serial]
	return !active && !r.committing[serial]
}

// activeAfter returns the active entries with serials above serial, in order.
func (r *rows) activeAfter(serial uint64) []item {
	r.mu.Lock()
	var all []item
	for s, row := range r.active {
		if s > serial {
			all = append(all, item{serial: s, id: row.id})
		}
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b item) int { return cmp.Compare(a.serial, b.serial) })
	return all
}

func (r *rows) countAll() map[queue.State]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}
