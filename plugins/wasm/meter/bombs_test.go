package meter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

// bombs would run for ever, or as good as. Each exports f.
func bombs() map[string]func(*program) {
	v := func(p *program) byte { return p.sig(nil, nil) }
	bulk := func(code ...[]byte) func(*program) {
		return func(p *program) {
			p.memory(200, 0)
			p.tables = [][]byte{append([]byte{byte(FuncRef), 0}, 0x80, 0x80, 8)} // 131,072
			p.dataCount = true
			p.datas = [][]byte{append([]byte{1}, appendSized(nil, make([]byte, 100_000))...)}
			p.elems = [][]byte{append([]byte{1, 0}, vec(repeat(10_000, op(0))...)...)}
			p.fn("f", v(p), nil, loop(seq(code...), op(opBr, 0)))
		}
	}
	return map[string]func(*program){
		"an empty loop": func(p *program) { p.fn("f", v(p), nil, loop(op(opBr, 0))) },
		"a loop with a value": func(p *program) {
			p.fn("f", v(p), nil, i32c(1), op(opLoop, p.sig(valTypes(I32), valTypes(I32)), opBr, 0, opEnd, opDrop))
		},
		"loops within loops": func(p *program) {
			p.fn("f", p.sig(nil, nil), []byte{1, 2, byte(I32)},
				countdown(0, i32c(-1), set(1), countdown(1, op(opNop))))
		},
		"br_table":  func(p *program) { p.fn("f", v(p), nil, loop(i32c(5), op(opBrTable, 2, 0, 0, 0))) },
		"recursion": func(p *program) { p.fn("f", v(p), nil, call(0)) },
		"a tree of calls": func(p *program) {
			t := v(p)
			f := p.fn("", t, nil)
			for range 60 {
				f = p.fn("", t, nil, call(f), call(f))
			}
			p.export("f", Function, f)
		},
		"mutual indirect recursion": func(p *program) {
			t := v(p)
			p.tables = [][]byte{{byte(FuncRef), 0, 2}}
			p.fn("f", t, nil, i32c(1), op(opCallIndirect, t, 0))
			p.fn("", t, nil, i32c(0), op(opCallIndirect, t, 0))
			p.elems = [][]byte{append(append([]byte{0}, i32c(0)...), opEnd, 2, 0, 1)}
		},
		"tail recursion": func(p *program) { p.fn("f", v(p), nil, op(opReturnCall, 0)) },
		"indirect tail recursion": func(p *program) {
			p.tables = [][]byte{{byte(FuncRef), 0, 1}}
			p.fn("f", v(p), nil, i32c(0), op(opReturnCallIndirect, 0, 0))
			p.elems = [][]byte{append(append([]byte{0}, i32c(0)...), opEnd, 1, 0)}
		},
		"a million calls in a row": func(p *program) {
			t := v(p)
			free := p.fn("", t, nil, op(opNop))
			many := p.fn("", t, nil, repeat(1000, call(free))...)
			p.fn("f", t, nil, repeat(1000, call(many))...)
		},
		"memory.fill": bulk(i32c(0), i32c(1), i32c(200*65536), op(opMisc, miscMemoryFill, 0)),
		"memory.copy": bulk(i32c(0), i32c(1), i32c(200*65536-1), op(opMisc, miscMemoryCopy, 0, 0)),
		"memory.init": bulk(i32c(0), i32c(0), i32c(100_000), op(opMisc, miscMemoryInit, 0, 0)),
		"memory.grow": bulk(i32c(0), op(opMemoryGrow, 0, opDrop)),
		"table.fill":  bulk(i32c(0), op(opRefNull, byte(FuncRef)), i32c(131_072), op(opMisc, miscTableFill, 0)),
		"table.copy":  bulk(i32c(0), i32c(1), i32c(131_071), op(opMisc, miscTableCopy, 0, 0)),
		"table.init":  bulk(i32c(0), i32c(0), i32c(10_000), op(opMisc, miscTableInit, 0, 0)),
		"table.grow":  bulk(op(opRefNull, byte(FuncRef)), i32c(1), op(opMisc, miscTableGrow, 0, opDrop)),
		"straight fills": func(p *program) {
			p.memory(200, 0)
			p.fn("f", v(p), nil, repeat(1000, i32c(0), i32c(1), i32c(200*65536), op(opMisc, miscMemoryFill, 0))...)
		},
		"exceptions": func(p *program) {
			p.tags = [][]byte{{0, v(p)}}
			p.fn("f", 0, nil, loop(op(opTryTable, blockEmpty, 1, 2, 0, opThrow, 0, opEnd)))
		},
		"a handler of everything around a loop": func(p *program) {
			p.tags = [][]byte{{0, v(p)}}
			p.fn("f", 0, nil, loop(op(opTryTable, blockEmpty, 1, 2, 0), loop(op(opBr, 0)), op(opEnd)))
		},
	}
}

func TestBombIsStoppedWithinItsFuel(t *testing.T) {
	const total = 300_000
	for name, build := range bombs() {
		t.Run(name, func(t *testing.T) {
			p := &program{}
			build(p)
			h := newHost(t, 10_000)
			h.total = total
			m := h.meterProgram(t, p)
			_, _, err := h.run(t, m, "f")
			if errors.Is(err, errDeep) && strings.Contains(name, "recursion") {
				return // TestRecursionIsStopped says the rest
			}
			if !errors.Is(err, errSpent) {
				t.Fatalf("ends with %v, want it stopped", err)
			}
			// What was overdrawn at most: one stretch between tests, or one operation on all of the memory.
			if over := h.used - total; over < 0 || over > h.slice+CheckInterval+201*65536/BytesPerUnit {
				t.Errorf("used %d units of %d", h.used, total)
			}
			// The instance survives, and so does the metering.
			if _, _, err := h.run(t, m, "f"); !errors.Is(err, errSpent) {
				t.Errorf("called again it ends with %v", err)
			}
		})
	}
}

func TestStartFunctionIsMetered(t *testing.T) {
	p := &program{start: []byte{0}}
	p.fn("", p.sig(nil, nil), nil, loop(op(opBr, 0)))
	p.start = []byte{0}
	h := newHost(t, 1000)
	h.total = 5000
	_, err := h.InstantiateWithConfig(context.Background(), rewrite(t, p.assemble()).Wasm, wazero.NewModuleConfig())
	if !errors.Is(err, errSpent) {
		t.Errorf("start function that loops ends with %v, want it stopped", err)
	}
}

func TestInitialFuelServesTheStartFunction(t *testing.T) {
	p := &program{start: []byte{0}}
	p.fn("", p.sig(nil, nil), []byte{1, 1, byte(I32)}, i32c(100), set(0), countdown(0))
	for fuel, want := range map[int64]int{0: 1, 499: 0, 500: 0, 490: 1, -7: 1} {
		res, err := Rewrite(p.assemble(), Options{InitialFuel: fuel})
		if err != nil {
			t.Fatal(err)
		}
		h := newHost(t, 1<<40)
		h.start(t, res.Wasm)
		if h.yields != want {
			t.Errorf("with %d units a start function of 500 yields %d times, want %d", fuel, h.yields, want)
		}
	}
}

func TestGuestThatIsGivenFuelGoesOn(t *testing.T) {
	p := &program{}
	p.fn("f", p.sig(valTypes(I32), valTypes(I32)), []byte{1, 1, byte(I32)},
		countdown(0, get(1), i32c(3), op(opI32Add), set(1)), get(1))
	h := newHost(t, 1) // less than one turn of the loop costs
	m := h.meterProgram(t, p)
	res, used, err := h.run(t, m, "f", 1000)
	if err != nil || res[0] != 3000 || h.yields < 900 {
		t.Errorf("f(1000) = %v, %v after %d yields; want 3000 after one for each turn", res, err, h.yields)
	}
	if used != 9000 {
		t.Errorf("used %d units, want 9000: what a yield takes away was not lost", used)
	}
}

func TestFuelBelowZeroCountsAsUsedUp(t *testing.T) {
	p := &program{}
	p.fn("f", p.sig(nil, nil), nil, loop(op(opBr, 0)))
	h := newHost(t, 100)
	h.total = 0
	m := h.meterProgram(t, p)
	for _, fuel := range []int64{0, -1, -1 << 62} {
		h.yields = 0
		fuelOf(m).Set(uint64(fuel))
		if _, err := m.ExportedFunction("f").Call(context.Background()); !errors.Is(err, errSpent) || h.yields != 1 {
			t.Errorf("with %d units: %v after %d yields", fuel, err, h.yields)
		}
	}
}

// A host can let the clock decide: each yield is a chance to look at it.
func TestHostCanStopAGuestByTheClock(t *testing.T) {
	h := newHost(t, 100_000)
	m := h.start(t, rewrite(t, read(t, "kernels.wasm")).Wasm)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	h.stop = func() error { return context.Cause(ctx) }
	_, _, err := h.run(t, m, "fib", 60)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "fib") {
		t.Errorf("ends with %v, want the deadline, and where it struck", err)
	}
}
