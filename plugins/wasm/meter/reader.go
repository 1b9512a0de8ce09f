package meter

import (
	"fmt"
	"unicode/utf8"
)

// reader walks over a part of a module. The first failure sticks: afterwards every read returns zero and
// the position stays, so a caller may read a whole construct and look at err once. Loops over counts that
// come from the input test err at each turn.
//
// Invariant: pos never passes len(b). b ends where this part ends but starts where the module starts, so
// that pos is the offset an error names.
type reader struct {
	b   []byte
	pos int
	err error
}

// fail records the first failure, at offset at.
func (r *reader) fail(at int, kind error, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: at, Detail: fmt.Sprintf(format, args...), Err: kind}
	}
}

// more reports whether there is something left to read and nothing has failed.
func (r *reader) more() bool { return r.err == nil && r.pos < len(r.b) }

// done fails unless everything was read.
func (r *reader) done(what string) {
	if r.more() {
		r.fail(r.pos, ErrMalformed, "%d bytes after the end of %s", len(r.b)-r.pos, what)
	}
}

func (r *reader) byte() byte {
	if !r.more() {
		r.fail(r.pos, ErrMalformed, "unexpected end")
		return 0
	}
	c := r.b[r.pos]
	r.pos++
	return c
}

// take returns the next n bytes, which stay the module's.
func (r *reader) take(n uint32) []byte {
	if r.err != nil {
		return nil
	}
	if uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail(r.pos, ErrMalformed, "%d bytes wanted, %d left", n, len(r.b)-r.pos)
		return nil
	}
	s := r.b[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return s
}

// part returns a reader of the next n bytes, and steps over them.
func (r *reader) part(n uint32) reader {
	start := r.pos
	r.take(n)
	return reader{b: r.b[:r.pos], pos: start, err: r.err}
}

// u32 reads an unsigned LEB128 of at most 32 bits. Core specification §5.2.2: at most five bytes, and the
// bits that do not fit are zero; padding within that is allowed, and linkers use it.
func (r *reader) u32() uint32 {
	at := r.pos
	if at < len(r.b) && r.b[at] < 0x80 && r.err == nil { // nearly all of them
		r.pos++
		return uint32(r.b[at])
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail(at, ErrMalformed, "number longer than 32 bits")
	return 0
}

// signed reads a signed LEB128 of the given width in bits: 32, 33 or 64. Core specification §5.2.2: the
// unused bits of the last byte repeat the sign.
func (r *reader) signed(bits int) int64 {
	at := r.pos
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			rest := min(bits-shift, 7) // bits of this byte that count, sign included
			ext := int8(c<<1) >> 1     // the byte's seven bits, sign-extended
			if top := ext >> (rest - 1); top != 0 && top != -1 {
				break
			}
			if shift+7 < 64 {
				v = v << (64 - shift - 7) >> (64 - shift - 7)
			}
			return v
		}
	}
	r.fail(at, ErrMalformed, "number longer than %d bits", bits)
	return 0
}

// count reads the length of a vector. Each element takes at least one byte, so a length beyond what is left
// is refused here, before anybody allocates for it.
func (r *reader) count(limit uint32, what string) int {
	at := r.pos
	n := r.u32()
	if r.err != nil {
		return 0
	}
	if n > limit {
		r.fail(at, ErrLimit, "%d %s, at most %d", n, what, limit)
		return 0
	}
	if uint64(n) > uint64(len(r.b)-r.pos) {
		r.fail(at, ErrMalformed, "%d %s in %d bytes", n, what, len(r.b)-r.pos)
		return 0
	}
	return int(n)
}

// index reads a number that must be below limit.
func (r *reader) index(limit uint32, what string) uint32 {
	at := r.pos
	i := r.u32()
	if r.err == nil && i >= limit {
		r.fail(at, ErrMalformed, "%s %d of %d", what, i, limit)
		return 0
	}
	return i
}

// name reads a string, which must be UTF-8 (core specification §5.2.4).
func (r *reader) name() string {
	at := r.pos
	s := r.take(r.u32())
	if !utf8.Valid(s) {
		r.fail(at, ErrMalformed, "name is not UTF-8")
	}
	return string(s)
}
