package meter

// operands reads what follows the opcode op, which stands at offset at, and returns what it costs beyond the
// opcode's own weight: the values that calls and branches carry.
func (s *scanner) operands(kinds string, op byte, at int) (extra int64) {
	r, m := s.r, s.m
	for i := 0; i < len(kinds) && r.err == nil; i++ {
		switch kinds[i] {
		case 'l':
			extra += s.label()
		case 'L':
			extra += s.labels()
		case 'f':
			extra += s.callee(op)
		case 'y':
			t := m.typeIndex(&r.reader)
			if r.err == nil {
				s.points[s.cur].calls = true
				extra += s.carry(m.types[t].arity())
				s.reach = wide(m.types[t])
				if s.graph != nil {
					s.graph.callsAny(t)
				}
			}
		case 'v':
			r.index(s.locals, "local")
		case 'g':
			r.index(uint32(len(m.globals)), "global")
		case 't':
			r.index(uint32(len(m.tables)), "table")
		case 'e':
			r.index(uint32(m.tags), "tag")
		default:
			r.operand(kinds[i], at)
		}
	}
	if op == opReturn {
		extra = s.carry(int64(s.frames[0].results))
	}
	return extra
}

// operand reads an operand that means something to the engine only.
func (r *reader) operand(kind byte, at int) {
	switch kind {
	case 'a':
		r.index(32, "alignment") // more: the number of a memory follows
	case 'n':
		r.u32()
	case 'b':
		r.byte()
	case 'z':
		r.zero()
	case 'i':
		r.signed(32)
	case 'I':
		r.signed(64)
	case '4':
		r.take(4)
	case '8':
		r.take(8)
	case 's':
		r.take(16)
	case 'r':
		r.heapType()
	case 'S':
		if n := r.byte(); n != 1 {
			r.fail(at, ErrUnsupported, "select of %d types", n)
		}
		r.valueType()
	default:
		r.unsupported(at)
	}
}

// carry counts values that one instruction takes with it.
func (s *scanner) carry(n int64) int64 {
	s.values += n
	return n
}

// zero reads the index of the only memory, which must be one zero byte.
func (r *reader) zero() {
	at := r.pos
	if c := r.byte(); c != 0 {
		r.fail(at, ErrUnsupported, "memory %d", c)
	}
}

// block reads a block type and, for try_table, the catch clauses, and enters the block.
func (s *scanner) block(op byte) {
	r := s.r
	params, results := s.blockType()
	cost := weight(op) + int64(params)
	s.carry(int64(params) + int64(results))
	if op == opTryTable {
		s.tries = true
		cost += s.catches()
	}
	if len(s.frames) > maxNesting {
		r.fail(r.pos, ErrLimit, "blocks nested more than %d deep", maxNesting)
	}
	if op == opLoop {
		s.loops++
	}
	if s.loops > maxLoops {
		r.fail(r.pos, ErrLimit, "more than %d loops in a function", maxLoops)
	}
	if r.err != nil {
		return
	}
	s.spend(cost, r.pos)
	s.open(op, params, results, r.pos)
}

// blockType reads nothing, a result type or the index of a function type: core specification §5.4.1.
func (s *scanner) blockType() (params, results uint32) {
	r, at := s.r, s.r.pos
	if !r.more() {
		r.byte()
		return 0, 0
	}
	if c := r.b[at]; c&0xc0 == 0x40 { // a negative number of one byte
		r.pos++
		if c == blockEmpty {
			return 0, 0
		}
		r.pos--
		r.valueType()
		return 0, 1
	}
	i := r.signed(33)
	if i < 0 || i >= int64(len(s.m.types)) {
		r.fail(at, ErrMalformed, "block type %d of %d", i, len(s.m.types))
	}
	if r.err != nil {
		return 0, 0
	}
	t := s.m.types[i]
	return uint32(len(t.Params)), uint32(len(t.Results))
}

// catches reads the clauses of a try_table. Their labels count from outside the block.
func (s *scanner) catches() (extra int64) {
	r := s.r
	n := r.count(maxElements, "catch clauses")
	for i := 0; i < n && r.err == nil; i++ {
		at := r.pos
		kind := r.byte()
		if kind > 3 {
			r.fail(at, ErrUnsupported, "catch clause %#x", kind)
			return 0
		}
		if kind < 2 { // catch, catch_ref
			r.index(uint32(s.m.tags), "tag")
		}
		from := r.pos
		extra = max(extra, s.label())
		s.caught(from)
	}
	return extra
}

// caught notes that exceptions come to the block whose label stands at offset at.
func (s *scanner) caught(at int) {
	r := reader{b: s.r.b, pos: at}
	i := r.u32()
	if s.r.err != nil {
		return
	}
	f := &s.frames[len(s.frames)-1-int(i)]
	if f.op == opLoop {
		s.points[f.head].caught = true
	}
	f.caught = true
}

// wide is how many values a call carries one way at most.
func wide(t Signature) int64 { return int64(max(len(t.Params), len(t.Results))) }

// label reads the label of a branch and returns how many values it carries.
func (s *scanner) label() int64 {
	r := s.r
	i := r.index(uint32(len(s.frames)), "label")
	if r.err != nil {
		return 0
	}
	return s.carry(s.frames[len(s.frames)-1-int(i)].labelArity())
}

// labels reads the labels of a br_table, the default one last.
func (s *scanner) labels() (extra int64) {
	n := s.r.count(maxElements, "labels")
	for i := 0; i <= n && s.r.err == nil; i++ {
		extra = max(extra, s.label())
	}
	return extra
}

// callee reads the index of a function, notes that it has to be renumbered and returns the cost of its arguments
// and results.
func (s *scanner) callee(op byte) int64 {
	r, at := s.r, s.r.pos
	f := r.index(uint32(len(s.m.funcs)), "function")
	if r.err != nil {
		return 0
	}
	s.edits = append(s.edits, edit{at: uint32(at), end: uint32(r.pos), kind: editFunction, arg: s.m.newFunction(f)})
	if op == opRefFunc {
		s.m.taken[f] = true
		return 0
	}
	s.points[s.cur].calls = true
	s.reach = wide(s.m.types[s.m.funcs[f]])
	if s.graph != nil {
		s.graph.calls(f)
	}
	cost := s.carry(s.m.types[s.m.funcs[f]].arity())
	if f < s.m.importedFuncs {
		cost += CostRuntime
	}
	return cost
}
