package wasm

import (
	"bytes"
	"testing"
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
