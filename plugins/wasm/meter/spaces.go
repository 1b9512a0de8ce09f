package meter

import "math"

// Limits is the size of a memory, in pages of 64 KiB, or of a table, in elements. Bounded is whether there is a
// Max; after Rewrite there always is, imported ones aside.
type Limits struct {
	Min, Max uint32
	Bounded  bool
}

// capTo lowers l.Max to most.
func (s *settings) capTo(l *Limits, most uint32) {
	if !s.inspect && (!l.Bounded || l.Max > most) {
		l.Max, l.Bounded = most, true
	}
}

func (l Limits) append(out []byte) []byte {
	if !l.Bounded {
		return appendU32(append(out, 0), l.Min)
	}
	return appendU32(appendU32(append(out, 1), l.Min), l.Max)
}

// limits reads the limits of a memory or table. Shared and 64-bit memories are not decoded. A minimum above most
// is refused: the guest could not even start within what it is granted.
func (m *module) limits(r *reader, most, largest uint32, what string) Limits {
	at := r.pos
	flags := r.byte()
	if flags > 1 {
		r.fail(at, ErrUnsupported, "limits %#x of %s", flags, what)
	}
	l := Limits{Min: r.u32(), Bounded: flags == 1}
	if l.Bounded {
		l.Max = r.u32()
		if l.Max < l.Min || l.Max > largest {
			r.fail(at, ErrMalformed, "%d to %d %s", l.Min, l.Max, what)
		}
	}
	if l.Min > most {
		r.fail(at, ErrLimit, "%d %s, at most %d granted", l.Min, what, most)
	}
	return l
}

// table reads a table type. One with an initializer (0x40) belongs to typed function references.
func (m *module) table(r *reader) Limits {
	at := r.pos
	if t := ValueType(r.byte()); !t.isRef() {
		r.fail(at, ErrUnsupported, "table of type %#x", byte(t))
	}
	return m.limits(r, m.opt.tableElements, math.MaxUint32, "table elements")
}
