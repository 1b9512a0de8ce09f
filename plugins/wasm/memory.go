package wasm

import (
	"sync"
	"time"

	"github.com/tetratelabs/wazero/experimental"
)

// memories makes the memories of a module's instances, outside of Go's heap where the system allows it:
// a memory is reserved as large as it may become and takes what was written to, so that growing moves
// nothing. The pages of one that is given up are cleared and kept for the next one that grows, for a while: to
// find and clear new ones takes the kernel several times as long. Safe for concurrent use.
type memories struct {
	mu   sync.Mutex // guards all below
	all  [][]byte
	free []*mapped   // the one that was used last is the last
	idle *time.Timer // gives pages back; nil while no memory has any to give
}

// keepTime is how long pages are kept for the next instance, of memories of at most keepMost bytes.
const (
	keepTime = 10 * time.Second
	keepMost = 64 << 20
)

var _ experimental.MemoryAllocator = (*memories)(nil)

// Allocate returns a memory that may grow to most bytes.
func (a *memories) Allocate(_, most uint64) experimental.LinearMemory {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.free); n > 0 && uint64(len(a.free[n-1].room)) == most {
		m := a.free[n-1]
		a.free = a.free[:n-1]
		return m
	}
	room, err := mapRoom(most)
	if err != nil {
		return &heap{most: most} // no address space, or a limit: it is made as Go makes things
	}
	a.all = append(a.all, room)
	return &mapped{from: a, room: room}
}

// close gives the address space back. No instance is left then.
func (a *memories) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, room := range a.all {
		unmapRoom(room)
	}
	a.all, a.free = nil, nil
	if a.idle != nil {
		a.idle.Stop()
		a.idle = nil
	}
}

// sweep gives back what nobody needed for keepTime.
func (a *memories) sweep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.idle == nil {
		return // closed meanwhile
	}
	a.idle = nil
	for _, m := range a.free {
		switch left := keepTime - time.Since(m.freed); {
		case m.kept == 0:
		case left > 0:
			a.later(left)
		default:
			m.drop()
		}
	}
}

// later calls sweep, unless it will be called anyway. The caller holds mu.
func (a *memories) later(d time.Duration) {
	if a.idle == nil {
		a.idle = time.AfterFunc(d, a.sweep)
	}
}

// mapped is a memory of its own mapping.
type mapped struct {
	from *memories
	room []byte // all of it
	size uint64 // of what the guest has
	// kept is how much of it may have pages although nobody uses it, since freed.
	kept  uint64
	freed time.Time
}

// Reallocate makes the memory size bytes long. What is new is zero.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.room)) {
		return nil
	}
	m.size = max(m.size, size)
	return m.room[:size:size]
}

// Free empties the memory. The address space stays for the next instance: whoever should look at this
// memory still, sees zeros.
func (m *mapped) Free() {
	m.kept, m.size = max(m.kept, m.size), 0
	if m.kept > keepMost || clearPages(m.room[:m.kept]) != nil {
		m.drop()
	}
	m.freed = time.Now()
	m.from.mu.Lock()
	defer m.from.mu.Unlock()
	m.from.free = append(m.from.free, m)
	if m.kept > 0 {
		m.from.later(keepTime)
	}
}

// drop gives the pages back.
func (m *mapped) drop() {
	if dropPages(m.room[:m.kept]) != nil {
		clear(m.room[:m.kept])
	}
	m.kept = 0
}

// heap is a memory where there is no mapping.
type heap struct {
	most uint64
	b    []byte
}

// Reallocate makes the memory size bytes long.
func (h *heap) Reallocate(size uint64) []byte {
	if size > h.most {
		return nil
	}
	h.b = append(h.b, make([]byte, size-uint64(len(h.b)))...)
	return h.b[:size:size]
}

// Free does nothing: the collector frees it.
func (h *heap) Free() {}
