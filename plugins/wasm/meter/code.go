package meter

// codeSection rewrites every function body and adds the one that charges for bulk operations.
func (m *module) codeSection(e *editor) {
	own := m.funcs[m.importedFuncs:]
	at := e.pos
	n := e.vector(maxFunctions, "function bodies", 1)
	if n != len(own) {
		e.fail(at, ErrMalformed, "%d function bodies for %d functions", n, len(own))
	}
	s := scanner{m: m}
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		size := e.u32()
		if size > maxBody {
			e.fail(at, ErrLimit, "function of %d bytes, at most %d", size, maxBody)
		}
		body := newEditor(e.part(size))
		body.out = s.out[:0]
		s.scan(body, m.types[own[i]])
		m.meter(body, &s.ledger)
		e.err = body.err
		e.out = appendSized(e.out, body.out)
		s.out = body.out
	}
	e.kept = e.pos
	e.out = appendSized(e.out, m.chargeBody())
}

// scanner reads the body of one function after another. Its slices are reused.
type scanner struct {
	ledger
	m      *module
	r      *editor
	locals uint32 // of this function, parameters included
	loops  int    // of this function
	values int64  // carried by its calls, blocks and branches
	out    []byte

	allLocals int // of all functions so far, parameters aside
}

// scan reads one body and leaves in the ledger what is to be changed in it. It checks every index into a space
// to which the rewriter adds something of its own: functions, globals, types. The engine validates the rest.
func (s *scanner) scan(r *editor, t Signature) {
	s.r = r
	s.locals, s.loops, s.values = uint32(len(t.Params)), 0, 0
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
	groups := r.count(maxLocals, "groups of locals")
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
	extra := s.operands(operandsOf(op), op, at)
	if r.err != nil {
		return
	}
	s.spend(weight(op)+extra, r.pos)
	switch op {
	case opElse:
		if s.frames[len(s.frames)-1].op != opIf {
			r.fail(at, ErrMalformed, "else without if")
			return
		}
		s.otherwise(r.pos)
	case opEnd:
		s.close(r.pos)
	case opBrIf:
		s.fork(r.pos)
	case opMemoryGrow:
		s.edit(r.pos, editMemoryGrown, 0)
	case opTableSet:
		s.m.hiddenState = true
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
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill:
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
