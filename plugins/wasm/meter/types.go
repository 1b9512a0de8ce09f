package meter

// ValueType is the type of a value, by its byte in the binary format (core specification §5.3).
type ValueType byte

// The value types of the features that are decoded.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
	ExnRef    ValueType = 0x69
)

// String is the type's name in the text format.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	case ExnRef:
		return "exnref"
	}
	return "unknown"
}

func (t ValueType) known() bool { return t.String() != "unknown" }

func (t ValueType) isRef() bool { return t == FuncRef || t == ExternRef || t == ExnRef }

// valueType reads one value type. Typed function references (0x63, 0x64) and everything of the GC proposal are
// not decoded.
func (r *reader) valueType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if !t.known() {
		r.fail(at, ErrUnsupported, "value type %#x", byte(t))
	}
	return t
}

// valueTypes reads a vector of value types, one byte each.
func (r *reader) valueTypes(limit uint32, what string) []ValueType {
	n := r.count(limit, what)
	if n == 0 {
		return nil
	}
	types := make([]ValueType, n)
	for i := range types {
		types[i] = r.valueType()
	}
	return types
}

func (m *module) typeSection(e *editor) {
	at := e.pos
	n := e.count(maxTypes, "types")
	begin := e.pos
	for i := 0; i < n && e.err == nil; i++ {
		at := e.pos
		if form := e.byte(); form != 0x60 {
			e.fail(at, ErrUnsupported, "type form %#x", form) // 0x4e: a recursive group, of the GC proposal
		}
		m.types = append(m.types, Signature{
			Params:  e.valueTypes(maxParams, "parameters"),
			Results: e.valueTypes(maxResults, "results"),
		})
	}
	blocks := m.resultTypes()
	e.keepTo(at)
	e.out = appendU32(e.out, uint32(n+addedTypes+len(blocks)))
	e.kept = begin
	e.keep()
	e.out = append(e.out,
		0x60, 0, 0, // yield: () -> ()
		0x60, 2, byte(I32), byte(I32), 1, byte(I32), // charge: (units, bytes each) -> units
		0x60, 3, byte(I32), byte(I32), byte(I32), 0) // fill: (to, value, bytes), copy: (to, from, bytes)
	for _, results := range blocks {
		e.out = appendU32(append(e.out, 0x60, 0), uint32(len(results)))
		for _, t := range results {
			e.out = append(e.out, byte(t))
		}
	}
}

// resultTypes makes a type () -> results for each list of several results: that of the block that a function with
// these results gets.
func (m *module) resultTypes() (blocks [][]ValueType) {
	m.resultBlocks = map[string]uint32{}
	for _, t := range m.types {
		if len(t.Results) < 2 {
			continue
		}
		if key := join(t.Results); m.resultBlocks[key] == 0 {
			m.resultBlocks[key] = uint32(len(m.types) + addedTypes + len(blocks))
			blocks = append(blocks, t.Results)
		}
	}
	return blocks
}

// addedTypes are those of yield, charge, and fill and copy, behind the guest's.
const addedTypes = 3

func (m *module) yieldType() uint32  { return uint32(len(m.types)) }
func (m *module) chargeType() uint32 { return uint32(len(m.types)) + 1 }
func (m *module) moveType() uint32   { return uint32(len(m.types)) + 2 }

// typeIndex reads the index of one of the guest's own types.
func (m *module) typeIndex(r *reader) uint32 { return r.index(uint32(len(m.types)), "type") }
