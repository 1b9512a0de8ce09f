package wasmtest

import "slices"

// Module is a module being assembled; the fields have the encoded entries of its sections. The zero
// value is an empty module. Functions are numbered from the imported ones on, which come first.
type Module struct {
	Types, Imports, Functions, Tables, Memories, Globals, Exports, Elements, Codes, Data [][]byte

	// Start is the function that instantiation runs, if HasStart.
	Start    int
	HasStart bool
}

// Value types and instructions that tests use; the rest are written as bytes.
const (
	I32 byte = 0x7f
	I64 byte = 0x7e

	kindFunction = 0
	kindMemory   = 2
)

// Plugin returns a module with what every plugin has: a memory of pages (and at most as many as the
// host grants), and the marker.
func Plugin(pages uint32) *Module {
	m := &Module{Memories: [][]byte{append([]byte{0}, U32(pages)...)}}
	m.Exports = append(m.Exports, append(Name("memory"), kindMemory, 0))
	return m
}

// Type adds a function type and returns its index.
func (m *Module) Type(params, results []byte) int {
	t := slices.Concat([]byte{0x60}, U32(uint32(len(params))), params, U32(uint32(len(results))), results)
	m.Types = append(m.Types, t)
	return len(m.Types) - 1
}

// Import adds an imported function, before all others, and returns its index.
func (m *Module) Import(module, name string, params, results []byte) int {
	t := m.Type(params, results)
	m.Imports = append(m.Imports, slices.Concat(Name(module), Name(name), []byte{kindFunction}, U32(uint32(t))))
	return len(m.Imports) - 1
}

// Func adds a function without locals and returns its index; it is exported under names.
func (m *Module) Func(params, results, code []byte, names ...string) int {
	t := m.Type(params, results)
	m.Functions = append(m.Functions, U32(uint32(t)))
	body := slices.Concat([]byte{0}, code, []byte{0x0b})
	m.Codes = append(m.Codes, append(U32(uint32(len(body))), body...))
	f := len(m.Imports) + len(m.Functions) - 1
	for _, n := range names {
		m.Exports = append(m.Exports, slices.Concat(Name(n), []byte{kindFunction}, U32(uint32(f))))
	}
	return f
}

// Hook adds the marker and one hook with this code, which leaves a verdict.
func (m *Module) Hook(name string, code ...[]byte) *Module {
	m.Func(nil, nil, nil, "mtad_abi_1")
	m.Func(nil, []byte{I32}, slices.Concat(code...), "mtad_"+name)
	return m
}

// Encode returns the module in the binary format.
func (m *Module) Encode() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, entries [][]byte) {
		if len(entries) > 0 {
			body := append(U32(uint32(len(entries))), slices.Concat(entries...)...)
			out = append(append(append(out, id), U32(uint32(len(body)))...), body...)
		}
	}
	section(1, m.Types)
	section(2, m.Imports)
	section(3, m.Functions)
	section(4, m.Tables)
	section(5, m.Memories)
	section(6, m.Globals)
	section(7, m.Exports)
	if m.HasStart {
		f := U32(uint32(m.Start))
		out = append(append(append(out, 8), U32(uint32(len(f)))...), f...)
	}
	section(9, m.Elements)
	section(10, m.Codes)
	section(11, m.Data)
	return out
}

// U32 encodes a number (LEB128).
func U32(n uint32) (b []byte) {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// S64 encodes a signed number.
func S64(n int64) (b []byte) {
	for n < -64 || n > 63 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n)&0x7f)
}

// Name encodes a name.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// Const pushes a constant of type I32 or I64.
func Const(t byte, n int64) []byte {
	if t == I64 {
		return append([]byte{0x42}, S64(n)...)
	}
	return append([]byte{0x41}, S64(int64(int32(n)))...)
}

// Call calls a function.
func Call(f int) []byte { return append([]byte{0x10}, U32(uint32(f))...) }

// Forever repeats code.
func Forever(code ...[]byte) []byte {
	return slices.Concat([]byte{0x03, 0x40}, slices.Concat(code...), []byte{0x0c, 0, 0x0b, 0x00})
}
