package meter

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// step is one call of an export.
type step struct {
	export string
	args   []uint64
}

func do(export string, args ...uint64) step { return step{export, args} }

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// guest is a module and what to do with it.
type guest struct {
	name  string
	wasm  []byte
	steps []step
}

func guests(t testing.TB) []guest {
	minus := uint64(uint32(0xffffffff))
	g := []guest{
		{"C kernels", read(t, "kernels.wasm"), kernelSteps(7)},
		{"C with all features", read(t, "state.wasm"), []step{
			do("bump", 3), do("bulk", 100, 5000, 7), do("bulk", 0, 0, 1), do("bulk", 5, 1<<30, 1), do("bump", 4),
			do("grow", 1), do("grow", 0), do("grow", 1000), do("divide", 7, 2), do("divide", 7, 0), do("load", 1024),
			do("load", minus), do("abort_"), do("truncate", api.EncodeF64(-300.7)), do("truncate", api.EncodeF64(1e300)),
			do("recurse", 100), do("recurse", 5), do("apply", 0, 3, 4), do("apply", 1, 3, 4), do("apply", 2, 3, 4),
			do("apply", 3, 3, 4), do("wrong", 1), do("vector", 1000), do("vector", 33), do("bounce", 101),
			do("choose", 0), do("choose", 2), do("choose", 3), do("choose", 4), do("choose", 5), do("choose", 6),
			do("choose", 7), do("choose", 4), do("choose", 8), do("choose", 99),
		}},
		{"every index space", everyIndex().assemble(), []step{
			do("square", 9), do("negate", 9), do("apply", 0, 5), do("apply", 1, 5), do("apply", 2, 5), do("apply", 3, 5),
			do("apply", 8, 5), do("apply1", 0, 21), do("apply1", 1, 21), do("refs", 6), do("apply", 2, 5), do("apply", 3, 5),
			do("apply1", 0, 4), do("apply1", 1, 4), do("refs", 6), do("data", 8), do("data", 65533), do("size", 1),
			do("size", 9), do("size", 0),
		}},
		{"branches", branches().assemble(), []step{
			do("table", 0), do("table", 1), do("table", 2), do("table", 3), do("table", minus), do("arms", 0), do("arms", 1),
			do("swap", 3), do("nest", 0), do("nest", 20), do("long", 0), do("dead", 5),
		}},
		{"exceptions", exceptions().assemble(), []step{
			do("catch", 1), do("catch", 3), do("again", 5), do("again", 0), do("rethrow", 1), do("rethrow", 3),
		}},
		{"vectors", vectors().assemble(), []step{do("mix", 1), do("mix", 65530), do("mix", minus)}},
		{"tail calls", tailCalls().assemble(), []step{
			do("down", 0, 1), do("down", 100_000, 1), do("across", 1, 1), do("across", 99_999, 1),
		}},
	}
	return g
}

// provide gives guests the imports of everyIndex.
func (h *host) provide(t testing.TB) {
	t.Helper()
	p := &program{}
	one := p.sig(valTypes(I32), valTypes(I32))
	v := p.sig(nil, nil)
	p.fn("twice", one, nil, get(0), i32c(2), op(opI32Mul))
	p.fn("note", v, nil)
	p.global(I32, 0, i32c(1000)...)
	p.export("base", Global, 0)
	if _, err := h.InstantiateWithConfig(context.Background(), p.assemble(), wazero.NewModuleConfig().WithName("env")); err != nil {
		t.Fatal(err)
	}
}

// observe takes the steps one by one and says what could be seen after each.
func observe(t testing.TB, m api.Module, steps []step, globals []string) []string {
	t.Helper()
	var seen []string
	for _, s := range steps {
		f := m.ExportedFunction(s.export)
		if f == nil {
			t.Fatalf("no export %s", s.export)
		}
		res, err := f.Call(context.Background(), s.args...)
		text := fmt.Sprintf("%s%v = %v %s; %s", s.export, s.args, res, trap(err), memoryOf(m))
		for _, g := range globals {
			text += fmt.Sprintf("; %s = %d", g, m.ExportedGlobal(g).Get())
		}
		seen = append(seen, text)
	}
	return seen
}

func TestMeteredModuleDoesWhatTheOriginalDoes(t *testing.T) {
	engines := map[string]wazero.RuntimeConfig{"compiler": wazero.NewRuntimeConfig(), "interpreter": wazero.NewRuntimeConfigInterpreter()}
	for _, g := range guests(t) {
		res := rewrite(t, g.wasm)
		var globals []string
		for _, x := range res.Exports {
			if x.Kind == Global {
				globals = append(globals, x.Name)
			}
		}
		for engine, cfg := range engines {
			t.Run(g.name+"/"+engine, func(t *testing.T) {
				h := newHostOn(t, 1<<40, cfg.WithMemoryLimitPages(DefaultMemoryPages)) // for the original
				h.provide(t)
				want := observe(t, h.start(t, g.wasm), g.steps, globals)
				for _, slice := range []int64{1, 97, 1 << 40} { // yields at nearly every test, at some, at none
					h.slice = slice
					got := observe(t, h.start(t, res.Wasm), g.steps, globals)
					for i := range want {
						if got[i] != want[i] {
							t.Errorf("slices of %d:\noriginal %s\nmetered  %s", slice, want[i], got[i])
						}
					}
				}
			})
		}
	}
}

func TestStackTracesNameTheGuestsFunctions(t *testing.T) {
	h := newHost(t, 1<<40)
	wasm := read(t, "state.wasm")
	original, metered := h.start(t, wasm), h.start(t, rewrite(t, wasm).Wasm)
	for _, s := range []step{do("abort_"), do("divide", 4, 0), do("apply", 3, 1, 1)} {
		_, want := original.ExportedFunction(s.export).Call(context.Background(), s.args...)
		_, _, got := h.run(t, metered, s.export, s.args...)
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%s: original fails with\n%v\nmetered with\n%v", s.export, want, got)
		}
	}
	_, _, err := h.run(t, metered, "bulk", 5, 1<<30, 1)
	if err == nil || !strings.Contains(err.Error(), "bulk") {
		t.Errorf("out of bounds fill fails with %v, want the guest's function named", err)
	}
}

func TestNamesAreRenumberedAndOtherCustomSectionsDropped(t *testing.T) {
	p := branches()
	p.importFn("env", "note", p.sig(nil, nil))
	names := appendSized([]byte{namesModule}, appendName(nil, "filter"))
	names = append(names, appendSized([]byte{namesFunctions}, vec(
		appendName([]byte{0}, "noted"), appendName([]byte{2}, "two"), appendName([]byte{5}, "five")))...)
	names = append(names, appendSized([]byte{namesLocals}, vec(append([]byte{2}, vec(appendName([]byte{0}, "n"))...)))...)
	names = append(names, appendSized([]byte{7}, vec(appendName([]byte{0}, "a global")))...)
	p.tail = seq(custom(".debug_info", 1, 2, 3), custom("name", names...), custom("producers"))
	res := rewrite(t, p.assemble())

	m, err := newHost(t, 1).CompileModule(context.Background(), res.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	got := map[uint32]string{}
	for _, f := range m.ExportedFunctions() {
		got[f.Index()] = f.DebugName()
		if f.Name() == "two" && (len(f.ParamNames()) != 1 || f.ParamNames()[0] != "n") {
			t.Errorf("parameters of two are %v, want [n]", f.ParamNames())
		}
	}
	for index, want := range map[uint32]string{2: "filter.$2", 3: "filter.two", 6: "filter.five"} {
		if got[index] != want {
			t.Errorf("function %d is %q, want %q", index, got[index], want)
		}
	}
	for _, dropped := range []string{"debug", "producers", "a global"} {
		if strings.Contains(string(res.Wasm), dropped) {
			t.Errorf("%s is still in the module", dropped)
		}
	}
	if !strings.Contains(string(res.Wasm), chargeName) {
		t.Errorf("the added function has no name")
	}
}
