package meter

import (
	"strconv"
	"strings"
)

// Kind is what an import or export is, by its byte in the binary format.
type Kind byte

// The kinds.
const (
	Function Kind = 0
	Table    Kind = 1
	Memory   Kind = 2
	Global   Kind = 3
	Tag      Kind = 4
)

// String is the kind's name in the text format.
func (k Kind) String() string {
	switch k {
	case Function:
		return "func"
	case Table:
		return "table"
	case Memory:
		return "memory"
	case Global:
		return "global"
	case Tag:
		return "tag"
	}
	return "unknown"
}

// Signature is the type of a function. Functions of one type share its slices; they are not to be changed.
type Signature struct{ Params, Results []ValueType }

// String is the signature as the specification writes it: "(i32 i32) -> (i64)".
func (s Signature) String() string {
	return "(" + join(s.Params) + ") -> (" + join(s.Results) + ")"
}

func join(types []ValueType) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = t.String()
	}
	return strings.Join(words, " ")
}

func (s Signature) arity() int64 { return int64(len(s.Params) + len(s.Results)) }

// Import is something that a module asks its host for.
type Import struct {
	Module, Name string
	Kind         Kind
	Signature    Signature // of a function
}

// Export is something that a module offers.
type Export struct {
	Name      string
	Kind      Kind
	Signature Signature // of a function
}

// GlobalExport is a mutable global exported on demand.
type GlobalExport struct {
	Name  string
	Type  ValueType
	index uint32
}

// Info is what the declarations of a module say, in its own order.
type Info struct {
	Imports []Import
	Exports []Export
	Memory  *Limits  // in pages of 64 KiB; nil if there is none
	Tables  []Limits // in elements, imported ones first
	Start   bool     // has a start function
}

// Inspect reads the declarations of a module: what it exports and asks for and how big it is. It does not look at
// code or contents of segments. Limits as Rewrite; the sizes of memory and tables are not judged.
func Inspect(wasm []byte) (*Info, error) {
	m, err := split(wasm)
	if err != nil {
		return nil, err
	}
	m.opt = settings{memoryPages: wasmPages, tableElements: wasmTable, inspect: true}
	if _, err := m.declare(); err != nil {
		return nil, err
	}
	info := m.info()
	return &info, nil
}

func (m *module) info() Info {
	i := Info{Imports: m.imports, Exports: m.exports, Tables: m.tables, Start: m.section[sectionStart] != nil}
	if len(m.memory) > 0 {
		i.Memory = &m.memory[0]
	}
	return i
}

// FindExport returns the export of that name; nil if there is none.
func (i *Info) FindExport(name string) *Export {
	for n := range i.Exports {
		if i.Exports[n].Name == name {
			return &i.Exports[n]
		}
	}
	return nil
}

// globalExports is what Options.ExportGlobals adds.
func (m *module) globalExports() []GlobalExport {
	if !m.opt.exportGlobals {
		return nil
	}
	var x []GlobalExport
	for i, g := range m.globals {
		if g.mutable && uint32(i) >= m.importedGlobals {
			x = append(x, GlobalExport{Name: GlobalPrefix + strconv.Itoa(i), Type: g.value, index: uint32(i)})
		}
	}
	return x
}

// reservedExports is everything that is exported beyond what the guest exports.
func (m *module) reservedExports() []GlobalExport {
	return append(m.globalExports(), GlobalExport{Name: m.opt.fuelGlobal, Type: I64, index: m.fuelGlobal()},
		GlobalExport{Name: m.opt.stackGlobal, Type: I32, index: m.stackGlobal()})
}
