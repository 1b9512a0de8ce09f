package wasm

import (
	"sync"

	"github.com/tetratelabs/wazero/experimental"
)

// memories makes the memories of a module's instances, outside of Go's heap where the system allows it:
// a memory is reserved as large as it may become and takes what was written to, so that growing moves
// nothing, and one that is given up gives its pages back at once. Safe for concurrent use.
type memories struct {
	mu   sync.Mutex
	all  [][]byte
	free []*mapped
}

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
}

// mapped is a memory of its own mapping.
type mapped struct {
	from *memories
	room []byte // all of it
	size uint64 // of what the guest has
}

// Reallocate makes the memory size bytes long. What is new is zero.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.room)) {
		return nil
	}
	m.size = max(m.size, size)
	return m.room[:size:size]
}

// Free gives the pages back. The address space stays for the next instance: whoever should look at this
// memory still, sees zeros.
func (m *mapped) Free() {
	if dropPages(m.room[:m.size]) != nil {
		clear(m.room[:m.size])
	}
	m.size = 0
	m.from.mu.Lock()
	defer m.from.mu.Unlock()
	m.from.free = append(m.from.free, m)
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
