package meter

func (m *module) importSection(e *editor) {
	n := e.vector(maxImports, "imports", 1)
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		imp := Import{Module: e.name(), Name: e.name()}
		if imp.Module == m.opt.yieldModule && !m.opt.inspect {
			e.fail(at, ErrReserved, "import %q.%q", imp.Module, imp.Name)
		}
		at = e.pos
		imp.Kind = Kind(e.byte())
		switch imp.Kind {
		case Function:
			t := m.typeIndex(&e.reader)
			if e.err != nil {
				return
			}
			m.funcs = append(m.funcs, t)
			m.importedFuncs++
			imp.Signature = m.types[t]
		case Table:
			m.tables = append(m.tables, m.table(&e.reader))
		case Memory:
			m.memory = append(m.memory, m.limits(&e.reader, m.opt.memoryPages, wasmPages, "memory pages"))
		case Global:
			m.globals = append(m.globals, e.globalType())
			m.importedGlobals++
		case Tag:
			m.tag(&e.reader)
		default:
			e.fail(at, ErrUnsupported, "import kind %#x", byte(imp.Kind))
		}
		m.imports = append(m.imports, imp)
	}
	m.checkSpaces(&e.reader)
	e.keep()
	e.out = appendName(e.out, m.opt.yieldModule)
	e.out = appendName(e.out, m.opt.yieldName)
	e.out = append(e.out, byte(Function))
	e.out = appendU32(e.out, m.yieldType())
}

func (m *module) functionSection(e *editor) {
	n := e.vector(maxFunctions, "functions", addedFunctions)
	for i := 0; i < n && e.err == nil; i++ {
		m.funcs = append(m.funcs, m.typeIndex(&e.reader))
	}
	e.keep()
	e.out = appendU32(e.out, m.chargeType())
	e.out = appendU32(appendU32(e.out, m.moveType()), m.moveType())
	m.taken = make([]bool, len(m.funcs))
}

// tableSection also caps how far each table may grow.
func (m *module) tableSection(e *editor) {
	n := e.vector(maxTables, "tables", 0)
	for i := 0; i < n && e.err == nil; i++ {
		elem := e.pos
		t := m.table(&e.reader)
		m.opt.capTo(&t, m.opt.tableElements)
		e.keepTo(elem + 1)
		e.out, e.kept = t.append(e.out), e.pos
		m.tables = append(m.tables, t)
	}
	m.checkSpaces(&e.reader)
}

// memorySection also caps how far the memory may grow.
func (m *module) memorySection(e *editor) {
	n := e.vector(1, "memories", 0)
	for i := 0; i < n && e.err == nil; i++ {
		l := m.limits(&e.reader, m.opt.memoryPages, wasmPages, "memory pages")
		m.opt.capTo(&l, m.opt.memoryPages)
		e.out, e.kept = l.append(e.out), e.pos
		m.memory = append(m.memory, l)
	}
	m.checkSpaces(&e.reader)
}

// checkSpaces refuses more memories and tables than there may be, whether imported or defined.
func (m *module) checkSpaces(r *reader) {
	if len(m.memory) > 1 {
		r.fail(r.pos, ErrUnsupported, "more than one memory")
	}
	if len(m.tables) > maxTables {
		r.fail(r.pos, ErrLimit, "%d tables, at most %d", len(m.tables), maxTables)
	}
}

func (m *module) tagSection(e *editor) {
	n := e.vector(maxTags, "tags", 0)
	for i := 0; i < n && e.err == nil; i++ {
		m.tag(&e.reader)
	}
}

func (m *module) tag(r *reader) {
	at := r.pos
	if attr := r.byte(); attr != 0 {
		r.fail(at, ErrUnsupported, "tag attribute %#x", attr)
	}
	m.typeIndex(r)
	m.tags++
}

// globalSection adds the fuel and the stack, after all globals of the guest.
func (m *module) globalSection(e *editor) {
	n := e.vector(maxGlobals, "globals", 2)
	known := uint32(len(m.globals) + n)
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		g := e.globalType()
		if g.mutable && g.value == V128 && m.opt.exportGlobals {
			e.fail(at, ErrUnsupported, "mutable v128 global, which a host cannot restore")
		}
		m.globals = append(m.globals, g)
		m.constant(e, known)
	}
	e.keep()
	e.out = append(e.out, byte(I64), 1, opI64Const)
	e.out = append(appendS64(e.out, m.opt.initialFuel), opEnd)
	e.out = append(e.out, byte(I32), 1, opI32Const)
	e.out = append(appendS64(e.out, int64(m.opt.stack)), opEnd)
}

func (r *reader) globalType() globalType {
	t := r.valueType()
	at := r.pos
	mut := r.byte()
	if mut > 1 {
		r.fail(at, ErrMalformed, "global mutability %#x", mut)
	}
	return globalType{value: t, mutable: mut == 1}
}

// exportSection adds the fuel, the stack and, if asked to, the guest's mutable globals.
func (m *module) exportSection(e *editor) {
	added := m.reservedExports()
	n := e.vector(maxExports, "exports", len(added))
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		x := Export{Name: e.name(), Kind: Kind(e.byte())}
		if m.opt.reserves(x.Name) {
			e.fail(at, ErrReserved, "export %q", x.Name)
		}
		at = e.pos
		switch x.Kind {
		case Function:
			f := e.index(uint32(len(m.funcs)), "function")
			if e.err != nil {
				return
			}
			e.replace(at, m.newFunction(f))
			x.Signature = m.types[m.funcs[f]]
		case Global:
			e.index(uint32(len(m.globals)), "global")
		case Table, Memory, Tag:
			e.u32()
		default:
			e.fail(at-1, ErrUnsupported, "export kind %#x", byte(x.Kind))
		}
		m.exports = append(m.exports, x)
	}
	e.keep()
	for _, g := range added {
		e.out = append(appendName(e.out, g.Name), byte(Global))
		e.out = appendU32(e.out, g.index)
	}
}

func (m *module) startSection(e *editor) {
	f := e.index(uint32(len(m.funcs)), "start function")
	e.replace(e.kept, m.newFunction(f))
}

func (m *module) dataCountSection(e *editor) { e.u32() }
