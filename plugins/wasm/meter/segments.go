package meter

// elementSection renumbers the functions in table segments. Core specification §5.5.12: the flags are bit 0
// passive or declarative, bit 1 explicit table or declarative, bit 2 expressions instead of function indices.
func (m *module) elementSection(e *editor) {
	n := e.vector(maxElements, "element segments", 0)
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		flags := e.u32()
		if flags > 7 {
			e.fail(at, ErrUnsupported, "element segment kind %d", flags)
			return
		}
		if flags&1 == 0 { // active
			if flags&2 != 0 {
				e.index(uint32(len(m.tables)), "table")
			}
			m.constant(e, uint32(len(m.globals)))
		}
		if flags&3 != 0 {
			m.elementType(e, flags&4 != 0)
		}
		entries := e.count(maxElements, "elements")
		for j := 0; j < entries && e.err == nil; j++ {
			if flags&4 != 0 {
				m.constant(e, uint32(len(m.globals)))
			} else {
				m.function(e)
			}
		}
	}
}

// elementType reads the type of a segment: a reference type if it is made of expressions, else the byte 0.
func (m *module) elementType(e *editor, expressions bool) {
	if expressions {
		e.heapType()
		return
	}
	at := e.pos
	if kind := e.byte(); kind != 0 {
		e.fail(at, ErrUnsupported, "element kind %#x", kind)
	}
}

// dataSection changes nothing but functions in offsets, where they cannot be right: the engine will say so.
func (m *module) dataSection(e *editor) {
	n := e.vector(maxData, "data segments", 0)
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		flags := e.u32()
		if flags > 2 {
			e.fail(at, ErrUnsupported, "data segment kind %d", flags)
			return
		}
		if flags == 2 {
			e.index(1, "memory")
		}
		if flags != 1 {
			m.constant(e, uint32(len(m.globals)))
		}
		e.take(e.u32())
	}
}
