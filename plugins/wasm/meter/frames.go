package meter

// Counting frames. A function that counts takes its frame's size from the stack global when it is entered and sets the
// global back to what it found, kept in a local of its own, on every way out: its body becomes a block, and what left the
// function leaves the block. A catch sets the global to what the catching function has left, since those that were
// thrown through did not come to their ends.

// What a frame is estimated to take in the engine's stack, in bytes (see RATIONALE.md).
const (
	frameBase  = 80 // return address, saved registers
	frameLocal = 8  // a local, parameters included
	frameCode  = 8  // that many bytes of code to one byte of values that calls have to leave in memory

	// registerValues is how many arguments or results the engine passes in registers. It makes an ordinary call of a tail
	// call with more, whose caller's frame stays then.
	registerValues = 6
)

// frameSize estimates the frame of the function that was scanned: n bytes of code.
func (s *scanner) frameSize(n int) int64 {
	size := frameBase + frameLocal*int64(s.locals) + int64(n)/frameCode + int64(s.loops)*int64(s.locals)/frameCode
	return min(size, int64(s.m.opt.stack)/8)
}

// frame is how a function that counts does it.
type counting struct {
	on      bool
	saved   uint32    // the added local
	size    int64     // of a frame
	results Signature // the function's
}

// enter notes the changes at the begin of the code: the added local, the count, the block.
func (s *scanner) enter(groups int, at, end int) {
	if !s.count.on {
		return
	}
	s.edits = append(s.edits, edit{at: uint32(at), end: uint32(end), kind: editNumber, arg: uint32(groups + 1)})
	s.edit(s.r.pos, editEnter, 0)
}

// leave notes the changes at an instruction that leaves the function: opcode op at offset at, whose operands' edits
// are those from mark on.
func (s *scanner) leave(op byte, at, mark int, values int64) {
	if !s.count.on {
		return
	}
	out := uint32(len(s.frames) - 1)
	var e edit
	switch op {
	case opReturn:
		e = edit{at: uint32(at), end: uint32(at + 1), kind: editBranch, arg: out}
	case opReturnCall, opReturnCallIndirect:
		e = edit{at: uint32(at), kind: editRestore}
		if values > registerValues {
			e = edit{at: uint32(at), end: uint32(at + 1), kind: editNumber, arg: uint32(op) - opReturnCall + opCall}
			s.edit(s.r.pos, editBranch, out)
		}
	case opEnd:
		if out > 0 {
			return
		}
		e = edit{at: uint32(at), kind: editLeave}
	default:
		return
	}
	s.edits = append(s.edits, edit{})
	copy(s.edits[mark+1:], s.edits[mark:])
	s.edits[mark] = e
}

// emitEnter emits the added local, and: saved = stack; stack -= size; if saved < size { yield; unreachable }; block.
func (m *module) emitEnter(out []byte, c *counting) []byte {
	out = append(out, 1, byte(I32))
	out = appendU32(append(out, opGlobalGet), m.stackGlobal())
	out = appendU32(append(out, opLocalTee), c.saved)
	out = append(appendS64(append(out, opI32Const), c.size), opI32Sub)
	out = appendU32(append(out, opGlobalSet), m.stackGlobal())
	out = appendU32(append(out, opLocalGet), c.saved)
	out = append(appendS64(append(out, opI32Const), c.size), opI32LtS, opIf, blockEmpty)
	out = append(appendU32(append(out, opCall), m.yieldFunction()), opUnreachable, opEnd, opBlock)
	switch r := c.results.Results; len(r) {
	case 0:
		return append(out, blockEmpty)
	case 1:
		return append(out, byte(r[0]))
	default:
		return appendS64(out, int64(m.resultBlocks[join(r)]))
	}
}

// emitRestore emits stack = saved.
func (m *module) emitRestore(out []byte, c *counting) []byte {
	out = appendU32(append(out, opLocalGet), c.saved)
	return appendU32(append(out, opGlobalSet), m.stackGlobal())
}

// emitCaught emits stack = saved - size.
func (m *module) emitCaught(out []byte, c *counting) []byte {
	out = appendU32(append(out, opLocalGet), c.saved)
	out = append(appendS64(append(out, opI32Const), c.size), opI32Sub)
	return appendU32(append(out, opGlobalSet), m.stackGlobal())
}
