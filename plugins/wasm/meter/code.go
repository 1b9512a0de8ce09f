package meter

// codeSection rewrites every function body and adds the functions that the others call for bulk operations.
func (m *module) codeSection(e *editor) {
	own := m.funcs[m.importedFuncs:]
	at := e.pos
	n := e.vector(maxFunctions, "function bodies", addedFunctions)
	if n != len(own) {
		e.fail(at, ErrMalformed, "%d function bodies for %d functions", n, len(own))
	}
	g := m.survey(e.reader, own)
	s := scanner{m: m}
	for i := 0; i < n && e.err == nil; i++ {
		body := m.body(e)
		body.out = s.out[:0]
		if g != nil {
			s.count = counting{on: g.counted[i], size: g.weight[i], results: m.types[own[i]]}
		}
		s.scan(body, m.types[own[i]])
		m.meter(body, &s)
		e.err = body.err
		e.out = appendSized(e.out, body.out)
		s.out = body.out
	}
	e.kept = e.pos
	e.out = appendSized(e.out, m.chargeBody())
	e.out = appendSized(e.out, m.fillBody())
	e.out = appendSized(e.out, m.copyBody())
}

// body takes the next function's body.
func (m *module) body(e *editor) *editor {
	at := e.pos
	size := e.u32()
	if size > maxBody {
		e.fail(at, ErrLimit, "function of %d bytes, at most %d", size, maxBody)
	}
	return newEditor(e.part(size))
}

// survey reads all bodies once to see who calls whom, and decides which functions count their frames. It returns nil if
// a body is bad; whoever reads it next will say so.
func (m *module) survey(r reader, own []uint32) *graph {
	e := &editor{reader: r}
	if e.err != nil {
		return nil
	}
	s := scanner{m: m, graph: newGraph(m, len(own))}
	for _, t := range own {
		body := m.body(e)
		s.graph.begin()
		s.scan(body, m.types[t])
		if body.err != nil {
			return nil
		}
		s.graph.end(s.frameSize(len(body.b)-body.kept), s.tries)
	}
	s.graph.judge(int64(m.opt.stack) / spareShare)
	return s.graph
}

// spareShare is which part of the stack the functions that do not count may take besides.
const spareShare = 8

// scanner reads the body of one function after another. Its slices are reused.
type scanner struct {
	ledger
	m      *module
	graph  *graph // set: only looking who calls whom
	count  counting
	r      *editor
	locals uint32 // of this function, parameters included
	loops  int    // of this function
	tries  bool   // it has a try_table
	values int64  // carried by its calls, blocks and branches
	reach  int64  // values that the call just read carries one way
	out    []byte

	allLocals int // of all functions so far, parameters aside
}

// scan reads one body and leaves in the ledger what is to be changed in it. It checks every index into a space
// to which the rewriter adds something of its own: functions, globals, types. The engine validates the rest.
func (s *scanner) scan(r *editor, t Signature) {
	s.r = r
	s.locals, s.loops, s.values, s.tries = uint32(len(t.Params)), 0, 0, false
	s.edits = s.edits[:0]
	most := maxValues + 4*int64(len(r.b)-r.pos)
	s.readLocals()
	s.reset(uint32(len(t.Results)), r.pos)
	for len(s.frames) > 0 && r.err == nil {
		s.instruction()
		if s.values > most {
			r.fail(r.pos, ErrLimit, "more than %d values carried in a function", most)
		}
	}
	r.done("function body")
}

func (s *scanner) readLocals() {
	r := s.r
	begin := r.pos
	groups := r.count(maxLocals, "groups of locals")
	end := r.pos
	for i := 0; i < groups && r.err == nil; i++ {
		at := r.pos
		n := r.u32()
		if n > maxLocals || s.locals+n > maxLocals {
			r.fail(at, ErrLimit, "more than %d locals", maxLocals)
			return
		}
		s.locals += n
		s.allLocals += int(n)
		if s.allLocals > maxLocals+s.m.size {
			r.fail(at, ErrLimit, "more than %d locals in a module of %d bytes", s.allLocals, s.m.size)
		}
		r.valueType()
	}
	s.count.saved = s.locals
	s.enter(groups, begin, end)
}

// instruction reads one instruction, charges for it and follows its control flow.
func (s *scanner) instruction() {
	r, at := s.r, s.r.pos
	op := r.byte()
	switch op {
	case opMisc:
		s.misc(at)
		return
	case opSIMD:
		s.simd(at)
		return
	case opBlock, opLoop, opIf:
		s.block(op)
		return
	case opTryTable, opThrow, opThrowRef:
		if !s.m.opt.exceptions {
			r.unsupported(at)
			return
		}
		if op == opTryTable {
			s.block(op)
			return
		}
	}
	mark := len(s.edits)
	extra := s.operands(operandsOf(op), op, at)
	if r.err != nil {
		return
	}
	s.leave(op, at, mark, s.reach)
	s.spend(weight(op)+extra, r.pos)
	switch op {
	case opElse:
		if s.frames[len(s.frames)-1].op != opIf {
			r.fail(at, ErrMalformed, "else without if")
			return
		}
		s.otherwise(r.pos)
	case opEnd:
		s.end()
	case opBrIf:
		s.fork(r.pos)
	case opMemoryGrow:
		s.edit(r.pos, editMemoryGrown, 0)
	case opTableSet:
		s.m.hiddenState = true
	}
}

// end leaves a block.
func (s *scanner) end() {
	caught := s.frames[len(s.frames)-1].caught
	s.close(s.r.pos)
	if s.count.on && caught && len(s.frames) > 0 {
		s.edit(s.r.pos, editCaught, 0)
	}
}

// edit notes an insertion before offset at.
func (s *scanner) edit(at int, kind editKind, arg uint32) {
	s.edits = append(s.edits, edit{at: uint32(at), kind: kind, arg: arg})
}

// misc reads an instruction with the prefix opMisc. Its second part is a number; only the one-byte form is
// accepted, which is all that any tool writes.
func (s *scanner) misc(at int) {
	r := s.r
	sub := r.byte()
	table := r.pos
	s.operands(miscOperands(sub), opMisc, at)
	if r.err != nil {
		return
	}
	switch sub {
	case miscMemoryFill, miscMemoryCopy:
		if f := s.m.fillFunction(); len(s.m.memory) > 0 { // else the engine refuses it
			s.edits = append(s.edits, edit{at: uint32(at), end: uint32(r.pos), kind: editCall, arg: f + uint32(miscMemoryFill-sub)})
		}
	case miscMemoryInit:
		s.edit(at, editBulk, 1)
	case miscTableInit, miscTableCopy, miscTableFill:
		s.edit(at, editBulk, BytesPerElement)
		s.m.hiddenState = true
	case miscDataDrop, miscElemDrop:
		s.m.hiddenState = true
	}
	s.spend(miscWeight(sub), r.pos)
	if sub == miscTableGrow {
		s.edit(r.pos, editTableGrown, s.tableAt(table))
		s.m.hiddenState = true
	}
}

// tableAt reads again the table index at an offset that has been read before.
func (s *scanner) tableAt(at int) uint32 {
	r := reader{b: s.r.b, pos: at}
	return r.u32()
}

// simd reads a vector instruction. Its second part is a number too, but engines differ in how they read it, so
// that only the shortest form of the fixed-width opcodes, below 256, is let through: one byte, or one and 0x01.
func (s *scanner) simd(at int) {
	r := s.r
	sub := r.byte()
	if sub >= 0x80 && r.byte() != 1 {
		r.unsupported(at)
	}
	s.operands(simdOperands(sub), opSIMD, at)
	if r.err == nil {
		s.spend(simdWeight(sub), r.pos)
	}
}
