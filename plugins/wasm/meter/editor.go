package meter

// editor copies a part of a module to out while it reads it, replacing and adding as its caller says. What
// nobody touches leaves byte-identical, linker padding included.
type editor struct {
	reader
	out  []byte
	kept int // input before this offset has been copied or replaced
}

func newEditor(r reader) *editor { return &editor{reader: r, kept: r.pos} }

// keep copies everything read so far.
func (e *editor) keep() { e.keepTo(e.pos) }

func (e *editor) keepTo(at int) {
	if e.err == nil {
		e.out = append(e.out, e.b[e.kept:at]...)
		e.kept = at
	}
}

// replace puts the number v in the place of what was read since offset at.
func (e *editor) replace(at int, v uint32) {
	e.keepTo(at)
	e.out = appendU32(e.out, v)
	e.kept = e.pos
}

// vector reads the length of a vector and writes it increased by extra, the number of elements that the
// caller will add at the end.
func (e *editor) vector(limit uint32, what string, extra int) int {
	at := e.pos
	n := e.count(limit, what)
	e.replace(at, uint32(n+extra))
	return n
}

// appendU32 appends v as unsigned LEB128 (core specification §5.2.2) in its shortest form.
func appendU32(out []byte, v uint32) []byte {
	for v >= 0x80 {
		out = append(out, byte(v)|0x80)
		v >>= 7
	}
	return append(out, byte(v))
}

// appendS64 appends v as signed LEB128 in its shortest form.
func appendS64(out []byte, v int64) []byte {
	for v < -0x40 || v > 0x3f {
		out = append(out, byte(v)|0x80)
		v >>= 7
	}
	return append(out, byte(v)&0x7f)
}

// appendName appends a length and the bytes of s.
func appendName(out []byte, s string) []byte {
	return append(appendU32(out, uint32(len(s))), s...)
}

// appendSized appends a length and then b: the frame of sections, function bodies and name subsections.
func appendSized(out, b []byte) []byte {
	return append(appendU32(out, uint32(len(b))), b...)
}
