package meter

// constant reads a constant expression, the initial value of a global or the offset of a segment, and renumbers
// the functions in it. globals is how many globals it may name: those of the guest, never the fuel.
//
// All operators of the extended-const proposal are decoded; whether they are allowed is the engine's decision.
func (m *module) constant(e *editor, globals uint32) {
	for e.err == nil {
		at := e.pos
		switch op := e.byte(); op {
		case opEnd:
			return
		case opI32Const:
			e.signed(32)
		case opI64Const:
			e.signed(64)
		case opF32Const:
			e.take(4)
		case opF64Const:
			e.take(8)
		case opGlobalGet:
			e.index(globals, "global")
		case opRefNull:
			e.heapType()
		case opRefFunc:
			m.function(e)
		case opI32Add, opI32Sub, opI32Mul, opI64Add, opI64Sub, opI64Mul:
		case opSIMD:
			if sub := e.byte(); sub != simdConst {
				e.unsupported(at)
			}
			e.take(16)
		default:
			e.unsupported(at)
		}
	}
}

// function reads the index of a function and writes its new one. It returns the old.
func (m *module) function(e *editor) uint32 {
	at := e.pos
	f := e.index(uint32(len(m.funcs)), "function")
	e.replace(at, m.newFunction(f))
	if e.err == nil {
		m.taken[f] = true
	}
	return f
}

// heapType reads the type of a null reference.
func (r *reader) heapType() {
	at := r.pos
	if t := ValueType(r.byte()); !t.isRef() {
		r.fail(at, ErrUnsupported, "heap type %#x", byte(t))
	}
}

// unsupported fails with the opcode that was read at offset at.
func (r *reader) unsupported(at int) {
	if r.err != nil {
		return // there was no opcode
	}
	op := r.b[at]
	if op >= opGC && op <= opAtomic && at+1 < len(r.b) { // prefixes
		r.fail(at, ErrUnsupported, "opcode %#x %#x", op, r.b[at+1])
		return
	}
	r.fail(at, ErrUnsupported, "opcode %#x", op)
}
