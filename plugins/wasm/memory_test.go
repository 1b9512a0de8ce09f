package wasm

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMemoryGrowsInItsPlaceAndComesBackEmpty(t *testing.T) {
	var a memories
	defer a.close()
	m := a.Allocate(0, 4<<20)
	b := m.Reallocate(1 << 16)
	b[5] = 7
	grown := m.Reallocate(4 << 20)
	if &grown[0] != &b[0] && len(a.all) > 0 {
		t.Error("growing moved the memory")
	}
	if len(grown) != 4<<20 || grown[5] != 7 || !zero(grown[6:]) {
		t.Error("a grown memory is not what it was and zeros")
	}
	if m.Reallocate(4<<20+1) != nil {
		t.Error("it grew beyond its maximum")
	}
	for i := range grown {
		grown[i] = 1
	}
	m.Free()
	next := a.Allocate(0, 4<<20)
	if b := next.Reallocate(4 << 20); !zero(b) {
		t.Error("the next instance sees what the one before wrote")
	}
	if len(a.all) > 1 {
		t.Errorf("%d mappings for one instance at a time", len(a.all))
	}
	other := a.Allocate(0, 4<<20) // while the other is in use
	other.Reallocate(1)[0] = 1
	if next.Reallocate(1)[0] != 0 {
		t.Error("two instances share a memory")
	}
}

func TestAMemoryThatCannotBeReservedIsMadeOnTheHeap(t *testing.T) {
	var a memories
	defer a.close()
	m := a.Allocate(0, 1<<62)
	b := m.Reallocate(1 << 16)
	b[1] = 3
	if b = m.Reallocate(2 << 16); len(b) != 2<<16 || b[1] != 3 || !zero(b[2:]) {
		t.Error("a grown memory is not what it was and zeros")
	}
	if m.Reallocate(1<<62+1) != nil {
		t.Error("it grew beyond its maximum")
	}
	m.Free()
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// Pages stay for the next instance, empty, until nobody needed them for a while. Pages that lie scattered go at once.
func TestPagesAreKeptForAWhileAndAreEmpty(t *testing.T) {
	const size, page = 4 << 20, 4096
	for name, c := range map[string]struct {
		step int // between the pages that a guest writes to
		kept uint64
	}{"all of them": {page, size}, "one in four million": {size, size}, "every other": {2 * page, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a memories
				defer a.close()
				kept := func() uint64 {
					a.mu.Lock()
					defer a.mu.Unlock()
					return a.free[0].kept
				}
				for range 3 {
					m := a.Allocate(0, size)
					b := m.Reallocate(size)
					if len(a.all) == 0 {
						t.Skip("memories are on the heap here")
					}
					for i := 0; i < len(b); i += c.step {
						if b[i+7] != 0 {
							t.Fatal("the next instance sees what the one before wrote")
						}
						b[i+7] = 1
					}
					if m.Free(); kept() != c.kept {
						t.Errorf("%d bytes are kept, want %d", kept(), c.kept)
					}
					time.Sleep(keepTime / 2)
				}
				time.Sleep(keepTime)
				synctest.Wait()
				if kept() != 0 {
					t.Error("they are kept for ever")
				}
				if m := a.Allocate(0, size); !zero(m.Reallocate(size)) {
					t.Error("not all of it is empty")
				}
			})
		})
	}
}

func TestASweepAfterTheEndDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a memories
		m := a.Allocate(0, 1<<20)
		m.Reallocate(1 << 20)[3] = 1
		m.Free()
		a.close()
		a.sweep()
		time.Sleep(2 * keepTime)
	})
}
