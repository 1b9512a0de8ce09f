package meter

import (
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
)

// What one call costs, worked out by hand from cost.go.
func TestCallCostsWhatTheTableSays(t *testing.T) {
	const fillEntry = 3 + CostBulk // three operands and the operation
	for _, c := range []struct {
		name  string
		build func(*program)
		arg   uint64
		want  int64
	}{
		{"a short function that calls nothing is free", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, get(0), op(opDrop))
		}, 0, 0},
		{"a longer one pays on entry", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, seq(repeat(10, get(0), op(opDrop))...))
		}, 0, 20},
		{"a direct call is paid by the caller, argument included", func(p *program) {
			v := p.sig(valTypes(I32), nil)
			p.fn("", v, nil)
			p.fn("f", v, nil, get(0), call(0))
		}, 0, 1 + CostCall + 1},
		{"a loop pays for each turn, and short code around it is free", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, countdown(0))
		}, 10, 10 * 5},
		{"an inner loop pays for itself", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), []byte{1, 1, byte(I32)}, countdown(0, i32c(3), set(1), countdown(1)))
		}, 2, 2 * (2 + 5 + 3*5)},
		{"nops and blocks are free, division is not", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, op(opNop, opNop, opBlock, blockEmpty, opEnd), get(0), i32c(7), op(opI32DivS, opDrop))
		}, 7, 3 + CostDivide},
		{"an arm not taken is paid if it is short", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, get(0), op(opIf, blockEmpty), seq(repeat(20, get(0), op(opDrop))...), op(opEnd))
		}, 0, 42},
		{"an arm not taken is not paid behind enough other code", func(p *program) {
			p.fn("f", p.sig(valTypes(I32), nil), nil, seq(repeat(Granularity, op(opI32Const, 0, opDrop))...),
				get(0), op(opIf, blockEmpty), seq(repeat(500, get(0), op(opDrop))...), op(opEnd))
		}, 0, 2*Granularity + 2},
		{"memory.fill pays for its length", func(p *program) {
			p.memory(2, 0)
			p.fn("f", p.sig(valTypes(I32), nil), nil, i32c(0), i32c(1), get(0), op(opMisc, miscMemoryFill, 0))
		}, 100_000, fillEntry + 100_000/BytesPerUnit},
		{"a fill that is out of bounds is charged before it traps", func(p *program) {
			p.memory(2, 0)
			p.fn("f", p.sig(valTypes(I32), nil), nil, i32c(0), i32c(1), get(0), op(opMisc, miscMemoryFill, 0))
		}, 0xffffffff, fillEntry + 0xffffffff/BytesPerUnit},
		{"memory.grow pays for the memory that is there afterwards", func(p *program) {
			p.memory(2, 0)
			p.fn("f", p.sig(valTypes(I32), nil), nil, get(0), op(opMemoryGrow, 0, opDrop))
		}, 3, 2 + CostRuntime + 5*65536/BytesPerUnit},
		{"table.fill pays for its elements", func(p *program) {
			p.tables = [][]byte{{byte(ExternRef), 0, 100}}
			p.fn("f", p.sig(valTypes(I32), nil), nil, i32c(0), op(opRefNull, byte(ExternRef)), get(0), op(opMisc, miscTableFill, 0))
		}, 90, fillEntry + 90*BytesPerElement/BytesPerUnit},
		{"table.grow pays for the table that is there afterwards", func(p *program) {
			p.tables = [][]byte{{byte(ExternRef), 0, 100}}
			p.fn("f", p.sig(valTypes(I32), nil), nil, op(opRefNull, byte(ExternRef)), get(0), op(opMisc, miscTableGrow, 0, opDrop))
		}, 11, 3 + CostRuntime + 111*BytesPerElement/BytesPerUnit},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &program{}
			c.build(p)
			h := newHost(t, 1<<40)
			_, used, _ := h.run(t, h.meterProgram(t, p), "f", c.arg)
			if used != c.want {
				t.Errorf("used %d units, want %d", used, c.want)
			}
		})
	}
}

func repeat(n int, code ...[]byte) [][]byte {
	var all [][]byte
	for range n {
		all = append(all, code...)
	}
	return all
}

func TestConsumptionDependsOnNothingButTheWork(t *testing.T) {
	for _, g := range guests(t) {
		t.Run(g.name, func(t *testing.T) {
			h := newHost(t, 1<<40)
			h.provide(t)
			wasm := rewrite(t, g.wasm).Wasm
			var first []int64
			for _, slice := range []int64{1 << 40, 1 << 40, 1, 33, 4096} {
				h.slice = slice
				m := h.start(t, wasm)
				for i, s := range g.steps {
					_, used, _ := h.run(t, m, s.export, s.args...)
					if i == len(first) {
						first = append(first, used)
					}
					if used != first[i] {
						t.Errorf("%s%v uses %d units in slices of %d, %d in one", s.export, s.args, used, slice, first[i])
					}
				}
			}
		})
	}
}

// Random programs count what they do: each piece of work adds to a global, at one unit an instruction. However they
// branch, they must have paid for at least that, and in all slices the same.
func TestEveryInstructionIsPaidBeforeItRuns(t *testing.T) {
	h := newHostOn(t, 1<<40, wazero.NewRuntimeConfigInterpreter())
	for seed := range uint64(150) {
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		p := &program{}
		one := p.sig(valTypes(I32), valTypes(I32))
		p.export("work", Global, p.global(I64, 1, i64c(0)...))
		p.fn("", one, []byte{1, 1, byte(I32)}, g.body(3), get(0))
		g.callee = true
		p.fn("f", one, []byte{1, 1, byte(I32)}, g.body(4), get(0))
		wasm := rewrite(t, p.assemble()).Wasm
		var first int64
		for _, slice := range []int64{1 << 40, 50} {
			h.slice = slice
			m := h.start(t, wasm)
			_, used, err := h.run(t, m, "f", seed)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			work := int64(m.ExportedGlobal("work").Get())
			if used < work || work == 0 {
				t.Errorf("seed %d: %d units paid, at least %d executed", seed, used, work)
			}
			if slice == 1<<40 {
				first = used
			} else if used != first {
				t.Errorf("seed %d: %d units in slices, %d without", seed, used, first)
			}
			m.Close(t.Context())
		}
	}
}

// generator writes random code for a function (i32) -> (i32) with one i32 local besides. Local 0 steers the branches,
// local 1 ends the loops.
type generator struct {
	*rand.Rand
	loops  int  // around here
	callee bool // function 0 may be called
}

// body is code that leaves the stack as it is. All of it ends: loops run three times.
func (g *generator) body(depth int) []byte {
	code := g.work()
	for range 1 + g.IntN(4) {
		code = append(code, g.piece(depth)...)
	}
	return code
}

// work is n instructions that add n to the global and change what steers.
func (g *generator) work() []byte {
	n := 1 + g.IntN(30)
	steer := seq(get(0), i32c(int32(g.Uint32())), op(opI32Mul), i32c(12345), op(opI32Add), set(0))
	count := seq(op(opGlobalGet, 0), i64c(int64(6+4+2*n)), op(opI64Add, opGlobalSet, 0))
	return seq(steer, count, seq(repeat(n, op(opI32Const, 0, opDrop))...))
}

func (g *generator) condition() []byte { return seq(get(0), i32c(1<<g.IntN(20)), op(0x71)) } // i32.and

func (g *generator) piece(depth int) []byte {
	if depth == 0 {
		return g.work()
	}
	inner := func() []byte { return g.body(depth - 1) }
	switch g.IntN(7) {
	case 0:
		return seq(op(opBlock, blockEmpty), inner(), op(opEnd))
	case 1:
		return seq(g.condition(), op(opIf, blockEmpty), inner(), op(opElse), inner(), op(opEnd))
	case 2:
		return seq(g.condition(), op(opIf, blockEmpty), inner(), op(opEnd))
	case 3:
		if g.loops > 0 {
			return g.work()
		}
		g.loops++
		defer func() { g.loops-- }()
		return seq(i32c(3), set(1), op(opLoop, blockEmpty), inner(),
			get(1), i32c(1), op(opI32Sub, opLocalTee, 1), i32c(0), op(0x4a, opBrIf, 0, opEnd)) // i32.gt_s
	case 4:
		return seq(op(opBlock, blockEmpty), g.work(), g.condition(), op(opBrIf, 0), inner(), op(opEnd))
	case 5:
		return seq(op(opBlock, blockEmpty, opBlock, blockEmpty, opBlock, blockEmpty), g.work(), g.condition(),
			op(opBrTable, 2, 0, 1, 2, opEnd), inner(), op(opBr, 1, opEnd), inner(), op(opEnd))
	default:
		if g.callee && g.loops == 0 {
			return seq(get(0), call(0), set(0))
		}
		return g.work()
	}
}
