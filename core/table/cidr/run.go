package cidr

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// row is one plain row: the number of its result grows from row to row.
type row struct {
	net   netip.Prefix
	value int
}

// run is a list of plain rows, as disjoint ranges of addresses. A range begins at its start and
// ends where the next begins; value is the first row that covers it, or -1.
type run struct {
	v4 ranges[uint32]
	v6 ranges[wide]
}

// wide is an IPv6 address as two numbers.
type wide struct{ high, low uint64 }

func less4(a, b uint32) bool { return a < b }

func less6(a, b wide) bool { return a.high < b.high || a.high == b.high && a.low < b.low }

type ranges[A any] struct {
	starts []A
	values []int32
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func number6(a netip.Addr) wide {
	b := a.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// find returns the number of the first row that covers a, or -1.
func (r *run) find(a netip.Addr) int32 {
	if a.Is4() {
		return r.v4.find(number4(a), less4)
	}
	return r.v6.find(number6(a), less6)
}

// find looks for the last range that does not begin after a.
func (r *ranges[A]) find(a A, less func(A, A) bool) int32 {
	low, high := 0, len(r.starts)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if less(a, r.starts[mid]) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == 0 {
		return -1
	}
	return r.values[low-1]
}

func newRun(rows []row) *run {
	var v4, v6 []row
	for _, r := range rows {
		if r.net.Addr().Is4() {
			v4 = append(v4, r)
		} else {
			v6 = append(v6, r)
		}
	}
	return &run{
		v4: flatten(v4, func(a netip.Addr) uint32 { return number4(a) }),
		v6: flatten(v6, func(a netip.Addr) wide { return number6(a) }),
	}
}

// flatten makes ranges of networks. Two networks are apart or one is in the other, so a walk over
// them in order of address, wider ones first, meets them like brackets.
func flatten[A any](rows []row, number func(netip.Addr) A) ranges[A] {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.net.Addr().Compare(b.net.Addr()), cmp.Compare(a.net.Bits(), b.net.Bits()), cmp.Compare(a.value, b.value))
	})
	var out ranges[A]
	begin := func(at netip.Addr, value int) {
		a := number(at)
		out.starts, out.values = append(out.starts, a), append(out.values, int32(value))
	}
	var stack []row
	// pop closes networks that do not contain next.
	pop := func(next netip.Addr) {
		for len(stack) > 0 && !(next.IsValid() && stack[len(stack)-1].net.Contains(next)) {
			after := last(stack[len(stack)-1].net).Next()
			stack = stack[:len(stack)-1]
			if !after.IsValid() {
				continue // the last address there is
			}
			if len(stack) == 0 {
				begin(after, -1)
			} else if stack[len(stack)-1].net.Contains(after) {
				begin(after, stack[len(stack)-1].value)
			}
		}
	}
	for _, r := range rows {
		pop(r.net.Addr())
		if len(stack) > 0 {
			r.value = min(r.value, stack[len(stack)-1].value)
		}
		stack = append(stack, r)
		begin(r.net.Addr(), r.value)
	}
	pop(netip.Addr{})
	return out
}

// last returns the last address of a network.
func last(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
