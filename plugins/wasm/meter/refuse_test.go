package meter

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// section is a module of one section.
func section(id byte, payload ...byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), appendSized([]byte{id}, payload)...)
}

// body is a module with one function () -> () of that code, a memory and nothing else.
func body(code ...byte) []byte {
	p := &program{}
	p.memory(1, 0)
	p.fn("", p.sig(nil, nil), nil, code)
	return p.assemble()
}

func built(build func(*program)) []byte {
	p := &program{}
	build(p)
	return p.assemble()
}

func TestRefusalSaysWhatAndWhere(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for _, c := range []struct {
		name string
		wasm []byte
		kind error
		text string // of the message
	}{
		{"nothing", nil, ErrMalformed, "offset 0x0"},
		{"something else", []byte("\x7fELF\x01\x00\x00\x00"), ErrMalformed, "magic"},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), ErrUnsupported, "version"},
		{"a section cut short", section(1, 1)[:10], ErrMalformed, "offset 0xa"},
		{"a section of unknown id", section(14), ErrMalformed, "section 14"},
		{"a section twice", append(section(1, 0), section(1, 0)[8:]...), ErrMalformed, "offset 0xb"},
		{"sections out of order", append(section(3, 0), section(1, 0)[8:]...), ErrMalformed, "out of order"},
		{"bytes after a vector", section(1, 0, 7), ErrMalformed, "1 bytes after"},
		{"a number too long", section(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0), ErrMalformed, "longer than 32 bits"},
		{"more types than bytes", section(1, huge[:]...), ErrLimit, "4294967295 types"},
		{"a function type of the GC proposal", section(1, 1, 0x4e, 0), ErrUnsupported, "type form 0x4e"},
		{"a typed function reference", section(1, 1, 0x60, 1, 0x64, 0, 0), ErrUnsupported, "offset 0xd: value type 0x64"},
		{"an import from the meter", built(func(p *program) {
			p.importFn(DefaultYieldModule, "yield", p.sig(nil, nil))
		}), ErrReserved, `"mtad_meter"."yield"`},
		{"an export called like the fuel", built(func(p *program) {
			p.export(DefaultFuelGlobal, Global, p.global(I64, 1, i64c(1)...))
		}), ErrReserved, DefaultFuelGlobal},
		{"an export called like a global", built(func(p *program) { p.memory(1, 0); p.export(GlobalPrefix+"1", Memory, 0) }), ErrReserved, "global.1"},
		{"a shared memory", section(5, 1, 3, 1, 2), ErrUnsupported, "limits 0x3"},
		{"a 64-bit memory", section(5, 1, 4, 1), ErrUnsupported, "limits 0x4"},
		{"two memories", section(5, 2, 0, 1, 0, 1), ErrLimit, "2 memories"},
		{"a memory beyond the grant", section(5, 1, 0, 0x81, 2), ErrLimit, "257 memory pages, at most 256"},
		{"a memory of more than 4 GiB at most", section(5, 1, 1, 1, 0x81, 0x80, 4), ErrMalformed, "65537"},
		{"a memory smaller than itself", section(5, 1, 1, 2, 1), ErrMalformed, "2 to 1"},
		{"a table beyond the grant", section(4, 1, 0x70, 0, 0xff, 0xff, 0xff, 0x7f), ErrLimit, "table elements"},
		{"a table with an initializer", section(4, 1, 0x40, 0), ErrUnsupported, "table of type 0x40"},
		{"seventeen tables", section(4, seq(repeat(18, []byte{0x11})...)...), ErrLimit, "17 tables"},
		{"a global that names the fuel", section(6, 1, 0x7e, 0, opGlobalGet, 1, opEnd), ErrMalformed, "global 1 of 1"},
		{"an export of the fuel", section(7, 1, 1, 'f', 3, 0), ErrMalformed, "global 0 of 0"},
		{"an export of a function that is only added", section(7, 1, 1, 'f', 0, 0), ErrMalformed, "function 0 of 0"},
		{"an export of unknown kind", section(7, 1, 1, 'f', 9, 0), ErrUnsupported, "export kind 0x9"},
		{"a name that is not text", section(7, 1, 1, 0xff, 3, 0), ErrMalformed, "UTF-8"},
		{"an element segment of unknown kind", section(9, 1, 8), ErrUnsupported, "kind 8"},
		{"bodies without functions", section(10, 1, 2, 0, opEnd), ErrMalformed, "1 function bodies for 0"},
		{"a body of more bytes than allowed", built(func(p *program) {
			p.fn("", p.sig(nil, nil), nil)
			p.codes = [][]byte{huge}
		}), ErrLimit, "at most 7654321"},
		{"too many locals", built(func(p *program) { p.fn("", p.sig(nil, nil), []byte{1, 0xd1, 0x86, 3, byte(I32)}) }), ErrLimit, "49999 locals"},
		{"locals that overflow", built(func(p *program) {
			p.fn("", p.sig(nil, nil), append([]byte{2, 0xd0, 0x86, 3, byte(I32)}, append(huge, byte(I32))...))
		}), ErrLimit, "49999 locals"},
		{"global.get of the fuel", body(opGlobalGet, 0, opDrop), ErrMalformed, "global 0 of 0"},
		{"global.set of the fuel", body(opI64Const, 9, opGlobalSet, 0), ErrMalformed, "global 0 of 0"},
		{"call of the added function", body(opI32Const, 0, opI32Const, 0, opCall, 1, opDrop), ErrMalformed, "function 1 of 1"},
		{"a block of an added type", body(opBlock, 1, opEnd), ErrMalformed, "block type 1 of 1"},
		{"call_indirect of an added type", built(func(p *program) {
			p.tables = [][]byte{{0x70, 0, 1}}
			p.fn("", p.sig(nil, nil), nil, i32c(0), op(opCallIndirect, 1, 0))
		}), ErrMalformed, "type 1 of 1"},
		{"a local that is not there", body(opLocalGet, 0, opDrop), ErrMalformed, "local 0 of 0"},
		{"else without if", body(opBlock, blockEmpty, opElse, opEnd), ErrMalformed, "else without if"},
		{"a label too far out", body(opBr, 1), ErrMalformed, "label 1 of 1"},
		{"code after the end", body(opEnd, opNop), ErrMalformed, "after the end of function body"},
		{"code without end", append(body(opNop)[:len(body(opNop))-1], opNop), ErrMalformed, "unexpected end"},
		{"blocks nested beyond reason", body(seq(repeat(50_001, op(opBlock, blockEmpty))...)...), ErrLimit, "nested more than 50000"},
		{"loops beyond reason", body(seq(repeat(2001, op(opLoop, blockEmpty, opEnd))...)...), ErrLimit, "more than 2000 loops"},
		{"more locals than a module of its size can use", built(func(p *program) {
			p.sig(nil, nil)
			p.funcs = repeat(2, op(0))
			p.codes = repeat(2, append([]byte{6, 1, 0xcf, 0x86, 3, byte(I32)}, opEnd))
		}), ErrLimit, "99998 locals in a module"},
		{"more values than code of its size can use", built(func(p *program) {
			t := p.sig(nil, copiesOf(1000, I32))
			p.importFn("env", "many", t)
			p.fn("", p.sig(nil, nil), nil, repeat(101, call(0))...)
		}), ErrLimit, "values carried"},
		{"more exports than the engine can stand", section(7, 0x91, 0xce, 0), ErrLimit, "10001 exports, at most 10000"},
		{"threads", body(0xfe, 0x03, 0), ErrUnsupported, "opcode 0xfe 0x3"},
		{"the GC proposal", body(0xfb, 0x01), ErrUnsupported, "opcode 0xfb 0x1"},
		{"call_ref", body(0x14, 0), ErrUnsupported, "opcode 0x14"},
		{"br_on_null", body(0xd5, 0), ErrUnsupported, "opcode 0xd5"},
		{"legacy exceptions", body(0x06, blockEmpty, opEnd), ErrUnsupported, "opcode 0x6"},
		{"exceptions unless asked for", body(opTryTable, blockEmpty, 0, opEnd), ErrUnsupported, "opcode 0x1f"},
		{"an unknown opcode", body(0xff), ErrUnsupported, "opcode 0xff"},
		{"an unknown bulk opcode", body(opMisc, 0x12), ErrUnsupported, "opcode 0xfc 0x12"},
		{"a bulk opcode in two bytes", body(opMisc, 0x8b, 0, 0), ErrUnsupported, "opcode 0xfc 0x8b"},
		{"relaxed SIMD", body(opSIMD, 0x80, 0x02), ErrUnsupported, "opcode 0xfd 0x80"},
		{"a SIMD opcode in three bytes", body(opSIMD, 0x80, 0x81, 0), ErrUnsupported, "opcode 0xfd 0x80"},
		{"a short SIMD opcode in two bytes", body(opSIMD, 0x8c, 0x00), ErrUnsupported, "opcode 0xfd 0x8c"},
		{"a gap in SIMD", body(opSIMD, 0x9a, 0x01), ErrUnsupported, "opcode 0xfd 0x9a"},
		{"a second memory in a load", body(opI32Const, 0, opI32Load, 0x42, 0, 0, opDrop), ErrMalformed, "alignment"},
		{"a second memory in memory.size", body(opMemorySize, 1, opDrop), ErrUnsupported, "memory 1"},
		{"two name sections", append(section(0, []byte("\x04name")...), section(0, []byte("\x04name")...)[8:]...), ErrMalformed, "second name section"},
		{"a name for nobody", section(0, []byte("\x04name\x01\x04\x01\x05\x01x")...), ErrMalformed, "function 5 of 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Rewrite(c.wasm, Options{})
			if res != nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v, want %q, %v", err, c.text, c.kind)
			}
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(c.wasm) {
				t.Errorf("%#v names no offset", err)
			}
		})
	}
}

func copiesOf[T any](n int, x T) []T { return slices.Repeat([]T{x}, n) }

func TestMutableVectorGlobalIsRefusedOnlyIfItWereExported(t *testing.T) {
	p := &program{}
	p.global(V128, 1, append([]byte{opSIMD, simdConst}, make([]byte, 16)...)...)
	if _, err := Rewrite(p.assemble(), Options{ExportGlobals: true}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("with ExportGlobals: %v, want %v", err, ErrUnsupported)
	}
	if _, err := Rewrite(p.assemble(), Options{}); err != nil {
		t.Errorf("without: %v", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"more memory than there can be": {MaxMemoryPages: 65537},
		"more table than there can be":  {MaxTableElements: 10_000_001},
		"a fuel name that is not text":  {FuelGlobal: "\xff"},
		"a yield that is not text":      {YieldName: "\xff"},
	} {
		if _, err := Rewrite(section(1, 0), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v, want %v", name, err, ErrOptions)
		}
	}
}

// Counts in hostile input are met with no allocation for what is not there.
func TestCountsBeyondTheInputCostNothing(t *testing.T) {
	million := []byte{0xc0, 0x84, 0x3d} // 1,000,000, within every limit but maxData and maxParams
	modules := [][]byte{
		section(0, append([]byte("\x04name\x01\x03"), million...)...),
		built(func(p *program) { p.fn("", p.sig(nil, nil), nil, op(opBrTable), million) }),
		built(func(p *program) { p.fn("", p.sig(nil, nil), []byte{1, 0xd0, 0x86, 3, byte(V128)}) }), // 50,000 locals
		built(func(p *program) { p.elems = [][]byte{append([]byte{1, 0}, million...)} }),
		built(func(p *program) { p.datas = [][]byte{append([]byte{1}, million...)} }),
	}
	for _, id := range []byte{sectionType, sectionImport, sectionFunction, sectionTag, sectionGlobal, sectionExport, sectionElement, sectionCode} {
		modules = append(modules, section(id, million...))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, m := range modules {
		_, _ = Rewrite(m, Options{})
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d modules of at most 30 bytes took %d bytes", len(modules), got)
	}
}

// The worst a module of a given size can do to the rewriter is short calls, loops and segments, in great number.
func TestMemoryTakenIsBoundedByTheSizeOfTheModule(t *testing.T) {
	const n = 100_000
	for name, wasm := range map[string][]byte{
		"calls": built(func(p *program) { p.fn("", p.sig(nil, nil), nil, repeat(n, call(0))...) }),
		"loops": built(func(p *program) {
			p.sig(nil, nil)
			p.funcs = repeat(n/1000, op(0))
			p.codes = repeat(n/1000, appendSized(nil, seq(op(0), seq(repeat(1000, op(opLoop, blockEmpty, opEnd))...), op(opEnd))))
		}),
		"fills": built(func(p *program) {
			p.fn("", p.sig(nil, nil), nil, repeat(n, op(opMisc, miscMemoryFill, 0))...)
		}),
		"nests": built(func(p *program) {
			p.fn("", p.sig(nil, nil), nil, seq(repeat(40_000, op(opBlock, blockEmpty))...), seq(repeat(40_000, op(opEnd))...))
		}),
		"types": section(1, append(appendU32(nil, n), seq(repeat(n, []byte{0x60, 0, 0})...)...)...),
		"exports of a large type": built(func(p *program) {
			p.fn("", p.sig(copiesOf(1000, I32), nil), nil)
			for i := range 10_000 {
				p.export(fmt.Sprint(i), Function, 0)
			}
		}),
		"functions": built(func(p *program) { p.sig(nil, nil); p.funcs = repeat(n, op(0)); p.codes = repeat(n, op(2, 0, opEnd)) }),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res, err := Rewrite(wasm, Options{})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if took := int(after.TotalAlloc - before.TotalAlloc); took > 200*len(wasm) || len(res.Wasm) > 10*len(wasm) {
			t.Errorf("%s: %d bytes took %d bytes to turn into %d", name, len(wasm), took, len(res.Wasm))
		}
	}
}

func TestNumbersAreReadAsTheSpecificationSays(t *testing.T) {
	for _, c := range []struct {
		bits int // 0: unsigned, 32
		in   []byte
		want int64
		bad  bool
	}{
		{0, []byte{0x7f}, 127, false},
		{0, []byte{0x80, 0x01}, 128, false},
		{0, []byte{0x80, 0x80, 0x80, 0x80, 0x00}, 0, false}, // padded
		{0, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, math.MaxUint32, false},
		{0, []byte{0xff, 0xff, 0xff, 0xff, 0x1f}, 0, true},
		{0, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, true},
		{0, []byte{0x80}, 0, true},
		{32, []byte{0x7f}, -1, false},
		{32, []byte{0x3f}, 63, false},
		{32, []byte{0x40}, -64, false},
		{32, []byte{0xff, 0xff, 0xff, 0xff, 0x07}, math.MaxInt32, false},
		{32, []byte{0x80, 0x80, 0x80, 0x80, 0x78}, math.MinInt32, false},
		{32, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 0, true},
		{32, []byte{0x80, 0x80, 0x80, 0x80, 0x70}, 0, true},
		{33, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, math.MaxUint32, false},
		{33, []byte{0x80, 0x80, 0x80, 0x80, 0x70}, -1 << 32, false},
		{33, []byte{0x80, 0x80, 0x80, 0x80, 0x80}, 0, true},
		{64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}, math.MaxInt64, false},
		{64, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, math.MinInt64, false},
		{64, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 0, true},
	} {
		r := reader{b: c.in}
		var got int64
		if c.bits == 0 {
			got = int64(r.u32())
		} else {
			got = r.signed(c.bits)
		}
		if (r.err != nil) != c.bad || got != c.want {
			t.Errorf("% x in %d bits is %d, %v; want %d", c.in, c.bits, got, r.err, c.want)
		}
		if c.bad {
			continue
		}
		out := appendS64(nil, c.want)
		if c.bits == 0 {
			out = appendU32(nil, uint32(c.want))
		}
		back := reader{b: out}
		if c.bits == 0 && int64(back.u32()) != c.want || c.bits != 0 && back.signed(64) != c.want {
			t.Errorf("%d is written as % x", c.want, out)
		}
	}
}
