package meter

// Section ids, core specification §5.5.2 and, for the tag section, the exception handling proposal.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
	sections
)

// sectionOrder is the order in which sections must appear, custom ones aside.
var sectionOrder = [...]byte{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionTag, sectionGlobal,
	sectionExport, sectionStart, sectionElement, sectionDataCount, sectionCode, sectionData,
}

// module is one module on its way through the rewriter. Indices in it are the guest's own, as the input
// numbers them; newFunction tells what an index becomes.
type module struct {
	opt     settings
	size    int               // bytes of the input
	section [sections]*reader // nil: absent
	names   *reader           // payload of the "name" section after its name

	types   []Signature
	funcs   []uint32 // type of each function, the imported ones first
	globals []globalType
	tables  []Limits
	memory  []Limits // none or one
	tags    int

	importedFuncs, importedGlobals uint32

	imports []Import
	exports []Export

	taken        []bool            // functions that something other than a call refers to
	resultBlocks map[string]uint32 // types of blocks by their results, several each

	hiddenState bool
}

type globalType struct {
	value   ValueType
	mutable bool
}

// newFunction is what function i of the input is called in the output: yield is imported after the guest's own
// imports, so that everything defined in the module moves up by one.
func (m *module) newFunction(i uint32) uint32 {
	if i < m.importedFuncs {
		return i
	}
	return i + 1
}

func (m *module) yieldFunction() uint32 { return m.importedFuncs }

// chargeFunction is the added function that bulk operations call; the added ones come after all others.
func (m *module) chargeFunction() uint32 { return uint32(len(m.funcs)) + 1 }

// fillFunction and copyFunction do memory.fill and memory.copy.
func (m *module) fillFunction() uint32 { return m.chargeFunction() + 1 }
func (m *module) copyFunction() uint32 { return m.chargeFunction() + 2 }

// addedFunctions is how many are defined behind the guest's.
const addedFunctions = 3

// fuelGlobal comes after the guest's own. Since every index of the guest's is checked against the guest's own
// count, its code cannot name this one.
func (m *module) fuelGlobal() uint32 { return uint32(len(m.globals)) }

// stackGlobal is what is left for the frames of functions that count theirs.
func (m *module) stackGlobal() uint32 { return uint32(len(m.globals)) + 1 }

// split cuts a module into sections without looking into them.
func split(wasm []byte) (*module, error) {
	r := reader{b: wasm}
	if len(wasm) > maxModule {
		r.fail(0, ErrLimit, "module of %d bytes, at most %d", len(wasm), maxModule)
	}
	if string(r.take(4)) != "\x00asm" {
		r.fail(0, ErrMalformed, "no WebAssembly magic number")
	}
	if v := r.take(4); string(v) != "\x01\x00\x00\x00" {
		r.fail(4, ErrUnsupported, "version % x (a component?)", v)
	}
	m := &module{size: len(wasm)}
	next := 0 // in sectionOrder
	for r.more() {
		at := r.pos
		id := r.byte()
		payload := r.part(r.u32())
		if id == sectionCustom {
			m.custom(&payload)
			r.err = payload.err
			continue
		}
		for next < len(sectionOrder) && sectionOrder[next] != id {
			next++
		}
		if next == len(sectionOrder) {
			r.fail(at, ErrMalformed, "section %d unknown, repeated or out of order", id)
			break
		}
		next++
		m.section[id] = &payload
	}
	return m, r.err
}

// custom keeps the name section and drops every other custom section: nothing that runs a module reads them, and
// those that talk about code by its offset (DWARF) would lie.
func (m *module) custom(r *reader) {
	at := r.pos
	if r.name() != "name" || r.err != nil {
		return
	}
	if m.names != nil {
		r.fail(at, ErrMalformed, "second name section")
	}
	m.names = r
}

// declare reads the sections that say what the module consists of, in order, and returns what each becomes.
func (m *module) declare() (out [sections][]byte, err error) {
	for _, s := range []struct {
		id   byte
		read func(*editor)
	}{
		{sectionType, m.typeSection},
		{sectionImport, m.importSection},
		{sectionFunction, m.functionSection},
		{sectionTable, m.tableSection},
		{sectionMemory, m.memorySection},
		{sectionTag, m.tagSection},
		{sectionGlobal, m.globalSection},
		{sectionExport, m.exportSection},
	} {
		if out[s.id], err = m.edit(s.id, s.read); err != nil {
			return out, err
		}
	}
	return out, nil
}

// edit lets read rewrite one section and returns its new payload; nil if there is none.
func (m *module) edit(id byte, read func(*editor)) ([]byte, error) {
	r := m.section[id]
	if r == nil {
		switch id {
		case sectionType, sectionImport, sectionFunction, sectionGlobal, sectionExport, sectionCode:
			r = &reader{b: []byte{0}} // an empty vector: these get something added
		default:
			return nil, nil
		}
	}
	e := newEditor(*r)
	e.out = make([]byte, 0, len(r.b)-r.pos+(len(r.b)-r.pos)/4+256)
	read(e)
	e.keep()
	e.done("section")
	return e.out, e.err
}
