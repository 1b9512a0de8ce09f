package meter

import "slices"

// program assembles a module by hand, for what no compiler at hand writes. Each field holds the encoded entries
// of one section.
type program struct {
	types, imports, funcs, tables, memories, tags, globals, exports [][]byte
	start                                                           []byte
	elems, codes, datas                                             [][]byte
	dataCount                                                       bool
	tail                                                            []byte // appended as it is: custom sections
}

// sig adds a function type and returns its index.
func (p *program) sig(params, results []ValueType) byte {
	b := append([]byte{0x60}, vec(types(params)...)...)
	p.types = append(p.types, append(b, vec(types(results)...)...))
	return byte(len(p.types) - 1)
}

// fn defines a function of type t and exports it as name unless that is empty. The final end is added.
// Its index counts after all imported functions, which must have been added before.
func (p *program) fn(name string, t byte, locals []byte, code ...[]byte) byte {
	p.funcs = append(p.funcs, []byte{t})
	if locals == nil {
		locals = []byte{0}
	}
	body := append(slices.Concat(append([][]byte{locals}, code...)...), opEnd)
	p.codes = append(p.codes, appendSized(nil, body))
	f := byte(len(p.funcs) - 1)
	for _, i := range p.imports {
		if importKind(i) == Function {
			f++
		}
	}
	if name != "" {
		p.export(name, Function, f)
	}
	return f
}

func importKind(entry []byte) Kind {
	r := reader{b: entry}
	r.name()
	r.name()
	return Kind(r.byte())
}

func (p *program) importFn(module, name string, t byte) {
	p.imports = append(p.imports, append(appendName(appendName(nil, module), name), byte(Function), t))
}

func (p *program) export(name string, k Kind, index byte) {
	p.exports = append(p.exports, append(appendName(nil, name), byte(k), index))
}

// memory adds a memory of min pages, with max unless that is 0.
func (p *program) memory(min, max uint32) {
	p.memories = append(p.memories, Limits{Min: min, Max: max, Bounded: max != 0}.append(nil))
}

func (p *program) global(t ValueType, mutable byte, init ...byte) byte {
	p.globals = append(p.globals, append([]byte{byte(t), mutable}, append(init, opEnd)...))
	return byte(len(p.globals) - 1)
}

func (p *program) assemble() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	sec := func(id byte, entries [][]byte) {
		if entries != nil {
			out = appendSized(append(out, id), vec(entries...))
		}
	}
	sec(sectionType, p.types)
	sec(sectionImport, p.imports)
	sec(sectionFunction, p.funcs)
	sec(sectionTable, p.tables)
	sec(sectionMemory, p.memories)
	sec(sectionTag, p.tags)
	sec(sectionGlobal, p.globals)
	sec(sectionExport, p.exports)
	if p.start != nil {
		out = appendSized(append(out, sectionStart), p.start)
	}
	sec(sectionElement, p.elems)
	if p.dataCount {
		out = append(out, sectionDataCount, 1, byte(len(p.datas)))
	}
	sec(sectionCode, p.codes)
	sec(sectionData, p.datas)
	return append(out, p.tail...)
}

// vec encodes a vector.
func vec(entries ...[]byte) []byte {
	return append(appendU32(nil, uint32(len(entries))), slices.Concat(entries...)...)
}

func types(t []ValueType) [][]byte {
	b := make([][]byte, len(t))
	for i := range t {
		b[i] = []byte{byte(t[i])}
	}
	return b
}

func custom(name string, payload ...byte) []byte {
	return appendSized([]byte{sectionCustom}, append(appendName(nil, name), payload...))
}

// Instructions. op is for those that need nothing special.
func op(b ...byte) []byte        { return b }
func i32c(n int32) []byte        { return appendS64([]byte{opI32Const}, int64(n)) }
func i64c(n int64) []byte        { return appendS64([]byte{opI64Const}, n) }
func get(local byte) []byte      { return []byte{opLocalGet, local} }
func set(local byte) []byte      { return []byte{opLocalGet + 1, local} }
func call(f byte) []byte         { return []byte{opCall, f} }
func seq(code ...[]byte) []byte  { return slices.Concat(code...) }
func loop(code ...[]byte) []byte { return seq(op(opLoop, blockEmpty), seq(code...), op(opEnd)) }

// countdown runs code, then does it again until the i32 local has gone down to zero.
func countdown(local byte, code ...[]byte) []byte {
	return loop(seq(code...), get(local), i32c(1), op(opI32Sub, opLocalTee, local, opBrIf, 0))
}

// valTypes is shorthand for the types of parameters and results.
func valTypes(t ...ValueType) []ValueType { return t }
