package meter

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// recursions call themselves a number of times, then return. Each exports f(i32) -> i32.
func recursions() map[string]func(*program) {
	down := seq(get(0), i32c(1), op(opI32Sub)) // the argument for the next level
	ends := func(code ...[]byte) []byte {      // 7 at the bottom
		return seq(get(0), op(opI32Eqz, opIf, blockEmpty), i32c(7), op(opReturn, opEnd), seq(code...))
	}
	table := func(p *program, functions ...byte) {
		p.tables = [][]byte{{byte(FuncRef), 0, byte(len(functions))}}
		p.elems = [][]byte{append(append(append([]byte{0}, i32c(0)...), opEnd, byte(len(functions))), functions...)}
	}
	one := func(p *program) byte { return p.sig(valTypes(I32), valTypes(I32)) }
	return map[string]func(*program){
		"itself": func(p *program) { p.fn("f", one(p), nil, ends(down, call(0))) },
		"each other": func(p *program) {
			t := one(p)
			p.fn("f", t, nil, ends(down, call(1)))
			p.fn("", t, nil, ends(down, call(0)))
		},
		"through a table": func(p *program) {
			t := one(p)
			table(p, 0)
			p.fn("f", t, nil, ends(down, i32c(0), op(opCallIndirect, t, 0)))
		},
		"through a table, by another index of the type": func(p *program) {
			t, same := one(p), one(p)
			table(p, 0)
			p.fn("f", t, nil, ends(down, i32c(0), op(opCallIndirect, same, 0)))
		},
		"through a table and another function": func(p *program) {
			t := one(p)
			table(p, 1)
			p.fn("f", t, nil, ends(down, i32c(0), op(opCallIndirect, t, 0)))
			p.fn("", t, nil, get(0), call(0))
		},
		"through a reference": func(p *program) {
			t := one(p)
			p.tables = [][]byte{{byte(FuncRef), 0, 1}}
			p.elems = [][]byte{{3, 0, 1, 0}} // declarative
			p.fn("f", t, nil, i32c(0), op(opRefFunc, 0, opTableSet, 0), ends(down, i32c(0), op(opCallIndirect, t, 0)))
		},
		"with many results": func(p *program) {
			many := p.sig(valTypes(I32), valTypes(I32, I64, F64, I32))
			p.fn("", many, nil, get(0), op(opI32Eqz, opIf, blockEmpty), i32c(7), i64c(1), op(opF64Const, 0, 0, 0, 0, 0, 0, 0, 0), i32c(2),
				op(opReturn, opEnd), down, call(0))
			p.fn("f", one(p), nil, get(0), call(0), op(opDrop, opDrop, opDrop))
		},
		"leaving by every branch": func(p *program) {
			p.fn("f", one(p), []byte{1, 1, byte(I32)}, op(opBlock, blockEmpty),
				get(0), op(opI32Eqz, opBrIf, 0), down, call(0), op(opLocalTee, 1),
				get(1), i32c(1), op(0x71), op(opBrIf, 1), // i32.and, out of the function
				op(opDrop), get(1), get(0), i32c(3), op(0x71), op(opBrTable, 2, 1, 1, 1, 1, opEnd), i32c(7))
		},
		"a tail call with too many arguments for registers": func(p *program) {
			wide := p.sig(copiesOf(8, I32), valTypes(I32))
			p.fn("", wide, nil, ends(down, get(1), get(2), get(3), get(4), get(5), get(6), get(7), op(opReturnCall, 0)))
			p.fn("f", one(p), nil, get(0), get(0), get(0), get(0), get(0), get(0), get(0), get(0), call(0))
		},
	}
}

func TestRecursionIsStopped(t *testing.T) {
	for name, build := range recursions() {
		t.Run(name, func(t *testing.T) {
			p := &program{}
			build(p)
			h := newHost(t, 1<<40)
			m := h.meterProgram(t, p)
			if _, _, err := h.run(t, m, "f", 10_000_000); !errors.Is(err, errDeep) {
				t.Fatalf("ends with %.200v, want it stopped", err)
			}
			// The instance can be used again, and what a call left without a failure is what it found.
			for range 3 {
				if res, _, err := h.run(t, m, "f", 1000); err != nil || int32(res[0]) != 7 {
					t.Fatalf("1,000 levels: %v, %v; want 7", res, err)
				}
				if left := int32(stackOf(m).Get()); left != DefaultStack {
					t.Errorf("1,000 levels left %d bytes of the stack, want all %d", left, DefaultStack)
				}
			}
		})
	}
}

func TestTailCallsNeedNoStack(t *testing.T) {
	h := newHost(t, 1<<40)
	m := h.start(t, rewrite(t, tailCalls().assemble()).Wasm)
	for _, f := range []string{"down", "across"} {
		if _, _, err := h.run(t, m, f, 1_000_000, 1); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// Exceptions throw through frames that do not come to their ends.
func TestACatchGivesBackTheStackOfThoseThatWereThrownThrough(t *testing.T) {
	p := &program{}
	v := p.sig(nil, nil)
	one := p.sig(valTypes(I32), valTypes(I32))
	p.tags = append(p.tags, []byte{0, v})
	deep := p.fn("", one, nil, get(0), op(opI32Eqz, opIf, blockEmpty, opThrow, 0, opEnd), get(0), i32c(1), op(opI32Sub), call(0))
	// Catches 1,000 levels n times: by a block, and by a loop.
	level := seq(i32c(1000), call(deep), op(opDrop))
	p.fn("block", one, nil, countdown(0, op(opBlock, blockEmpty, opTryTable, blockEmpty, 1, 2, 0), level, op(opEnd, opEnd)), i32c(7))
	left := p.global(I32, 1, i32c(0)...)
	p.fn("loop", one, nil, get(0), op(opGlobalSet, left), loop(
		op(opGlobalGet, left, opI32Eqz, opIf, blockEmpty), i32c(7), op(opReturn, opEnd),
		op(opGlobalGet, left), i32c(1), op(opI32Sub, opGlobalSet, left),
		op(opTryTable, blockEmpty, 1, 2, 0), level, op(opEnd)), i32c(8))
	h := newHost(t, 1<<40)
	m := h.meterProgram(t, p)
	for _, f := range []string{"block", "loop"} {
		res, _, err := h.run(t, m, f, 100)
		if err != nil || res[0] != 7 {
			t.Errorf("%s: %v, %.200v; want 7", f, res, err)
		}
		if left := stackOf(m).Get(); left != DefaultStack {
			t.Errorf("%s left %d bytes of the stack, want all %d", f, left, DefaultStack)
		}
	}
}

// A chain of functions with large frames is no cycle, and is as deep.
func TestALongChainOfCallsIsStopped(t *testing.T) {
	p := &program{}
	ty := p.sig(valTypes(I32), valTypes(I32))
	f := p.fn("", ty, nil, get(0))
	for range 100 { // 4 KiB of locals each
		f = p.fn("", ty, []byte{1, 0xf0, 3, byte(I64)}, get(0), call(f))
	}
	p.export("f", Function, f)
	res, err := Rewrite(p.assemble(), Options{MaxStack: 256 << 10, InitialFuel: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	m := newHost(t, 1<<40).start(t, res.Wasm)
	if _, err := m.ExportedFunction("f").Call(t.Context(), 1); !errors.Is(err, errDeep) {
		t.Errorf("ends with %.200v, want it stopped", err)
	}
}

func TestTheStackIsTheOneThatTheOptionsSay(t *testing.T) {
	for _, stack := range []uint32{64 << 10, DefaultStack, 8 << 20} {
		p := &program{}
		recursions()["itself"](p)
		res, err := Rewrite(p.assemble(), Options{MaxStack: stack, StackGlobal: "left"})
		if err != nil {
			t.Fatal(err)
		}
		h := newHost(t, 1<<40)
		m := h.start(t, res.Wasm)
		left := m.ExportedGlobal(res.StackGlobal).(api.MutableGlobal)
		if left.Get() != uint64(stack) {
			t.Errorf("an instance begins with %d bytes, want %d", left.Get(), stack)
		}
		fuelOf(m).Set(1 << 40)
		if _, err := m.ExportedFunction("f").Call(context.Background(), uint64(stack)/200); err != nil {
			t.Errorf("%d levels in %d bytes: %.200v", stack/200, stack, err)
		}
		if _, err := m.ExportedFunction("f").Call(context.Background(), uint64(stack)/50); err == nil {
			t.Errorf("%d levels went into %d bytes", stack/50, stack)
		}
	}
	for _, o := range []Options{{MaxStack: 1}, {MaxStack: 2 << 30}, {StackGlobal: DefaultFuelGlobal}, {StackGlobal: "\xff"}} {
		if _, err := Rewrite((&program{}).assemble(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestFunctionsOutsideOfCyclesCountNothing(t *testing.T) {
	p := &program{}
	v := p.sig(nil, nil)
	leaf := p.fn("", v, nil, op(opNop))
	p.fn("f", v, nil, call(leaf), call(leaf))
	res := rewrite(t, p.assemble())
	m, err := split(res.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	if code := string(m.section[sectionCode].b[m.section[sectionCode].pos:]); countOf(code, string([]byte{opGlobalSet, 1})) != 0 {
		t.Errorf("the code sets the stack: % x", code)
	}
}

func countOf(s, part string) (n int) {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			n++
		}
	}
	return n
}

// Fills and copies of any length and place do what the instruction does, overlapping or beyond the end.
func TestFillsAndCopiesInPiecesDoWhatTheInstructionDoes(t *testing.T) {
	p := &program{}
	three := p.sig(valTypes(I32, I32, I32), nil)
	p.memory(20, 20)
	p.fn("fill", three, nil, get(0), get(1), get(2), op(opMisc, miscMemoryFill, 0))
	p.fn("copy", three, nil, get(0), get(1), get(2), op(opMisc, miscMemoryCopy, 0, 0))
	h := newHostOn(t, 1000, wazero.NewRuntimeConfig())
	original, metered := h.start(t, p.assemble()), h.meterProgram(t, p)
	const size = 20 << 16
	odd := []uint64{0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 2*pieceBytes + 7, size - pieceBytes, size - 1, size, size + 1, 1<<32 - 1}
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		s := do([]string{"fill", "copy"}[i%2], odd[rnd.IntN(len(odd))], uint64(rnd.IntN(size)), odd[rnd.IntN(len(odd))])
		if i%3 == 0 && i%2 == 1 {
			s.args[1] = s.args[0] + uint64(rnd.IntN(2*pieceBytes)) - pieceBytes&0xffffffff
			s.args[1] &= 0xffffffff
		}
		if i%2 == 0 {
			fill(original, metered, byte(i))
		}
		_, want := original.ExportedFunction(s.export).Call(t.Context(), s.args...)
		_, _, got := h.run(t, metered, s.export, s.args...)
		a, _ := original.Memory().Read(0, size)
		b, _ := metered.Memory().Read(0, size)
		if trap(got) != trap(want) || string(a) != string(b) {
			t.Fatalf("%s%v: %v, metered %v; same memory: %v", s.export, s.args, trap(want), trap(got), string(a) == string(b))
		}
	}
	if _, used, _ := h.run(t, metered, "fill", 0, 0, size); used < size/BytesPerUnit || used > size/BytesPerUnit+1000 {
		t.Errorf("filling %d bytes used %d units", size, used)
	}
	if h.yields < size/pieceBytes {
		t.Errorf("%d yields during a fill of %d pieces", h.yields, size/pieceBytes)
	}
}

// fill gives both memories contents in which each place is another.
func fill(a, b api.Module, seed byte) {
	for _, m := range []api.Module{a, b} {
		v, _ := m.Memory().Read(0, m.Memory().Size())
		for i := range v {
			v[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16) ^ seed
		}
	}
}
